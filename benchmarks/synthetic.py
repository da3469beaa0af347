"""A catalog of any size with given vectors: what an encoder and a fit would have made, in blocks.

Texts lie in a narrow cone, around topics that are themselves alike or not; within a topic they differ in few
directions. Factors have falling weights of their dimensions and are longer for popular items. Item-item
weights are on items of the same topic and on popular items. How popular items are follows a power law.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semrec.mathematics.rows import unit_rows
from semrec.signals.blend import BlendWeights
from semrec.signals.bm25 import BM25, Bm25Signal
from semrec.signals.collaborative import COLLABORATIVE
from semrec.signals.fitting import Parameters
from semrec.signals.item_item import ITEM_ITEM, MAX_ENTRIES, clashing, columns_of
from semrec.signals.learned import LearnedSettings
from semrec.signals.popularity import POPULARITY, stored_popularity
from semrec.signals.text import TextSignal
from semrec.store import Manifest, Point, Record, SparseVector, VectorField
from semrec.store.bm25_encoder import Bm25Encoder
from semrec.store.protocol import TEXT
from semrec.types import Float2D, item_keys

DIMENSION = 384
RANK = 128
BLOCK = 2_000
SHELVES = 20
HISTORY = 50
INTERESTS = 5
FINGERPRINT = "synthetic"

_WITHIN_TOPIC = 32
"""Directions in which the items of a topic differ."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some items: row n of every array belongs to item `numbers[n]`.

    Parameters
    ----------
    numbers : int64 (n,).
    text : float32 (n, 384), unit length.
    factors : float32 (n, 128).
    """

    numbers: NDArray[np.int64]
    text: Float2D
    factors: Float2D


class SyntheticCatalog:
    """Items 0 to n: item i is of topic i modulo the number of topics, and small numbers are popular.

    Parameters
    ----------
    n_items : how many.
    seed : of everything random.
    """

    fields = (
        *TextSignal.catalog_fields(DIMENSION),
        *Bm25Signal.catalog_fields(DIMENSION),
        VectorField(COLLABORATIVE, "dense", RANK, "dot"),
        VectorField(ITEM_ITEM, "sparse", max_entries=MAX_ENTRIES),
        VectorField(POPULARITY, "dense", 1, "dot"),
    )

    def __init__(self, n_items: int, seed: int = 0) -> None:
        self.n_items = n_items
        self.n_topics = 2 * int(n_items**0.5)
        self._seed = seed
        rng = np.random.default_rng(seed)
        self._cone = 2 * rng.normal(size=DIMENSION)
        self._topics = _normal(rng, self.n_topics, 64) @ _normal(rng, 64, DIMENSION) / 8
        self._within = _normal(rng, _WITHIN_TOPIC, DIMENSION) / np.float32(_WITHIN_TOPIC**0.5)
        self._spectrum = ((1 + np.arange(RANK) / 8) ** -0.5).astype(np.float32)
        self._factor_topics = _normal(rng, self.n_topics, RANK)
        # Read in the order of their numbers, popular items would lie side by side on the disk.
        self._order = rng.permutation(n_items)
        self.keys = item_keys(item_id(number) for number in range(n_items))
        self._columns = columns_of(self.keys)
        self._left_out = clashing(self.keys)
        self._stands = ~np.isin(self.keys, self._left_out)
        self.events = np.floor(2 * (n_items / (1 + np.arange(n_items))) ** 0.8).astype(np.float32)

    def blocks(self) -> Iterator[Block]:
        """Yield all items, every time the same ones."""
        for start in range(0, self.n_items, BLOCK):
            rng = np.random.default_rng((self._seed, start))
            numbers = self._order[start : start + BLOCK]
            topics = numbers % self.n_topics
            inside = _normal(rng, len(numbers), _WITHIN_TOPIC) @ self._within
            text = self._cone + self._topics[topics] + inside + 0.3 * _normal(rng, len(numbers), DIMENSION)
            factors = unit_rows(
                (self._factor_topics[topics] + _normal(rng, len(numbers), RANK)) * self._spectrum
            )
            length = np.log1p(self.events[numbers]) / np.log1p(self.events[0])
            yield Block(numbers, unit_rows(text.astype(np.float32)), factors * length[:, None])

    def points(self, block: Block) -> list[Point]:
        """Return a block as it is stored; the one passage of an item reads like it and has no vector."""
        titles = [f"topic{number % self.n_topics} item {number}" for number in block.numbers]
        return [
            Point(
                Record(item_id(number), title, (title,), {"shelf": shelf(number)}),
                {TEXT: text, BM25: words, COLLABORATIVE: factors, ITEM_ITEM: weights, POPULARITY: popularity},
            )
            for number, title, text, words, factors, weights, popularity in zip(
                block.numbers.tolist(),
                titles,
                block.text,
                Bm25Encoder().encode_documents(titles),
                block.factors,
                self._item_item(block.numbers),
                stored_popularity(self.events[block.numbers]),
                strict=True,
            )
        ]

    def _item_item(self, numbers: NDArray[np.int64]) -> list[SparseVector]:
        """Return up to 200 weights of every item, on items of its topic and on popular ones."""
        rng = np.random.default_rng((self._seed, int(numbers[0]), 1))
        n, per_topic = len(numbers), self.n_items // self.n_topics
        near = (per_topic * rng.random((n, 200)) ** 3).astype(np.int64) * self.n_topics
        near += (numbers % self.n_topics)[:, None]
        popular = (self.n_items * rng.random((n, 140)) ** 2).astype(np.int64)
        found = []
        for number, own in zip(numbers, np.concatenate([near, popular], axis=1), strict=True):
            others = np.unique(own)
            others = others[self._stands[others] & (others != number)]
            others = rng.permutation(others)[:MAX_ENTRIES]
            weights = 0.3 * np.exp(-np.arange(len(others)) / 40) * rng.choice([1, 1, 1, -0.3], len(others))
            found.append(SparseVector(self._columns[others], weights.astype(np.float32)))
        return found

    def manifest(self, text_mean: np.ndarray, gram: Float2D) -> Manifest:
        """Return the manifest of the finished index.

        Parameters
        ----------
        text_mean : (384,), mean of all text vectors.
        gram : float32 (128, 128), of all factors.
        """
        signals = (TEXT, COLLABORATIVE, ITEM_ITEM, POPULARITY)
        weights = BlendWeights(
            signals, (0, 4), (0, 5), (((0.5, 0.3, 0.0, 0.1),) * 2, ((0.3, 0.3, 0.5, 0.1),) * 2)
        )
        parameters: dict[str, Parameters] = {
            COLLABORATIVE: {"gram": gram, "alpha": 0.3, "reg": 0.01, "nu": 1.0, "n_items": self.n_items},
            ITEM_ITEM: {"left_out": self._left_out},
            POPULARITY: {},
        }
        manifest = Manifest(
            encoder="synthetic",
            encoder_fingerprint=FINGERPRINT,
            dimension=DIMENSION,
            query_prompt="",
            document_prompt="",
            template="{title}",
            vectors=self.fields,
            fields={"shelf": "keyword"},
            text_mean=tuple(text_mean.tolist()),
            n_items=self.n_items,
            n_passages=self.n_items,
        )
        return LearnedSettings(weights, None, None, parameters).stored_in(manifest)

    def on_shelf(self, name: str) -> NDArray[np.bool_]:
        """Return bool (n_items,): which items stand on this shelf."""
        return np.array([shelf(number) == name for number in range(self.n_items)])

    def histories(self, count: int, seed: int) -> list[list[str]]:
        """Return histories of 50 items each out of five topics, popular items more often."""
        rng = np.random.default_rng((self._seed, seed, 2))
        per_topic = self.n_items // self.n_topics
        found = []
        for _ in range(count):
            topics = rng.choice(self.n_topics, INTERESTS, replace=False)
            ranks = (per_topic * rng.random(3 * HISTORY) ** 2).astype(np.int64)
            numbers = np.unique(ranks * self.n_topics + rng.choice(topics, 3 * HISTORY))
            found.append([item_id(number) for number in rng.permutation(numbers)[:HISTORY]])
        return found


def item_id(number: int) -> str:
    """Return the id of an item."""
    return f"item {number}"


def shelf(number: int) -> str:
    """Return where an item stands; a shelf has one item in twenty, of all topics."""
    return f"shelf {number * 2654435761 % 2**32 * SHELVES >> 32}"


def _normal(rng: np.random.Generator, *shape: int) -> Float2D:
    return rng.standard_normal(shape, dtype=np.float32)
