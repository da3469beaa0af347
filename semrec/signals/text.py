"""The `text` signal: items that read alike.

From a text: the cosine of the encoded text and of the item's nearest passage. From a history: *soft nearest*,

    f(i) = Σ_h w_h · exp(β · cos(x_h - μ, x_i - μ)),

where μ is the catalog mean. Sentence encoders put all texts into a narrow cone; without μ the mean of any
history points at the middle of the catalog. And the mean of several interests is none of them: the sum
of exponentials follows whichever item of the history is near.

From both ("like these, but about X"): the cosine of the text plus that of the centred mean of the history,
each standardised. It is Rocchio's relevance feedback (in Salton, "The SMART retrieval system", 1971, ch. 14).
Sums of exponentials would not do: their tail is so heavy that an item like one of the history wins
whatever the text says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from semrec.mathematics.rows import centre, unit_rows
from semrec.mathematics.soft_nearest import soft_nearest
from semrec.signals.signal import LinearQuery, Question, Signal, SignalContext, SignalQuery
from semrec.signals.standard import LinearStandard, standard
from semrec.store.protocol import LONG, PASSAGES, TEXT, Hits, Items, ScoreQuery, Search, VectorField
from semrec.types import Float1D, Float2D, Keys, Value

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from semrec.signals.catalog_matrix import Catalog, Histories
    from semrec.signals.fitting import EncodedItems

SHARPNESS = 5.0
"""β of the soft nearest score, unless the settings say otherwise."""

Pooling = Literal["soft_nearest", "centred_mean", "mean"]

_NO_HISTORY = np.empty(0, np.uint64)


def item_vectors(passage_vectors: Sequence[Float2D]) -> Float2D:
    """Return the vector of every item: the mean of its passages' vectors, unit length.

    Parameters
    ----------
    passage_vectors : for every item float32 (n_passages, dim), at least one passage.

    Returns
    -------
    float32 (n_items, dim), rows of unit length.
    """
    return unit_rows(np.stack([vectors.mean(axis=0) for vectors in passage_vectors]))


@dataclass(frozen=True, kw_only=True)
class SoftNearestQuery(SignalQuery):
    """Soft nearest of one history.

    The store scores uncentred vectors x_i, so the cosine of centred vectors is put together from two scores:
    cos(x_h - μ, x_i - μ) = (c_h·x_i - c_h·μ) / |x_i - μ| with c_h the centred unit vector of history item h,
    and |x_i - μ|² = 1 - 2·μ·x_i + |μ|².

    Parameters
    ----------
    centred : float32 (n_history, dim), c_h.
    weights : float32 (n_history,).
    interests : int64 (n_history,), -1 for none.
    around : of each search the interest that it looks around; -1 for the whole history.
    mean : float32 (dim,), μ.
    spread : mean of |x_i - μ| over the catalog.
    sharpness : β.
    """

    centred: Float2D
    weights: Float1D
    interests: np.ndarray
    around: tuple[int, ...]
    mean: Float1D
    spread: float
    sharpness: np.float32

    def estimate(self, keys: Keys, hits: Sequence[Hits]) -> Float1D:
        """Return the score as if the items of an interest were all as near as their mean, float32 (n,).

        Σ_h w_h·exp(β·cos_h) over an interest is at least W·exp(β·mean cosine) (Jensen's inequality). The mean
        cosine comes from the search around the interest; a candidate that this search did not find is at most
        as near as its last hit.
        """
        total = np.zeros(len(keys), np.float32)
        several = max(self.around, default=-1) >= 0
        for search, found, interest in zip(self.searches, hits, self.around, strict=True):
            if several and interest < 0:
                continue  # the interests say the same in more detail
            members = self.interests == interest if several else self._speaking()
            weight = self.weights[members].sum()
            if not weight or not len(found.keys) or not isinstance(search.query, np.ndarray):
                continue
            scores = np.linalg.norm(search.query) * _scores_at(keys, found)
            cosines = (scores - search.query @ self.mean) / (weight * self.spread)
            total += weight * np.exp(self.sharpness * np.clip(cosines, -1, 1))
        return total

    def score(self, raw: Float2D, values: Sequence[Value | None]) -> Float1D:
        """Return the score of items, float32 (n,), see the class."""
        counts = self.weights != 0
        length = np.linalg.norm(self.mean)
        spread = np.sqrt(np.maximum(1 - 2 * length * raw[0] + length**2, 1e-12))
        cosines = (raw[1:] - (self.centred[counts] @ self.mean)[:, None]) / spread
        total: Float1D = self.weights[counts] @ np.exp(self.sharpness * cosines)
        return total

    def terms(self, items: Items, scores: Float1D) -> Float2D:
        """Return w_h·exp(β·cos) of stored items, float32 (n, n_history)."""
        return self.terms_of(centre(items.vectors(TEXT), self.mean))

    def _speaking(self) -> np.ndarray:
        """Return the liked items of the history; where there are none, the disliked ones."""
        liked: np.ndarray = self.weights > 0
        return liked if liked.any() else self.weights < 0

    def terms_of(self, centred: Float2D) -> Float2D:
        """Return the terms of centred vectors (n, dim), float32 (n, n_history)."""
        terms: Float2D = self.weights * np.exp(centred @ (self.sharpness * self.centred).T)
        return terms


@dataclass(frozen=True, kw_only=True)
class BestPassageQuery(SignalQuery):
    """A text next to items of which some have several passages: the nearest passage of an item counts.

    The mean of many passages is near to nothing in particular. This is "MaxP" of Dai and Callan, "Deeper text
    understanding for IR with contextual neural language modeling", SIGIR 2019.

    Parameters
    ----------
    length : the score is this times the cosine.
    """

    length: float

    def score(self, raw: Float2D, values: Sequence[Value | None]) -> Float1D:
        """Return the score of items, float32 (n,): of the nearest passage, or of the only one."""
        whole, best_passage = raw
        return np.float32(self.length) * np.where(np.isnan(best_passage), whole, best_passage)


def _scores_at(keys: Keys, found: Hits) -> Float1D:
    """Return the scores of hits at given keys (ascending); the last score where a key was not found."""
    scores = np.full(len(keys), found.scores[-1], np.float32)
    places = np.minimum(np.searchsorted(keys, found.keys), len(keys) - 1)
    there = keys[places] == found.keys
    scores[places[there]] = found.scores[there]
    return scores


class TextSignal(Signal):
    """The signal on one catalog.

    Parameters
    ----------
    mean : float32 (dim,), the catalog mean μ.
    sample : a fixed sample of the catalog; None where only `score_catalog` is used.
    pooling : how a history becomes a query; `centred_mean` and `mean` are simpler and worse.
    sharpness : β of the soft nearest score.
    has_long_items : some items have more than one passage.
    """

    name = "text"
    label = "text"
    source = "text"
    default_weight = 1.0
    warm_prior = 0.25
    cold_prior = 0.3
    history_fields = (TEXT,)
    sample_fields = (TEXT,)

    def __init__(
        self,
        mean: Float1D,
        sample: Items | None = None,
        *,
        pooling: Pooling,
        sharpness: float,
        has_long_items: bool = False,
    ) -> None:
        self._has_long_items = has_long_items
        self._mean = mean
        self._pooling = pooling
        self._sharpness = np.float32(sharpness)
        if sample is not None:
            vectors = sample.vectors(TEXT)
            self._sample_keys = sample.keys
            self._standard = LinearStandard(sample.keys, vectors)
            self._centred_sample = centre(vectors, mean)
            self._spread = float(np.linalg.norm(vectors - mean, axis=1).mean()) if len(vectors) else 1.0

    @classmethod
    def open(cls, context: SignalContext) -> TextSignal:
        """Open the signal on a catalog."""
        settings = context.settings
        return cls(
            context.text_mean,
            context.sample,
            pooling=settings.ranking.text_pooling,
            sharpness=settings.ranking.sharpness,
            has_long_items=context.has_long_items,
        )

    @classmethod
    def catalog_fields(cls, dimension: int, *, quantized: bool = False) -> tuple[VectorField, ...]:
        """Return a vector to search by, one per passage to explain with, and those of long texts again."""
        return (
            VectorField(TEXT, "dense", dimension, "cosine", quantized=quantized),
            VectorField(PASSAGES, "multi", dimension, "cosine", searched=False),
            VectorField(LONG, "multi", dimension, "cosine"),
        )

    @classmethod
    def catalog_vectors(cls, items: EncodedItems) -> Mapping[str, Sequence[Float2D]]:
        """Return the vectors of items and of their passages, which are searched if there are several."""
        passages = items.passage_vectors
        long = [vectors if len(vectors) > 1 else vectors[:0] for vectors in passages]
        return {TEXT: list(item_vectors(passages)), PASSAGES: passages, LONG: long}

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the text and one for the history, where given."""
        if question.text_vector is None:
            return [self._ask_history(question, self._pooling)] if len(question.history) else []
        by_text = self._ask_text(question.text_vector, question.limit)
        if not len(question.history):
            return [by_text]
        pooling = "centred_mean" if self._pooling == "soft_nearest" else self._pooling
        by_history = self._ask_history(question, pooling)
        near_both = self._near_both(question.text_vector, by_text.scale, by_history, question.limit)
        return [replace(by_text, searches=(*by_text.searches, *near_both)), by_history]

    def score_catalog(self, catalog: Catalog, histories: Histories, rows: slice) -> Float2D:
        """Score items of a catalog for many histories, float32 (n, n_rows)."""
        text, weights = catalog.dense(TEXT), histories.weights
        if self._pooling == "soft_nearest":
            own, used = histories.prepared("text own", lambda: self._own_vectors(text, weights))
            targets = centre(text[rows], self._mean)
            return soft_nearest(
                used, lambda some: own[some] @ targets.T, len(targets), float(self._sharpness)
            )
        queries: Float2D = histories.prepared("text queries", lambda: self._pooled(text, weights))
        return queries @ text[rows].T

    def _own_vectors(self, text: Float2D, weights: csr_array) -> tuple[Float2D, csr_array]:
        """Return centred vectors of the items that histories hold, and the weights over these items."""
        used = np.unique(weights.indices)
        return centre(text[used], self._mean), weights[:, used]

    def _pooled(self, text: Float2D, weights: csr_array) -> Float2D:
        """Return the weighted mean of every history's vectors, float32 (n, dim)."""
        totals = np.abs(weights).sum(axis=1)[:, None]
        pooled = weights @ text
        if self._pooling == "centred_mean":
            pooled = pooled - weights.sum(axis=1)[:, None] * self._mean
        return (pooled / np.where(totals == 0, 1, totals)).astype(np.float32)

    def _near_both(
        self, text_vector: Float1D, scale: float, by_history: SignalQuery, limit: int
    ) -> list[Search]:
        """Return the search for items near text and history: they need not be among the nearest of either."""
        return [
            Search(TEXT, text_vector / np.float32(scale) + search.query / np.float32(by_history.scale), limit)
            for search in by_history.searches
            if isinstance(search.query, np.ndarray)
        ]

    def _ask_text(self, text_vector: Float1D, limit: int) -> SignalQuery:
        directions = text_vector[:, None]
        whole = LinearQuery(
            self.name,
            "text",
            *self._standard.of(directions, _NO_HISTORY),
            searches=(Search(TEXT, text_vector, limit),),
            requests=(ScoreQuery(TEXT, text_vector),),
            fields=(TEXT,),
            directions=directions,
            length=float(np.linalg.norm(text_vector)),
        )
        if not self._has_long_items:
            return whole
        return BestPassageQuery(
            self.name,
            "text",
            whole.offsets,
            whole.scale,
            searches=(*whole.searches, Search(LONG, text_vector, limit)),
            requests=(*whole.requests, ScoreQuery(LONG, text_vector)),
            length=whole.length,
        )

    def _ask_history(self, question: Question, pooling: Pooling) -> SignalQuery:
        if pooling == "soft_nearest":
            return self._soft_nearest(question)
        vectors = question.vectors(TEXT)
        members = vectors if pooling == "mean" else vectors - self._mean
        total = np.abs(question.weights).sum() or np.float32(1)
        directions = (question.weights[:, None] * members / total).T
        query = directions.sum(axis=1)
        length = float(np.linalg.norm(query))
        part = LinearQuery(
            self.name,
            "history",
            *self._standard.of(directions, question.history),
            requests=(ScoreQuery(TEXT, query),) if length else (),
            fields=(TEXT,),
            directions=directions,
            length=length,
        )
        searches = (Search(TEXT, query, 4 * question.limit),) if length else ()
        return replace(part, searches=searches)

    def _soft_nearest(self, question: Question) -> SignalQuery:
        """Return the part of a history.

        Candidates are looked for around the whole history and around each interest. Stored vectors are not
        centred, but need not be: (q - μ)·x and (q - μ)·(x - μ) differ by a constant.
        """
        centred, weights, interests = question.centred, question.weights, question.interests
        around: dict[int, Float1D] = {-1: weights @ centred}
        n_interests = int(interests.max()) + 1
        if n_interests > 1:
            member = interests[None, :] == np.arange(n_interests)[:, None]
            around |= enumerate((member * weights).astype(np.float32) @ centred)
        # A few searches may look far, many need not: each finds what is near one interest.
        limit = max(question.limit // 2, 4 * question.limit // len(around))
        around = {interest: query for interest, query in around.items() if np.any(query)}
        if not around and np.any(weights):  # all items of the catalog have the same text
            around = {-1: weights @ question.vectors(TEXT)}
        scored = [self._mean, *centred[weights != 0]]
        part = SoftNearestQuery(
            self.name,
            "history",
            np.empty(0, np.float32),
            1.0,
            searches=tuple(Search(TEXT, query, limit) for query in around.values()),
            requests=tuple(ScoreQuery(TEXT, vector) for vector in scored),
            fields=(TEXT,),
            centred=centred,
            weights=weights,
            interests=interests,
            around=tuple(around),
            mean=self._mean,
            spread=self._spread,
            sharpness=self._sharpness,
        )
        offsets, scale = standard(part.terms_of(self._centred_sample), self._sample_keys, question.history)
        return replace(part, offsets=offsets, scale=scale)
