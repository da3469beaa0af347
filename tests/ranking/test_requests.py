"""An answer asks a Qdrant server few questions, whatever the number of signals."""

from __future__ import annotations

import numpy as np
import pytest
from stand_in_server import stand_in_server
from toy import WORDS, ToyEncoder

from semrec import Item, Recommender, Settings

N_ITEMS = 300
HISTORY = 12
K = 3
DIVERSE_CANDIDATES = 10


def items():
    rng = np.random.default_rng(0)
    return [
        Item(
            f"i{n}", f"Title {n}", " ".join(rng.choice([*WORDS, f"word{n % 50}"], 6)), {"year": 1900 + n % 99}
        )
        for n in range(N_ITEMS)
    ]


def events():
    rng = np.random.default_rng(1)
    for user in range(30):
        for place, item in enumerate(rng.choice(np.arange(user % 3, N_ITEMS, 3), HISTORY, replace=False)):
            yield {"user": f"u{user}", "item_id": f"i{item}", "kind": "view", "time": 1.7e9 + 60.0 * place}


@pytest.fixture(scope="module")
def server():
    with stand_in_server() as server:
        yield server


@pytest.fixture(scope="module")
def shop(server, tmp_path_factory):
    """A fitted shop on the server."""
    folder = tmp_path_factory.mktemp("requests") / "shop"
    settings = Settings(
        encoder={"model": "toy"}, store={"qdrant": server.url}, ranking={"freshness_field": "year"}
    )
    with Recommender(folder, settings, encoder=ToyEncoder(20)) as recommender:
        recommender.index(items())
        recommender.add_events(events())
        recommender.fit()
        recommender.recommend(user="u0")  # opens the generation
        yield recommender


@pytest.fixture
def traffic(server):
    """Return a function that returns what was asked since the test began, without looks at the alias."""
    server.reset()

    def read():
        traffic = server.reset()
        del traffic.requests["ListAliases"]  # once a second, whatever the number of answers
        return traffic

    return read


QUESTIONS = {
    "user": {"user": "u1"},
    "text": {"text": "red green"},
    "user and text": {"user": "u1", "text": "red green"},
    "history": {"history": ["i5", "i7", "i9"]},
    "filter": {"user": "u2", "where": {"year": {"gte": 1950}}},
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_an_answer_is_at_most_five_requests(shop, traffic, question):
    answer = shop.recommend(k=K, **question)
    seen = traffic()
    assert len(answer) == K
    assert seen.n_requests <= 5, dict(seen.requests)
    n_history = {"user": HISTORY, "history": 3}
    most_known = sum(n for name, n in n_history.items() if name in question) + K
    # The one vector of words is that of the best match, which says how many words of the text it has.
    assert all(n <= most_known for name, n in seen.vectors.items()), dict(seen.vectors)
    assert seen.payloads <= most_known


def test_an_unknown_user_costs_no_more(shop, traffic):
    """Freshness reads one metadata field of every candidate."""
    shop.recommend(user="new user", k=K)
    seen = traffic()
    assert seen.n_requests <= 5, dict(seen.requests)
    assert all(n <= K for n in seen.vectors.values()), dict(seen.vectors)


def test_diversity_reads_the_text_vectors_of_ten_candidates_for_each_place(shop, traffic):
    answer = shop.recommend(user="u1", k=K, diversity=0.5)
    seen = traffic()
    assert len(answer) == K
    assert seen.n_requests <= 6, dict(seen.requests)
    text = seen.vectors.pop("text")
    assert HISTORY < text <= HISTORY + K + DIVERSE_CANDIDATES * K
    assert all(n <= HISTORY + K for n in seen.vectors.values()), dict(seen.vectors)


def test_a_long_answer_is_at_most_five_requests(shop, traffic):
    answer = shop.recommend(user="u1", k=50)
    assert len(answer) == 50
    assert traffic().n_requests <= 5
