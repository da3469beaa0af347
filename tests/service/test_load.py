"""Under load: texts are encoded together and once, too many questions are sent away, none takes for ever."""

from __future__ import annotations

import threading
import time

import pytest
from serving import error, ids, open_shop, wait_until_ready
from starlette.testclient import TestClient

from semrec.config import Settings
from semrec.errors import StoreUnavailableError
from semrec.service.app import create_app
from semrec.store.edge import EdgeIndex


def together(client, bodies):
    """Post questions at the same time and return the answers in order."""
    answers = [None] * len(bodies)

    def ask(place):
        answers[place] = client.post("/recommend", json=bodies[place])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.fixture
def watched(shop):
    """Return a function that starts an app and returns its client and its recommender."""
    opened = []

    def start(**settings):
        recommender = open_shop(shop, **settings)
        app = create_app(lambda: recommender, Settings(**settings))
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        wait_until_ready(client)
        return client, recommender

    yield start
    for client in opened:
        client.__exit__(None, None, None)


def figures(client, name):
    lines = client.get("/metrics").text.splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)}


def test_texts_that_come_together_are_encoded_together(watched):
    client, recommender = watched(service={"batch_s": 0.5, "batch_texts": 8})
    batches, encode = [], recommender.encode_texts

    def noting(texts):
        batches.append(len(texts))
        encode(texts)

    client.app.state.shared.question_batches._encode = noting
    answers = together(client, [{"text": f"red {n}", "k": 2} for n in range(16)])
    assert all("r2" in ids(answer) for answer in answers)
    assert sum(batches) == 16
    assert len(batches) <= 4


def test_a_text_is_encoded_once(watched):
    client, _ = watched()
    for _ in range(3):
        client.post("/recommend", json={"text": "  red  "})
    assert figures(client, "semrec_text_vectors_total") == {
        'semrec_text_vectors_total{result="encoded"}': 1,
        'semrec_text_vectors_total{result="kept"}': 2,
    }


def test_too_many_questions_are_sent_away(watched):
    client, recommender = watched(service={"queue": 2, "threads": 1})
    go, answer = threading.Event(), recommender.recommend
    recommender.recommend = lambda **asked: (go.wait(10), answer(**asked))[1]
    threading.Timer(0.5, go.set).start()
    answers = together(client, [{"history": ["r1"]}] * 8)
    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) == 5
    for one in refused:
        error(one, 429, "too_many_requests")
        assert int(one.headers["retry-after"]) >= 1
    assert sum(a.status_code == 200 for a in answers) == 3
    assert client.get("/health").status_code == 200


def test_no_question_takes_for_ever(watched):
    client, recommender = watched(service={"timeout_s": 0.2})
    recommender.recommend, answer = lambda **_: time.sleep(0.6), recommender.recommend
    error(client.post("/recommend", json={"history": ["r1"]}), 504, "timeout")
    recommender.recommend = answer
    time.sleep(0.6)
    assert ids(client.post("/recommend", json={"history": ["r1"], "k": 1})) == ["r2"]


def test_a_store_that_fails_in_flight_is_told_and_recovers(watched, monkeypatch):
    client, _ = watched()
    monkeypatch.setattr(EdgeIndex, "search", _unavailable)
    assert "does not answer" in error(
        client.post("/recommend", json={"text": "red"}), 503, "store_unavailable"
    )
    monkeypatch.undo()
    assert client.post("/recommend", json={"text": "red"}).status_code == 200
    assert figures(client, "semrec_store_errors_total") == {
        'semrec_store_errors_total{code="store_unavailable"}': 1
    }


def _unavailable(index, searches):
    raise StoreUnavailableError("the server does not answer")


def test_what_nobody_expected_is_not_told(watched, caplog):
    client, recommender = watched()
    recommender.recommend = lambda **_: 1 / 0
    message = error(client.post("/recommend", json={"text": "red"}), 500, "internal")
    assert "division" not in message
    assert "ZeroDivisionError" in caplog.text


def test_a_history_of_ten_thousand_items(client):
    history = [f"i{n}" for n in range(9_999)] + ["r1"]
    answer = client.post("/recommend", json={"history": history, "k": 1})
    assert ids(answer) == ["r2"]
    assert len(answer.json()["unknown_items"]) == 9_999
    error(client.post("/recommend", json={"history": [*history, "g1"]}), 422, "bad_request")


def test_texts_that_cannot_be_encoded_soon_are_sent_away(watched):
    client, recommender = watched(service={"queue": 2, "threads": 1, "batch_texts": 1})
    go, encode = threading.Event(), recommender.encode_texts
    client.app.state.shared.question_batches._encode = lambda texts: (go.wait(10), encode(texts))
    threading.Timer(0.5, go.set).start()
    answers = together(client, [{"text": f"red {n}"} for n in range(12)])
    assert {answer.status_code for answer in answers} == {200, 429}
    assert sum(answer.status_code == 200 for answer in answers) <= 4  # one is encoded, three wait
    assert ids(client.post("/recommend", json={"text": "red", "k": 1})) == ["r2"]


def test_texts_and_changes_hold_up_no_answer(watched):
    client, recommender = watched(service={"threads": 1})
    go = threading.Event()
    client.app.state.shared.question_batches._encode = lambda texts: go.wait(10)
    recommender.delete_items = lambda ids: go.wait(10)
    held_up = [
        threading.Thread(target=client.post, args=("/recommend",), kwargs={"json": {"text": "red"}}),
        threading.Thread(target=client.delete, args=("/items/r1",)),
    ]
    for thread in held_up:
        thread.start()
    try:
        assert ids(client.post("/recommend", json={"history": ["r1"], "k": 1})) == ["r2"]
        assert not go.is_set()
    finally:
        go.set()
        for thread in held_up:
            thread.join()


def test_a_long_history_of_known_items_is_answered_or_told_to_be_too_long(watched):
    client, recommender = watched()
    recommender.put_items(
        {"id": f"n{n}", "title": f"{('red', 'green', 'blue')[n % 3]} {n}"} for n in range(2_000)
    )
    history = [f"n{n}" for n in range(2_000)] * 5
    answer = client.post("/recommend", json={"history": history, "k": 3})
    if answer.status_code != 200:
        error(answer, 504, "timeout")
    else:
        assert set(ids(answer)) <= {"r1", "r2", "g1", "g2", "b1", "a/b c"}


def test_figures_are_told(watched):
    client, _ = watched()
    client.post("/recommend", json={"text": "red"})
    assert figures(client, "semrec_generation") == {"semrec_generation": 1}
    assert figures(client, "semrec_kept_texts") == {"semrec_kept_texts": 2}  # one warmed up
    assert figures(client, "semrec_stale") == {"semrec_stale": 0}
    client.get("/nowhere/at/all")
    assert (
        figures(client, "semrec_requests_total")[
            'semrec_requests_total{method="POST",route="/recommend",status="200"}'
        ]
        == 1
    )
    assert any('signal="text"' in name for name in figures(client, "semrec_signal_share_count"))
    assert "nowhere" not in client.get("/metrics").text
