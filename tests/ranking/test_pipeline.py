"""Search, score, choose: what the pipeline asks of the store, and that it finds what brute force finds."""

from __future__ import annotations

import numpy as np
import pytest
from qdrant_client import QdrantClient
from toy import WORDS as TOY_WORDS
from toy import ToyEncoder

from semrec import Recommender, Settings
from semrec.mathematics.rows import centre, unit_rows
from semrec.ranking import pipeline
from semrec.signals import SignalQuery
from semrec.signals.blend import ScoredPart
from semrec.signals.bm25 import Bm25Signal
from semrec.signals.text import TextSignal
from semrec.store import Manifest, Point, Record
from semrec.store.server import ServerStore
from semrec.types import item_keys
from semrec.workspace.folder import make_workspace

N_ITEMS, DIMENSION, TOPICS = 1800, 12, 60
CALLS = ("search", "scores", "fetch", "metadata_values", "vectors", "records", "contains", "sparse_rows")


class WideEncoder(ToyEncoder):
    """The toy encoder, with as many dimensions as the items of this test."""

    def __init__(self):
        super().__init__()
        self.dimension = DIMENSION

    def encode_documents(self, texts, progress=None):
        self.dimension = len(TOY_WORDS) + 1
        vectors = super().encode_documents(texts, progress)
        self.dimension = DIMENSION
        return np.pad(vectors, ((0, 0), (0, DIMENSION - vectors.shape[1])))


def vectors():
    """Unit vectors in a narrow cone, item i about topic i modulo 60."""
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(TOPICS, DIMENSION))
    rows = topics[np.arange(N_ITEMS) % TOPICS] + 0.7 * rng.normal(size=(N_ITEMS, DIMENSION))
    return unit_rows((rows + 2 * rng.normal(size=DIMENSION)).astype(np.float32))


