"""`/predict`: the same rating as from the library."""

from __future__ import annotations

import pytest
from serving import error, open_shop, start, wait_until_ready
from workspace_copies import copy_workspace

from semrec import Event
from semrec.events.frame import frame_of


@pytest.fixture(scope="module")
def rated_client(built_shop, tmp_path_factory):
    """A client of an app on a shop whose users have rated items, and a rating from the library."""
    shop = copy_workspace(built_shop, tmp_path_factory.mktemp("rated") / "shop")
    with open_shop(shop) as recommender:
        log = recommender.event_log()
        for user, stars in (("ann", (5, 4, 1)), ("bob", (4, 5, 2)), ("cat", (1, 2, 5))):
            rows = [Event(i, "rate", float(s)) for i, s in zip(("r1", "r2", "g1"), stars, strict=True)]
            log.append(frame_of(user, rows))
        log.append(frame_of("dan", [Event("r1", "rate", 3.0)]))
        recommender.fit()
        expected = recommender.predict("g1", user="dan").to_dict()
    with start(shop) as client:
        wait_until_ready(client)
        yield client, expected


def test_a_rating_with_interval_and_reason(rated_client):
    client, expected = rated_client
    answer = client.post("/predict", json={"user": "dan", "item": "g1"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["rating"] == pytest.approx(expected["rating"])
    assert body["low"] <= body["rating"] <= body["high"]
    assert body["reason"] == expected["reason"]
    assert body["n_user_ratings"] == 1


def test_a_history_of_the_session_counts(rated_client):
    client, _ = rated_client
    history = [{"item_id": "r2", "kind": "rate", "value": 5}]
    body = client.post("/predict", json={"item": "g1", "history": history}).json()
    assert body["n_user_ratings"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"user": "dan", "item": "nowhere"}, 404, "unknown_item"),
        ({"item": "g1"}, 422, "bad_query"),
        ({"user": "dan"}, 422, "bad_request"),
        ({"user": "dan", "item": "g1", "stars": 3}, 422, "bad_request"),
    ],
)
def test_bad_questions(rated_client, body, status, code):
    client, _ = rated_client
    assert error(client.post("/predict", json=body), status, code)
