"""Which passages of an item and of its strongest reason match: what an answer shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semrec.ranking.explanation import Reasons, nearest_pair
from semrec.ranking.history import History
from semrec.signals import Question
from semrec.store.bm25_encoder import Bm25Encoder
from semrec.store.protocol import Items, Record
from semrec.types import Because, Float1D, Float2D, Passages

WORDS_COUNT = np.float32(0.3)
"""Cosine that a passage gains if it has all words of a text: a rare word can be invisible to the encoder."""


class NamedItems:
    """The items of the history that an answer names, read once.

    Parameters
    ----------
    history : of the question.
    places : int64 arrays, the places of these items in the history.
    """

    def __init__(self, history: History, places: Sequence[np.ndarray]) -> None:
        distinct = np.unique(np.concatenate([np.empty(0, np.int64), *places])).tolist()
        self._items = history.items
        records = history.items.records(distinct) if history.items and distinct else []
        self._records = dict(zip(distinct, records, strict=True))

    def __getitem__(self, place: int) -> Record:
        return self._records[place]

    def passage_vectors(self, places: Sequence[int]) -> dict[int, Float2D]:
        """Return the passage vectors of some of them, by place."""
        if self._items is None or not places:
            return {}
        return dict(zip(places, self._items.passage_vectors(places), strict=True))

    def because(self, reason: Reasons) -> tuple[Because, ...]:
        """Return the items of the history that speak for an item."""
        return tuple(
            Because(
                self[place].item_id,
                self[place].title,
                share,
                contribution,
                signal,
                reason.relations.get(signal, ""),
            )
            for place, share, contribution, signal in zip(
                reason.history.tolist(),
                reason.shares.tolist(),
                reason.contributions.tolist(),
                reason.by,
                strict=True,
            )
        )


def word_shares(text: str | None, passages: Sequence[str]) -> Float1D:
    """Return what each passage gains by the words of a text that it has, float32 (n_passages,)."""
    if len(passages) == 1 or text is None:
        return np.zeros(len(passages), np.float32)
    encoder = Bm25Encoder()
    words = encoder.encode_query(text).indices
    if not len(words):
        return np.zeros(len(passages), np.float32)
    found = [np.isin(words, vector.indices).mean() for vector in encoder.encode_documents(passages)]
    return WORDS_COUNT * np.array(found, np.float32)


def passage_pairs(
    items: Items,
    records: Sequence[Record],
    why: Sequence[Reasons],
    named: NamedItems,
    question: Question,
) -> list[Passages | None]:
    """Return the nearest passages of each item and of its strongest reason: a history item, or the text.

    Parameters
    ----------
    items, records : the items, and their records, which are read once for a whole answer.
    why : the reasons for each item.
    named : the items of the history that can be the strongest reason.
    question : may have a text.
    """
    text_vector = question.text_vector
    strongest = [
        None if reason.by_text or not len(reason.history) else int(reason.history[0]) for reason in why
    ]
    # Vectors are read only where there is a choice between passages.
    choice = [
        place
        for place, (item, other) in enumerate(zip(records, strongest, strict=True))
        if max(len(item.passages), len(named[other].passages) if other is not None else 1) > 1
    ]
    own = dict(zip(choice, items.passage_vectors(choice), strict=True)) if choice else {}
    theirs = named.passage_vectors(
        sorted({other for place in choice if (other := strongest[place]) is not None})
    )
    pairs: list[Passages | None] = []
    for place, (item, other) in enumerate(zip(records, strongest, strict=True)):
        if other is None and question.text is None:
            pairs.append(None)
            continue
        right = theirs.get(other) if other is not None else None if text_vector is None else text_vector[None]
        left = own.get(place)
        here, there = 0, 0
        text = question.text if other is None else None
        by_words = word_shares(text, item.passages)
        if left is not None and right is not None:
            here, there = nearest_pair(left, right, by_words)
        elif other is None:  # a text that the encoder cannot read
            here = int(np.argmax(by_words))
        pairs.append(
            Passages(item.passages[here], named[other].passages[there] if other is not None else None)
        )
    return pairs