VECTORS = vectors()
MEAN = VECTORS.mean(axis=0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A recommender on 1,800 items with vectors of the test's own."""
    client = QdrantClient(":memory:")
    store = ServerStore("shop", client=client)
    fields = (*TextSignal.catalog_fields(DIMENSION), *Bm25Signal.catalog_fields(DIMENSION))
    number, index = store.create(fields)
    index.upsert(
        [
            Point(Record(str(row), f"Item {row}", ("text",)), {"text": vector, "passages": vector[None]})
            for row, vector in enumerate(VECTORS)
        ]
    )
    encoder = WideEncoder()
    manifest = Manifest(
        encoder="toy",
        encoder_fingerprint=encoder.fingerprint,
        dimension=DIMENSION,
        query_prompt="",
        document_prompt="",
        template="{title}",
        vectors=fields,
        fields={},
        text_mean=tuple(MEAN.tolist()),
        n_items=N_ITEMS,
        n_passages=N_ITEMS,
    )
    store.complete(number, index, manifest)
    store.make_current(number)
    folder = tmp_path_factory.mktemp("pipeline") / "shop"
    make_workspace(folder, qdrant=None, collection=None)
    with Recommender(folder, Settings(), store=store, encoder=encoder) as recommender:
        yield recommender
    client.close()


def brute_force(history, k):
    """Return the k best items by soft nearest over the whole catalog."""
    centred = centre(VECTORS, MEAN)
    scores = np.exp(5 * centred @ centred[history].T).sum(axis=1)
    scores[history] = -np.inf
    return [str(row) for row in np.argsort(-scores, kind="stable")[:k]]


def histories(n, length):
    rng = np.random.default_rng(length)
    for _ in range(n):
        topics = rng.choice(TOPICS, 3, replace=False)
        yield [int(rng.choice(topics) + TOPICS * rng.integers(0, N_ITEMS // TOPICS)) for _ in range(length)]


@pytest.mark.parametrize("length", [1, 4, pytest.param(20, marks=pytest.mark.slow)])
def test_the_best_ten_are_those_of_the_whole_catalog(shop, length):
    found = [
        len(
            {item.item_id for item in shop.recommend(history=[str(row) for row in set(history)])}
            & set(brute_force(sorted(set(history)), 10))
        )
        / 10
        for history in histories(20, length)
    ]
    assert np.mean(found) >= 0.99


def test_only_candidates_that_can_win_are_scored_by_every_item_of_the_history(shop, monkeypatch):
    asked = requests_of(shop, monkeypatch)
    shop.recommend(history=[str(row) for row in range(20)])
    ((queries, keys),) = [call for name, *call in asked if name == "scores"]
    assert len(queries) == 21  # the mean, and each item of the history
    assert len(keys) == pipeline.EXACT_CANDIDATES * 10
    asked.clear()
    shop.recommend(history=[str(row) for row in range(20)], k=50)
    ((_, keys),) = [call for name, *call in asked if name == "scores"]
    assert len(keys) > pipeline.EXACT_CANDIDATES * 10


def test_few_places_need_as_many_candidates_as_a_search_finds(shop, monkeypatch):
    asked = requests_of(shop, monkeypatch)
    shop.recommend(history=["1", "2"], k=1)
    ((_, keys),) = [call for name, *call in asked if name == "scores"]
    assert len(keys) == Settings().ranking.candidates


def estimated(scale, *factors):
    """Return a part whose score is only estimated."""
    query = SignalQuery("text", "history", np.zeros(1, np.float32), scale)
    factors = np.array(factors, np.float32)
    return ScoredPart(query, np.zeros(len(factors), np.float32), factors)


def test_a_candidate_far_behind_cannot_win_when_the_costly_part_counts_little():
    keys, estimates = np.arange(5, dtype=np.uint64), np.array([9, 1, 8, 5, 7], np.float32)
    # The second best has 8. By the costly part a candidate can gain 20 times its weight: 2 with 0.1.
    little = estimated(2.0, *[0.05] * 5)
    assert pipeline.can_win(estimates, [little], keys, k=2).tolist() == [0, 2, 4]
    much = estimated(2.0, *[0.2] * 5)
    assert pipeline.can_win(estimates, [much], keys, k=2).tolist() == [0, 2, 4, 3, 1]
    assert pipeline.can_win(estimates, [little], keys, k=9).tolist() == [0, 2, 4, 3, 1]


def requests_of(shop, monkeypatch):
    """Record what the pipeline asks of the index: (method, arguments…)."""
    asked = []
    with shop.reading() as generation:
        index = type(generation.index)
    for name in CALLS:
        method = getattr(index, name)

        def recorded(self, *arguments, _name=name, _method=method, **options):
            asked.append((_name, *arguments))
            return _method(self, *arguments, **options)

        monkeypatch.setattr(index, name, recorded)
    return asked


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"history": ["1", "2", "70"]}, ["fetch", "search", "scores", "fetch"]),
        ({"history": ["1"], "explain": False}, ["fetch", "search", "scores", "fetch"]),
        ({"text": "red"}, ["search", "scores", "fetch"]),
        ({"history": ["1", "2"], "diversity": 0.5}, ["fetch", "search", "scores", "fetch", "fetch"]),
    ],
)
def test_an_answer_makes_few_requests(shop, monkeypatch, query, expected):
    asked = requests_of(shop, monkeypatch)
    assert len(shop.recommend(**query)) == 10
    assert [name for name, *_ in asked] == expected


def test_an_item_that_was_found_but_cannot_win_is_outranked(shop):
    ranked = [item.item_id for item in shop.recommend(history=["1"], k=600)]
    for place in (20, 250, 400):
        found = shop.why_not(ranked[place], history=["1"])
        assert found.verdict == "outranked"
        assert found.standing.rank <= place + 1


def test_vectors_of_candidates_are_not_read(shop, monkeypatch):
    """But those of the k that are shown; with diversity the text vectors of ten times as many."""
    asked = requests_of(shop, monkeypatch)
    shop.recommend(history=["1", "2", "70"], k=7)
    history, shown = [arguments[0] for name, *arguments in asked if name == "fetch"]
    assert (len(history), len(shown)) == (3, 7)
    asked.clear()
    shop.recommend(history=["1", "2", "70"], k=7, diversity=0.5)
    _, diverse, shown = [arguments[0] for name, *arguments in asked if name == "fetch"]
    assert (len(diverse), len(shown)) == (pipeline.MMR_CANDIDATES * 7, 7)
    assert set(shown.tolist()) <= set(diverse.tolist())


def test_an_item_deleted_while_it_is_asked_for_is_left_out(shop, monkeypatch):
    with shop.reading() as generation:
        index = type(generation.index)
    best = shop.recommend(history=["1", "2"])[0].item_id
    fetch = index.fetch

    def without_the_best(self, keys, *arguments, **options):
        return fetch(self, keys[keys != item_keys([best])[0]], *arguments, **options)

    monkeypatch.setattr(index, "fetch", without_the_best)
    for explain in (True, False):
        answer = shop.recommend(history=["1", "2"], explain=explain)
        assert best not in {item.item_id for item in answer}
        assert len(answer) == 9
