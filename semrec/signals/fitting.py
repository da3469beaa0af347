"""What signals are made and fitted from: encoded items, training data, a validation trial."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from semrec.store.protocol import Items, VectorField
from semrec.types import Float1D, Float2D, Item, Keys

if TYPE_CHECKING:
    from scipy.sparse import csc_array, csr_array

    from semrec.signals.catalog_matrix import Histories

Parameters: TypeAlias = Mapping[str, "int | float | str | np.ndarray | None"]
"""What a fitted signal needs to answer, besides the vectors of the items."""

ROUNDING = 1e-3
"""Sums of user weights may be above a whole number by so much."""

ScoreHistories: TypeAlias = "Callable[[Histories], Float2D]"
"""Histories over n_items -> scores float32 (n, n_items)."""


@dataclass(frozen=True, slots=True)
class EncodedItems:
    """Items and the vectors of their passages: entry n of every field belongs to item n.

    Parameters
    ----------
    items : the items.
    texts : what of each item was encoded.
    passage_vectors : for each item float32 (n_passages, dim), unit length, at least one passage.
    passages : the passages of each item; empty: each text is one passage.
    average_words : words of an average passage of the catalog; None: not known.
    """

    items: Sequence[Item]
    texts: Sequence[str]
    passage_vectors: Sequence[Float2D]
    passages: Sequence[Sequence[str]] = ()
    average_words: float | None = None


@dataclass(frozen=True, slots=True)
class NewItems:
    """Items that came after the fit, and items of the index whose texts are nearest to theirs.

    Parameters
    ----------
    text_vectors : float32 (n, dim), unit length.
    text_mean : float32 (dim,), mean text vector of the catalog.
    near : the near items of all of them, with their texts and the fields of `Signal.near_fields`; None: there
        are none.
    """

    text_vectors: Float2D
    text_mean: Float1D
    near: Items | None = None


@dataclass(frozen=True)
class TrainingData:
    """What users did, and what is stored of the items.

    Parameters
    ----------
    user_items : float32 (n_users, n_items), positive confidences.
    order : same pattern, when each event happened (time or position; bigger is later, equal is at the same
        time); None: not known.
    text_vectors : float32 (n_items, dim), unit length, as the encoder gives them.
    vectors : other dense fields that indexing has written, by name: float32 (n_items, dim of the field).
    keys : uint64 (n_items,), the items' keys in the store; None where nothing is stored.
    user_weights : float32 (n_users,), above 0 and at most 1: how much each user counts; None: 1 each.
    times : same pattern, unix seconds of each event, NaN where they are not known; None: there is no clock.
    """

    user_items: csr_array
    order: csr_array | None
    text_vectors: Float2D
    vectors: Mapping[str, Float2D] = field(default_factory=dict)
    keys: Keys | None = None
    user_weights: Float1D | None = None
    times: csr_array | None = None

    @property
    def events(self) -> Float1D:
        """Sum of the weights of the users of every item, rounded up, float32 (n_items,)."""
        n_items = self.user_items.shape[1]
        if self.user_weights is None:
            return np.bincount(self.user_items.indices, minlength=n_items).astype(np.float32)
        weights = np.repeat(self.user_weights, np.diff(self.user_items.indptr))
        events = np.bincount(self.user_items.indices, weights, minlength=n_items)
        return np.ceil(events - ROUNDING).astype(np.float32)

    @property
    def has_order(self) -> bool:
        """Whether some user has two events of which one is later."""
        if self.order is None:
            return False
        users = np.repeat(np.arange(self.order.shape[0]), np.diff(self.order.indptr))
        return bool(((np.diff(users) == 0) & (np.diff(self.order.data) != 0)).any())

    @property
    def weighted(self) -> csr_array:
        """The confidences times the weight of the user, float32 (n_users, n_items)."""
        return times_rows(self.user_items, self.user_weights)

    @property
    def root_weighted(self) -> csr_array:
        """The confidences times the root of the weight: in XᵀX, a user counts as much as the weight says."""
        return times_rows(self.user_items, None if self.user_weights is None else np.sqrt(self.user_weights))

    def sorted(self) -> TrainingData:
        """Return the same with sorted columns in every row, vectors as float32."""
        order, times = (None if one is None else sorted_csr(one) for one in (self.order, self.times))
        text_vectors = np.asarray(self.text_vectors, np.float32)
        user_items = sorted_csr(self.user_items)
        return replace(self, user_items=user_items, order=order, times=times, text_vectors=text_vectors)


@dataclass(frozen=True)
class Fitted:
    """What was learned for one signal.

    Parameters
    ----------
    fields : the stored fields of every item.
    vectors : by field: dense float32 (n_items, dim), or sparse (2·n_items, n_items) whose column n is stored
        with item n, see `Catalog.item_columns`.
    parameters : what it needs besides, to answer.
    """

    fields: tuple[VectorField, ...]
    vectors: Mapping[str, Float2D | csc_array]
    parameters: Parameters = field(default_factory=dict)


class Trial(Protocol):
    """A validation part: what remains to train on, and how much of the rest a model finds.

    Attributes
    ----------
    data : the training part.
    seed : of everything random.
    """

    data: TrainingData
    seed: int

    def ndcg(self, score: ScoreHistories) -> float:
        """Return NDCG@10 of a model on the hidden events, with the half life that was chosen."""

    def choose_half_life(self, models: Iterable[tuple[Any, ScoreHistories]]) -> Any:
        """Return the label of the model that finds most with any half life, and keep that half life.

        None if no model finds anything.
        """


def times_rows(matrix: csr_array, factors: Float1D | None) -> csr_array:
    """Return the matrix with row n times factor n; None: as it is."""
    from scipy.sparse import csr_array

    if factors is None:
        return matrix
    data = matrix.data * np.repeat(factors, np.diff(matrix.indptr))
    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def sorted_csr(matrix: csr_array) -> csr_array:
    """Return the matrix as CSR with sorted columns; the input stays as it is."""
    from scipy.sparse import csr_array

    result = csr_array(matrix, copy=not matrix.has_sorted_indices)
    result.sort_indices()
    return result
