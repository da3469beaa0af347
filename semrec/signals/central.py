"""The `central` signal: the most typical items of the catalog, each part of the catalog in turn.

It is the last resort for a question without text and history: it needs no events, no dates and no fit. The
fixed sample of the catalog is divided into groups by k-means. How near an item lies to the middle of its
group is the projection of its centred vector on the middle; n items of the sample in its group are nearer:

    score(i) = -log₂(1 + n)

So the best items of all groups come first, then the second best of all groups, and so on. Between two items
of the sample n is interpolated. Beyond the nearest one the number of items falls exponentially with the
distance, by the mean excess of the nearest items (Davison and Smith, "Models for exceedances over high
thresholds", Journal of the Royal Statistical Society B 52, 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from semrec.mathematics.rows import centre, unit_rows
from semrec.signals.signal import Question, Signal, SignalContext, SignalQuery
from semrec.signals.standard import standard
from semrec.store.protocol import TEXT, Items, ScoreQuery, Search
from semrec.types import Float1D, Float2D, Keys, Value

if TYPE_CHECKING:
    from semrec.signals.catalog_matrix import Catalog, Histories

N_GROUPS = 10
"""Groups of the catalog: one for each place of an answer of usual length."""
N_TAIL = 5
"""Items nearest to the middle of a group whose mean excess describes what lies beyond."""
SMALLEST_EXCESS = 1e-3
EARLIER_GROUP = 1e-3
"""Score by which a larger group comes before the next one, at the same place of both."""


@dataclass(frozen=True)
class Groups:
    """Groups of the sample, the largest first.

    Parameters
    ----------
    middles : float32 (n_groups, dim), unit length, centred.
    offsets : float32 (n_groups,), what the mean vector of the catalog projects on each middle.
    nearness : for each group the projections of its items of the sample, ascending, at least one.
    """

    middles: Float2D
    offsets: Float1D
    nearness: tuple[Float1D, ...]

    @classmethod
    def of(cls, vectors: Float2D, mean: Float1D) -> Groups:
        """Return the groups of text vectors, float32 (n, dim), at least one row."""
        from scipy.cluster.vq import kmeans2  # a tenth of a second that other questions do not need

        centred = centre(vectors, mean)
        n_groups = min(N_GROUPS, len(np.unique(vectors, axis=0)))
        middles = centred.mean(axis=0, keepdims=True)
        if n_groups > 1:
            middles, _ = kmeans2(centred, n_groups, minit="++", missing="warn", seed=0)
        middles = unit_rows(middles.astype(np.float32))
        projected = (vectors - mean) @ middles.T
        own = projected.argmax(axis=1)
        sizes = np.bincount(own, minlength=len(middles))
        order = [group for group in np.argsort(-sizes, kind="stable").tolist() if sizes[group]]
        nearness = tuple(np.sort(projected[own == group, group]) for group in order)
        return cls(middles[order], middles[order] @ mean, nearness)

    def scores(self, raw: Float2D) -> Float1D:
        """Return the scores of items, float32 (n,).

        Parameters
        ----------
        raw : float32 (n_groups, n), the inner products of text vectors and middles.
        """
        projected = raw - self.offsets[:, None]
        own = projected.argmax(axis=0)
        scores = np.empty(raw.shape[1], np.float32)
        for group, known in enumerate(self.nearness):
            mine = own == group
            scores[mine] = _place(projected[group, mine], known) - EARLIER_GROUP * group
        return scores


def _place(nearness: Float1D, known: Float1D) -> Float1D:
    """Return -log₂(1 + n) where n items of a group are nearer, float32 (n_items,).

    Parameters
    ----------
    nearness : float32 (n_items,).
    known : float32 (n_sample,), ascending, of the items of the sample in the group.
    """
    n_nearer = np.interp(nearness, known, np.arange(len(known) - 1, -1, -1))
    tail = known[-N_TAIL:]
    excess = max(float((tail - tail[0]).mean()), SMALLEST_EXCESS)
    beyond = np.maximum(nearness - known[-1], 0) / (excess * np.log(2))
    return (beyond - np.log2(1 + n_nearer)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class CentralQuery(SignalQuery):
    """The groups of the catalog as a part of a question."""

    groups: Groups

    def score(self, raw: Float2D, values: Sequence[Value | None]) -> Float1D:
        """Return the score of items, float32 (n,)."""
        return self.groups.scores(raw)


class CentralSignal(Signal):
    """The signal on one catalog.

    Parameters
    ----------
    mean : float32 (dim,), the catalog mean.
    sample : a fixed sample of the catalog; None where only other signals are needed.
    """

    name = "central"
    label = "typical items"
    source = "text"
    sentence = "It is typical of its part of the catalog."
    fallback = "central in the groups of the catalog"
    impersonal = True
    last_resort = True
    default_weight = 1.0
    learns_weight = False
    sample_fields = (TEXT,)

    def __init__(self, mean: Float1D, sample: Items | None = None) -> None:
        self._mean = mean
        self._sample = sample

    @classmethod
    def open(cls, context: SignalContext) -> CentralSignal:
        """Open the signal on a catalog."""
        return cls(context.text_mean, context.sample)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part; none for a text or a history."""
        if question.text is not None or np.any(question.weights) or self._groups is None:
            return []
        groups, keys = self._groups, self._sample_keys
        scores = groups.scores(groups.middles @ self._sample_vectors.T)[:, None]
        part = CentralQuery(
            self.name,
            "catalog",
            *standard(scores, keys, question.history),
            searches=tuple(Search(TEXT, middle, question.limit) for middle in groups.middles),
            requests=tuple(ScoreQuery(TEXT, middle) for middle in groups.middles),
            groups=groups,
        )
        return [part]

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D | None:
        """Score items of a catalog for empty histories, float32 (n, n_rows); NaN for other histories."""
        if self._sample is None or self._groups is None:
            return None
        known = histories.known
        vectors = catalog.dense(TEXT)[rows]
        scores = np.full((len(known), len(vectors)), np.nan, np.float32)
        if not known.all():
            scores[~known] = self._groups.scores(self._groups.middles @ vectors.T)
        return scores

    @property
    def _sample_keys(self) -> Keys:
        return self._sample.keys if self._sample else np.empty(0, np.uint64)

    @cached_property
    def _sample_vectors(self) -> Float2D:
        return self._sample.vectors(TEXT) if self._sample else np.empty((0, len(self._mean)), np.float32)

    @cached_property
    def _groups(self) -> Groups | None:
        """The groups of the sample, made for the first question that needs them; None without items."""
        return Groups.of(self._sample_vectors, self._mean) if len(self._sample_keys) else None
