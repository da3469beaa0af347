"""What a signal is: one reason why an item can match.

A signal says everything about itself in its own file: the fields it stores for every item, the words that
people read, how it scores the candidates of one question (`ask`), how it scores a whole catalog for many
histories (`score_catalog`), and how it is tuned and fitted. `semrec.signals.SIGNALS` lists all signals.

The score of an item is always a *sum of terms*, one per reason (an item of the history, or the text). The
score and the explanation use the same terms, so the attribution is exact by construction.

A signal never reads the store. It gets the vectors of the history with the question, and it returns
requests: searches for candidates, and queries whose exact scores the pipeline asks the store for. So the
number of round trips does not depend on the number of signals.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from semrec.store.protocol import FieldType, Hits, Items, ScoreQuery, Search, Vector, VectorField
from semrec.types import Float1D, Float2D, Keys, Value

if TYPE_CHECKING:
    from semrec.config import Settings
    from semrec.signals.catalog_matrix import Catalog, Histories
    from semrec.signals.fitting import EncodedItems, Fitted, NewItems, Parameters, TrainingData, Trial

Origin = Literal["history", "text", "catalog"]
"""What the terms of a signal stand for: the items of the history, the text, or neither (popularity)."""

Source = Literal["text", "events", "metadata"]
"""What a signal is made from."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a signal sees of a query.

    Parameters
    ----------
    text : the query text, or None.
    text_vector : float32 (dim,), unit length, the encoded text; None without a text.
    history : uint64 (n_history,), keys of the known items of the history, each once.
    weights : float32 (n_history,), how much each counts; below 0 it counts against.
    interests : int64 (n_history,), the interest of each item; -1 for items that do not count as liked.
    centred : float32 (n_history, dim), text vectors minus the catalog mean, unit length.
    items : the history as the store holds it: the fields that signals name in `history_fields`.
    limit : hits wanted from each search.
    ages : int64 (n_history,), how many liked items of the history are newer; None: all 0.
    """

    text: str | None
    text_vector: Float1D | None
    history: Keys
    weights: Float1D
    interests: np.ndarray
    centred: Float2D
    items: Items | None
    limit: int
    ages: np.ndarray | None = None

    def decayed(self, decay: float) -> Float1D:
        """Return the weights times decay^age, float32 (n_history,)."""
        if self.ages is None:
            return self.weights
        return (self.weights * np.float32(decay) ** self.ages).astype(np.float32)

    def vectors(self, name: str) -> Float2D:
        """Return the vectors of the history, float32 (n_history, dim of the field)."""
        if self.items is None:
            raise ValueError("the question has no history")
        return self.items.vectors(name)


@dataclass(frozen=True)
class SignalQuery:
    """One signal's part of a question.

    Parameters
    ----------
    signal : name of the signal.
    origin : what the terms stand for: the items of the `history` (term h is item h), the `text` (one term),
        or the `catalog` (one term that is the same for every asker).
    offsets : float32 (n_terms,), mean of each term over the catalog.
    scale : standard deviation of the score over the catalog, greater than 0.
    searches : find candidates; the pipeline adds the filters.
    probes : searches that are asked without filters, for `after_search`; their hits are no candidates.
    requests : queries whose exact scores `score` needs of every candidate.
    metadata_field : the metadata field whose values `score` and `terms` need; None: none.
    fields : the stored fields that `terms` reads of the items that are shown.
    """

    signal: str
    origin: Origin
    offsets: Float1D
    scale: float
    searches: tuple[Search, ...] = ()
    probes: tuple[Search, ...] = ()
    requests: tuple[ScoreQuery, ...] = ()
    metadata_field: str | None = None
    fields: tuple[str, ...] = ()

    def after_search(self, probes: Sequence[Hits]) -> SignalQuery | None:
        """Return the part with what the hits of its probes tell; None if no item matches."""
        return self

    def estimate(self, keys: Keys, hits: Sequence[Hits]) -> Float1D | None:
        """Return a cheap estimate of the scores of candidates, float32 (n,).

        None: `requests` are so few that every candidate is scored exactly. With an estimate, only the
        candidates that can still win are scored exactly.

        Parameters
        ----------
        keys : uint64 (n,), ascending, the candidates.
        hits : those of its searches, in order.
        """
        return None

    def score(self, raw: Float2D, values: Sequence[Value | None]) -> Float1D:
        """Return the score of items, float32 (n,); NaN: no opinion, which counts as the mean.

        Parameters
        ----------
        raw : float32 (n_requests, n), the exact scores of the requests.
        values : values of `metadata_field`, empty without one.
        """
        total: Float1D = raw.sum(axis=0)
        return total

    def terms(self, items: Items, scores: Float1D) -> Float2D:
        """Return the terms of stored items, float32 (n, n_terms); a row sums to the item's score.

        Parameters
        ----------
        items : the items, with the fields that `fields` names.
        scores : float32 (n,), as `score` returned them; a part with one term needs nothing else.
        """
        return scores[:, None]

    def relations(self, items: Items) -> Sequence[str]:
        """Return what each item is to those of the history, see `Because.relation`; empty: nothing to add."""
        return ()


@dataclass(frozen=True, kw_only=True)
class LinearQuery(SignalQuery):
    """A part whose terms are inner products with a stored dense field, the one of `fields`.

    Parameters
    ----------
    directions : float32 (dim, n_terms): term t of an item x is x·directions[:, t].
    length : the score is this times what the store says: a cosine field forgets the length of a query.
    """

    directions: Float2D
    length: float = 1.0

    def score(self, raw: Float2D, values: Sequence[Value | None]) -> Float1D:
        """Return the score of items, float32 (n,)."""
        total: Float1D = np.float32(self.length) * raw.sum(axis=0)
        return total

    def terms(self, items: Items, scores: Float1D) -> Float2D:
        """Return the terms of stored items, float32 (n, n_terms)."""
        terms: Float2D = items.vectors(self.fields[0]) @ self.directions
        return terms


@dataclass(frozen=True)
class SignalContext:
    """What a signal is opened with.

    Parameters
    ----------
    settings : of the process.
    text_mean : float32 (dim,), mean text vector of the catalog.
    n_items : items of the catalog.
    fields : the metadata fields of the catalog and their types.
    parameters : what `Signal.fit` returned for this signal; empty for one that is not fitted.
    sample : a fixed random sample of the catalog, by which scores of one question are standardised; None
        where only `score_catalog` is used.
    metadata_values : (field, keys) -> the values of a metadata field.
    has_long_items : some items have more than one passage, and these are searched.
    """

    settings: Settings
    text_mean: Float1D
    n_items: int
    fields: Mapping[str, FieldType]
    parameters: Parameters = field(default_factory=dict)
    sample: Items | None = None
    metadata_values: Callable[[str, Keys], Sequence[Value | None]] = lambda field, keys: [None] * len(keys)
    has_long_items: bool = False


class Signal(ABC):
    """One reason why an item can match; subclasses are listed in `semrec.signals.SIGNALS`.

    Attributes
    ----------
    name : in requests, answers and reports.
    label : for people.
    source : what it is made from.
    because : sentence about the items of a history that speak for an item; `{items}` names them.
    sentence : sentence about an item that has no other reason; empty: none.
    fallback : what users without a history get from it, one word ("popular"); empty: nothing.
    impersonal : every asker gets the same score.
    last_resort : it counts only where no other signal has something for users without a history.
    default_weight : its weight where `fit` has learned none: for texts, and before the first fit.
    learns_weight : `fit` learns a weight for it, for questions with a history.
    warm_prior, cold_prior : expected weight for items with and without events, before validation.
    scores_new_items : it scores items without events, too.
    history_fields : stored fields of the history that `ask` reads.
    sample_fields : stored fields of the sample that `ask` reads.
    is_fitted : `fit` makes it; before the first fit it is not there.
    tunes_half_life : its tuning decides after how many newer events an event counts half.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    source: ClassVar[Source]
    because: ClassVar[str] = "Because of {items}."
    sentence: ClassVar[str] = ""
    fallback: ClassVar[str] = ""
    impersonal: ClassVar[bool] = False
    last_resort: ClassVar[bool] = False
    default_weight: ClassVar[float] = 0.0
    learns_weight: ClassVar[bool] = True
    warm_prior: ClassVar[float] = 0.0
    cold_prior: ClassVar[float] = 0.0
    scores_new_items: ClassVar[bool] = True
    history_fields: ClassVar[tuple[str, ...]] = ()
    sample_fields: ClassVar[tuple[str, ...]] = ()
    is_fitted: ClassVar[bool] = False
    tunes_half_life: ClassVar[bool] = False

    evidence_request: ScoreQuery | None = None
    """Query whose scores give the number of events of items; one signal has it."""

    metadata_fields: tuple[str, ...] = ()
    """Metadata fields that `score_catalog` reads."""

    @classmethod
    @abstractmethod
    def open(cls, context: SignalContext) -> Signal:
        """Open the signal on a catalog."""

    @classmethod
    def is_wanted(cls, settings: Settings) -> bool:
        """Tell whether the settings ask for this signal."""
        return True

    @abstractmethod
    def ask(self, question: Question) -> list[SignalQuery]:
        """Return the signal's parts of a question; empty if it does not answer it."""

    @abstractmethod
    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D | None:
        """Score items of a catalog for many histories, with the numbers that `ask` leads to.

        Parameters
        ----------
        catalog : the stored vectors of all items.
        histories : the weights of the histories over the catalog.
        rows : the items to score.

        Returns
        -------
        float32 (n_histories, n_rows), NaN for no opinion; None if it does not score histories.
        """

    def evidence(self, raw: Float1D) -> Float1D:
        """Return the number of events of items from the scores of `evidence_request`, float32 (n,)."""
        raise NotImplementedError(f"signal {self.name!r} does not know the events of items")

    # -- what is stored ----------------------------------------------------------------------------------

    @classmethod
    def catalog_fields(cls, dimension: int, *, quantized: bool = False) -> tuple[VectorField, ...]:
        """Return the fields that indexing writes for every item.

        Parameters
        ----------
        dimension : of the text vectors.
        quantized : search text vectors in int8.
        """
        return ()

    @classmethod
    def catalog_vectors(cls, items: EncodedItems) -> Mapping[str, Sequence[Vector]]:
        """Return the vectors of `catalog_fields`, by field: entry n belongs to item n."""
        return {}

    @classmethod
    def item_columns(cls, parameters: Parameters) -> Mapping[str, Keys]:
        """Return the sparse fields whose indices stand for items, with the keys that do not stand in them."""
        return {}

    @classmethod
    def new_item_vectors(cls, parameters: Parameters, items: NewItems) -> Mapping[str, Sequence[Vector]]:
        """Return the fitted vectors of items that came after the fit, by field: entry n belongs to item n.

        Parameters
        ----------
        parameters : what `fit` returned.
        items : the items, and those near to them.
        """
        return {}

    @classmethod
    def near_fields(cls, parameters: Parameters) -> tuple[str, ...]:
        """Return the stored fields of near items that `new_item_vectors` reads; empty: it reads none."""
        return ()

    @classmethod
    def without_text(cls, parameters: Parameters) -> tuple[Parameters, str]:
        """Return the parameters for text vectors of another encoder, and what is lost, in words."""
        return parameters, ""

    # -- learning ----------------------------------------------------------------------------------------

    @classmethod
    def tune(cls, trial: Trial) -> Mapping[str, Any]:
        """Return the options of `fit` that find most held-out events of a validation part."""
        return {}

    @classmethod
    def alternatives(cls, trial: Trial) -> Mapping[str, Mapping[str, Any]]:
        """Return options of `fit` by a name, the simplest first; see `learning.alternatives`."""
        return {"": cls.tune(trial)}

    @classmethod
    def fit(cls, data: TrainingData, options: Mapping[str, Any], seed: int) -> Fitted | None:
        """Learn from events; None for a signal that is not fitted.

        Parameters
        ----------
        data : the training part.
        options : as `tune` returns them; {} for the defaults.
        seed : of everything random.
        """
        return None

    @classmethod
    def point_vectors(cls, fitted: Fitted, keys: Keys) -> Mapping[str, Sequence[Vector]]:
        """Return what `fit` learned as it is stored, by field: entry n belongs to item n."""
        return {name: list(matrix) for name, matrix in fitted.vectors.items()}
