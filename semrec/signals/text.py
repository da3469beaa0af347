"""The `text` signal: items that read alike.

From a text: the cosine of the encoded text. From a history: *soft nearest*,

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

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from semrec.mathematics.rows import centre as centre
from semrec.mathematics.rows import unit_rows as unit_rows
from semrec.signals.signal import Question, Signal, SignalQuery
from semrec.signals.standard import standard
from semrec.store.protocol import PASSAGES as PASSAGES
from semrec.store.protocol import TEXT as TEXT
from semrec.store.protocol import Index, Search, VectorField
from semrec.types import Float1D, Float2D, Keys

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_NO_HISTORY = np.empty(0, np.uint64)

SHARPNESS = 5.0
"""β of the soft nearest score, unless the settings say otherwise."""

CHUNK_CELLS = 1 << 22
"""Cosines that are held at once when many histories are scored: bounds the memory."""

Pooling = Literal["soft_nearest", "centred_mean", "mean"]


def text_fields(dimension: int, *, quantized: bool = False) -> tuple[VectorField, ...]:
    """Return what is kept of every item: one vector to search by, one per passage to explain with.

    Parameters
    ----------
    dimension : of the encoder.
    quantized : search in int8, see `VectorField`.
    """
    return VectorField(TEXT, "dense", dimension, "cosine", quantized=quantized), VectorField(
        PASSAGES, "multi", dimension, "cosine"
    )


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


def soft_nearest(
    text: Float2D, histories: csr_array, targets: Float2D, sharpness: float = SHARPNESS
) -> Float2D:
    """Return Σ_h w_h·exp(β·cos(x_h, x_i)) of many histories and items at once, float32 (n, n_targets).

    Parameters
    ----------
    text : float32 (n_items, dim), centred unit vectors.
    histories : float32 (n, n_items), the weights w.
    targets : float32 (n_targets, dim), centred unit vectors of the items that are scored.
    sharpness : β.
    """
    used = np.unique(histories.indices)
    columns = histories[:, used].tocsc()
    scores = np.zeros((histories.shape[0], len(targets)), np.float32)
    step = max(1, CHUNK_CELLS // max(1, len(targets)))
    for first in range(0, len(used), step):
        some = slice(first, first + step)
        scores += columns[:, some] @ np.exp(np.float32(sharpness) * (text[used[some]] @ targets.T))
    return scores


class TextSignal(Signal):
    """The signal on one generation.

    Parameters
    ----------
    index : the generation.
    mean : float32 (dim,), the catalog mean μ.
    sample : keys of the items by which scores are standardised.
    pooling : how a history becomes a query; `centred_mean` and `mean` are simpler and worse.
    sharpness : β of the soft nearest score.
    """

    name = TEXT

    def __init__(
        self, index: Index, mean: Float1D, sample: Keys, *, pooling: Pooling, sharpness: float
    ) -> None:
        self._index = index
        self._mean = mean
        self._pooling = pooling
        self._sharpness = np.float32(sharpness)
        self._sample_keys = sample
        self._sample = index.vectors(TEXT, sample)
        self._centred_sample = centre(self._sample, mean)

    def ask(self, question: Question) -> list[SignalQuery]:
        """Return one part for the text and one for the history, where given."""
        if question.text_vector is None:
            return [self._ask_history(question, self._pooling)] if len(question.history) else []
        by_text = self._ask_text(question.text_vector, question.limit)
        if not len(question.history):
            return [by_text]
        by_history = self._ask_history(
            question, "centred_mean" if self._pooling == "soft_nearest" else self._pooling
        )
        near_both = self._near_both(question.text_vector, by_text.scale, by_history, question.limit)
        return [replace(by_text, searches=(*by_text.searches, *near_both)), by_history]

    def _near_both(
        self, text_vector: Float1D, scale: float, by_history: SignalQuery, limit: int
    ) -> list[Search]:
        """Return the search for items near text and history: they need not be among the nearest of either."""
        return [
            Search(TEXT, text_vector / np.float32(scale) + search.query / np.float32(by_history.scale), limit)
            for search in by_history.searches
            if isinstance(search.query, np.ndarray)
        ]

    def centred(self, keys: Keys) -> Float2D:
        """Return the items' vectors as seen from the middle of the catalog, float32 (n, dim), unit length."""
        return centre(self._index.vectors(TEXT, keys), self._mean)

    def _ask_text(self, text_vector: Float1D, limit: int) -> SignalQuery:
        def terms(keys: Keys) -> Float2D:
            return (self._index.vectors(TEXT, keys) @ text_vector)[:, None]

        searches = (Search(TEXT, text_vector, limit),)
        scale = standard((self._sample @ text_vector)[:, None], self._sample_keys, _NO_HISTORY)
        return SignalQuery(TEXT, "text", searches, terms, *scale)

    def _ask_history(self, question: Question, pooling: Pooling) -> SignalQuery:
        rows = self._index.vectors(TEXT, question.history)
        if pooling == "soft_nearest":
            terms_of, queries = self._soft_nearest(centre(rows, self._mean), question)
            sample = self._centred_sample
        else:
            members = rows if pooling == "mean" else rows - self._mean
            total = np.abs(question.weights).sum() or np.float32(1)
            weighted = question.weights[:, None] * members / total
            terms_of, queries = (lambda vectors: vectors @ weighted.T), [weighted.sum(axis=0)]
            sample = self._sample

        def terms(keys: Keys) -> Float2D:
            return terms_of(
                self.centred(keys) if pooling == "soft_nearest" else self._index.vectors(TEXT, keys)
            )

        # Few searches may look far, many need not: each finds what is near one interest.
        limit = max(question.limit // 2, 4 * question.limit // len(queries))
        searches = tuple(Search(TEXT, query, limit) for query in queries if np.any(query))
        scale = standard(terms_of(sample), self._sample_keys, question.history)
        return SignalQuery(TEXT, "history", searches, terms, *scale)

    def _soft_nearest(
        self, centred: Float2D, question: Question
    ) -> tuple[Callable[[Float2D], Float2D], list[Float1D]]:
        """Return the function from centred vectors (n, dim) to terms (n, n_history), and where to search.

        Candidates are looked for around the whole history and around each interest. Stored vectors are not
        centred, but need not be: (q - μ)·x and (q - μ)·(x - μ) differ by a constant.
        """
        sharpened = (self._sharpness * centred).T
        queries: list[Float1D] = [question.weights @ centred]
        n_interests = int(question.interests.max()) + 1
        if n_interests > 1:
            member = question.interests[None, :] == np.arange(n_interests)[:, None]
            queries.extend((member * question.weights).astype(np.float32) @ centred)
        return (lambda vectors: question.weights * np.exp(vectors @ sharpened)), queries
