"""Asking a signal as the pipeline asks it: one question, its parts, and their exact scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from semrec.mathematics.rows import centre
from semrec.signals import Question, Signal, SignalQuery
from semrec.signals.fitting import NewItems
from semrec.store import Index
from semrec.store.protocol import TEXT
from semrec.types import Float1D, Float2D, Keys, item_keys


def keys_of(rows: Iterable[int]) -> Keys:
    """Return the keys of the items whose ids are these numbers."""
    return item_keys(map(str, rows))


def new_items(text_vectors: Float2D) -> NewItems:
    """Return items that came after the fit, without near ones."""
    vectors = np.asarray(text_vectors, np.float32)
    return NewItems(vectors, np.zeros(vectors.shape[1], np.float32))


def question_of(
    index: Index,
    history: Keys | None = None,
    weights: Sequence[float] | None = None,
    *,
    fields: Sequence[str] = (),
    mean: Float1D | None = None,
    interests: Sequence[int] | None = None,
    text: str | None = None,
    text_vector: Float1D | None = None,
    limit: int = 5,
    ages: Sequence[int] | None = None,
) -> Question:
    """Return a question whose history is fetched from the index.

    Parameters
    ----------
    history : of which the index holds every item; None: no history.
    weights, interests : of its items; None: 1 and interest 0 for each.
    fields : stored fields of the history that the signal reads.
    ages : of its items; None: all 0.
    mean : of the text vectors; None: the signal does not read centred vectors.
    """
    history = keys_of([]) if history is None else history
    n = len(history)
    names = fields if mean is None else dict.fromkeys([*fields, TEXT])
    items = index.fetch(history, tuple(names)) if n else None
    centred = np.empty((n, 0), np.float32)
    if mean is not None and items is not None:
        centred = centre(items.vectors(TEXT), mean)
    return Question(
        text=text,
        text_vector=text_vector,
        history=history,
        weights=np.ones(n, np.float32) if weights is None else np.asarray(weights, np.float32),
        interests=np.zeros(n, np.int64) if interests is None else np.asarray(interests, np.int64),
        centred=centred,
        items=items,
        limit=limit,
        ages=None if ages is None else np.asarray(ages, np.int64),
    )


def parts_of(signal: Signal, index: Index, question: Question) -> list[SignalQuery]:
    """Return the parts of a question that have something to say once their probes are answered."""
    parts = [part.after_search(index.search(part.probes)) for part in signal.ask(question)]
    return [part for part in parts if part is not None]


def scores_of(index: Index, part: SignalQuery, keys: Keys) -> Float1D:
    """Return the exact scores of items, float32 (n,)."""
    values = index.metadata_values(part.metadata_field, keys) if part.metadata_field else []
    return part.score(index.scores(part.requests, keys), values)


def terms_of(index: Index, part: SignalQuery, keys: Keys) -> Float2D:
    """Return the terms of items, float32 (n, n_terms)."""
    return part.terms(index.fetch(keys, part.fields), scores_of(index, part, keys))


def standardised_by(part: SignalQuery, scores: Float1D) -> Float1D:
    """Return scores in standard deviations from the mean of the catalog, float32 (n,); 0 for no opinion."""
    return np.nan_to_num((scores - part.offsets.sum()) / np.float32(part.scale))


def found_by(index: Index, part: SignalQuery) -> Keys:
    """Return the keys of all hits of the searches of a part, each once."""
    hits = [hit.keys for hit in index.search(part.searches)]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *hits]))
