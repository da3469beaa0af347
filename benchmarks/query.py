"""What one recommendation costs, next to one bare query of the engine; nothing is encoded.

Synthetic items: 384 dimensions, a few hundred topics, a common direction as sentence encoders have it. A
history is 50 items out of five topics, as people have interests. Every call is made once before it is timed:
what is measured is a process that has been answering for a while.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import qdrant_edge
from qdrant_client import QdrantClient
from report import announce, arguments, report

from semrec.config import Settings
from semrec.ranking.generation import Generation
from semrec.ranking.history import interests_of, known_history
from semrec.recommender import Recommender
from semrec.signals import Question
from semrec.signals.blend import best_first
from semrec.signals.bm25 import BM25, Bm25Signal
from semrec.signals.text import TextSignal
from semrec.store import Manifest, Point, Record, Store
from semrec.store.bm25_encoder import Bm25Encoder
from semrec.store.edge import EdgeStore
from semrec.store.protocol import PASSAGES, TEXT
from semrec.store.server import ServerStore
from semrec.types import Event, Float2D, item_keys
from semrec.workspace.folder import make_workspace

DIMENSION = 384
TOPICS = 400
HISTORY = 50
INTERESTS = 5
BATCH = 2000


def synthetic_vectors(n_items: int, seed: int) -> Float2D:
    """Return unit vectors (n_items, 384), item i in topic i modulo 400, all of them in a narrow cone."""
    rng = np.random.default_rng(seed)
    topics = rng.normal(size=(TOPICS, DIMENSION)).astype(np.float32)
    rows = topics[np.arange(n_items) % TOPICS] + rng.normal(size=(n_items, DIMENSION)).astype(np.float32)
    rows += 2 * rng.normal(size=DIMENSION).astype(np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def points(vectors: Float2D) -> Iterator[list[Point]]:
    """Yield batches of items with text and words."""
    for start in range(0, len(vectors), BATCH):
        rows = vectors[start : start + BATCH]
        names = [f"item {number}" for number in range(start, start + len(rows))]
        words = Bm25Encoder().encode_documents(names)
        yield [
            Point(Record(name, name, (name,)), {TEXT: row, PASSAGES: row[None], BM25: found})
            for name, row, found in zip(names, rows, words, strict=True)
        ]


def build(store: Store, vectors: Float2D) -> None:
    """Build and switch to a generation of these vectors."""
    fields = (*TextSignal.catalog_fields(DIMENSION), *Bm25Signal.catalog_fields(DIMENSION))
    number, index = store.create(fields)
    for batch in points(vectors):
        index.upsert(batch)
    manifest = Manifest(
        encoder="synthetic",
        encoder_fingerprint="synthetic",
        dimension=DIMENSION,
        query_prompt="",
        document_prompt="",
        template="{title}",
        vectors=fields,
        fields={},
        text_mean=tuple(vectors.mean(axis=0).tolist()),
        n_items=len(vectors),
        n_passages=len(vectors),
    )
    store.complete(number, index, manifest)
    store.make_current(number)


def recommender_on(store: Store, folder: Path) -> Recommender:
    """Return a recommender that reads this store."""
    make_workspace(folder, qdrant=None, collection=None)
    return Recommender(folder, Settings(), store=store)


def histories(n_items: int, count: int, seed: int) -> list[list[str]]:
    """Return histories of 50 items each, out of five topics."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        topics = rng.choice(min(TOPICS, n_items), INTERESTS, replace=False)
        items = np.concatenate([np.arange(topic, n_items, TOPICS) for topic in topics])
        chosen = rng.choice(items, min(HISTORY, len(items)), replace=False)
        found.append([f"item {item}" for item in chosen])
    return found


def scattered(n_items: int, count: int, seed: int) -> list[list[str]]:
    """Return histories of 50 items each that have nothing to do with each other: the hardest case."""
    rng = np.random.default_rng(seed)
    return [[f"item {i}" for i in rng.choice(n_items, HISTORY, replace=False)] for _ in range(count)]


