"""Shops on both engines whose store and encoder a test can look at."""

from __future__ import annotations

import numpy as np
from toy import ToyEncoder

from semrec.recommender import Recommender


class Counting(ToyEncoder):
    """Remembers every text that it encoded."""

    def __init__(self, **options):
        super().__init__(**options)
        self.texts: list[str] = []

    def encode_documents(self, texts, progress=None):
        self.texts += texts
        return super().encode_documents(texts, progress)


class Shop(Recommender):
    """A recommender that keeps its store and its encoder for tests."""

    def __init__(self, folder, settings, *, store=None, encoder=None):
        super().__init__(folder, settings, store=store, encoder=encoder)
        self.place, self.store, self.encoder = (folder, settings), store, encoder

    def reopened(self):
        """Close the shop and open it again, as the next process would."""
        self.close()
        return Shop(*self.place, store=self.store, encoder=self.encoder)


def encoded(shop):
    return shop.encoder.texts


def found(shop, text, **options):
    return [item.item_id for item in shop.recommend(text=text, **options)]


def stored(shop):
    """Return every point of the index, by item id."""
    with shop.reading() as generation:
        points = [point for page in generation.index.scan() for point in page]
    return {point.record.item_id: point for point in points}


def assert_same(shop, fresh, where):
    """Both indexes hold the same items and give the same answers."""
    ours, theirs = stored(shop), stored(fresh)
    assert ours.keys() == theirs.keys()
    for item_id, point in ours.items():
        assert point.record == theirs[item_id].record
        np.testing.assert_allclose(point.vectors["text"], theirs[item_id].vectors["text"], atol=1e-6)
    for name in ("items", "passages", "fields"):
        assert shop.info()[name] == fresh.info()[name]
    for question in ({"text": "red square"}, {"text": "green", "where": where}):
        # The frequency of words is exact only after a build: engines also count what was replaced.
        mine, others = (one.recommend(**question, weights={"bm25": 0}) for one in (shop, fresh))
        assert [item.item_id for item in mine] == [item.item_id for item in others]
        np.testing.assert_allclose(
            [item.score for item in mine], [item.score for item in others], rtol=1e-4, atol=1e-5
        )