def milliseconds(calls: Sequence[Callable[[], object]]) -> np.ndarray:
    """Return how long each call takes, float (n,); each is made once before."""
    for call in calls:
        call()
    spent = np.empty(len(calls))
    for place, call in enumerate(calls):
        started = time.perf_counter()
        call()
        spent[place] = 1000 * (time.perf_counter() - started)
    return spent


def brute_force(generation: Generation, item_ids: list[str], history: list[str], k: int) -> set[int]:
    """Return the keys of the k best items when every item of the catalog is scored."""
    index = generation.index
    events = [Event(item_id) for item_id in history]
    known = known_history(events, generation, lambda keys: index.fetch(keys, generation.history_fields))
    interests = interests_of(known, generation)
    question = Question(None, None, known.keys, known.weights, interests, known.centred, known.items, 1)
    (part,) = generation.signals[0].ask(question)
    keys = item_keys(item_ids)
    scores = part.score(index.scores(part.requests, keys), [])
    scores[np.isin(keys, known.keys)] = -np.inf
    return set(keys[best_first(scores, keys)[:k]].tolist())


def recall_of(
    recommender: Recommender, generation: Generation, item_ids: list[str], asked: list[list[str]]
) -> float:
    """Return the share of the ten best items that the recommender finds."""
    shares = []
    for history in asked:
        found = item_keys(r.item_id for r in recommender.recommend(history=history)).tolist()
        shares.append(len(set(found) & brute_force(generation, item_ids, history, 10)) / 10)
    return float(np.mean(shares))


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    n_edge, n_local, rounds = (5_000, 1_000, 20) if quick else (100_000, 20_000, 200)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        vectors = synthetic_vectors(n_edge, seed=1)
        started = time.perf_counter()
        build(EdgeStore(folder / "edge"), vectors)
        report("query", f"build {n_edge:,} items in Edge", time.perf_counter() - started, "s")
        store = EdgeStore(folder / "edge")
        recommender = recommender_on(store, folder / "workspace")
        asked = histories(n_edge, rounds, seed=2)
        recommender.recommend(history=asked[0])

        with recommender.reading() as generation:
            shard = generation.index._open_shard  # type: ignore[attr-defined]
            queries = [qdrant_edge.Query.Nearest(vectors[i].tolist(), using=TEXT) for i in range(rounds)]
            bare = milliseconds(
                [partial(shard.query, qdrant_edge.QueryRequest(10, query=query)) for query in queries]
            )
            ours = milliseconds([partial(recommender.recommend, history=history) for history in asked])
            plain = milliseconds(
                [partial(recommender.recommend, history=history, explain=False) for history in asked]
            )
            for name, spent in (
                ("bare Edge query", bare),
                ("recommend by history", ours),
                ("the same without reasons", plain),
            ):
                report("query", f"{name}, p50, {n_edge:,} items", float(np.median(spent)), "ms")
                report("query", f"{name}, p95, {n_edge:,} items", float(np.percentile(spent, 95)), "ms")
            ratio = float(np.median(ours) / np.median(bare))
            report("query", "recommend by history over bare Edge query, p50", ratio, "x", most=25)

            item_ids = [f"item {number}" for number in range(n_edge)]
            recall = recall_of(recommender, generation, item_ids, asked[:50])
            report("query", "recall@10 of the blend against brute force", recall, "share", least=0.99)
            recall = recall_of(recommender, generation, item_ids, scattered(n_edge, 50, seed=4))
            report("query", "the same for 50 unrelated items", recall, "share")
        recommender.close()

        local = ServerStore("local", client=QdrantClient(path=str(folder / "local")))
        build(local, vectors[:n_local])
        on_local = recommender_on(local, folder / "local-workspace")
        asked = histories(n_local, 5, seed=3)
        on_local.recommend(history=asked[0])
        slow = milliseconds([partial(on_local.recommend, history=history) for history in asked])
        report(
            "query",
            f"recommend by history, local path mode, p50, {n_local:,} items",
            float(np.median(slow)),
            "ms",
        )
        report(
            "query", "local path mode over Edge, p50", float(np.median(slow) / np.median(ours)), "x", least=10
        )
        on_local.close()


if __name__ == "__main__":
    main()
