"""`/users`: profiles, weights of interests, deletion."""

from __future__ import annotations

import pytest
from serving import error, ids

from semrec.events.log import EventLog


def add_events(client, user, *items, **more):
    events = [{"user_id": user, "item_id": item, "time": 1.7e9 + n, **more} for n, item in enumerate(items)]
    assert client.post("/events", json={"events": events}).json()["added"] == len(items)


def set_interests(client, user, **weights):
    return client.patch(f"/users/{user}/interests", json={"weights": weights})


def test_a_profile_has_interests_and_the_latest_events(serve):
    client = serve()
    add_events(client, "ann", "r1", "r2", "g1", "nowhere")
    profile = client.get("/users/ann", params={"recent": 2}).json()
    assert [event["item_id"] for event in profile["recent"]] == ["nowhere", "g1"]
    assert profile["n_events"] == 4
    assert profile["unknown_items"] == ["nowhere"]
    red, green = profile["interests"]
    assert set(red["item_ids"]) == {"r1", "r2"}
    assert red["item_id"] == red["item_ids"][0]
    assert set(red["titles"]) == {"red one", "red two"}
    assert green["titles"] == ["green one"]
    assert (red["share"], green["share"]) == pytest.approx((2 / 3, 1 / 3))
    assert red["weight"] == green["weight"] == 1


def test_an_unknown_user_has_an_empty_profile(serve):
    assert serve().get("/users/stranger").json() == {
        "user_id": "stranger",
        "interests": [],
        "recent": [],
        "n_events": 0,
        "unknown_items": [],
        "left_out": {},
    }


def test_a_muted_interest_does_not_count_in_the_next_answer(serve):
    client = serve()
    add_events(client, "ann", "r1", "g1")

    def best():
        return ids(client.post("/recommend", json={"user": "ann", "k": 1}))

    profile = set_interests(client, "ann", r1=0).json()
    assert {i["item_id"]: (i["weight"], i["share"]) for i in profile["interests"]} == {
        "r1": (0, 0),
        "g1": (1, 1),
    }
    assert best() == ["g2"]
    set_interests(client, "ann", r1=1, g1=0)
    assert best() == ["r2"]
    set_interests(client, "ann", g1=0.5)
    profile = client.get("/users/ann").json()
    assert [i["share"] for i in profile["interests"]] == pytest.approx([2 / 3, 1 / 3])
    assert "r1" not in ids(
        client.post("/recommend", json={"user": "ann", "k": 5})
    )  # muted items are still seen


def test_a_weight_holds_for_later_items_of_the_interest(serve):
    client = serve()
    add_events(client, "ann", "r1", "g1")
    set_interests(client, "ann", r1=0)
    client.post("/events", json={"events": [{"user_id": "ann", "item_id": "r2"}]})
    red = next(i for i in client.get("/users/ann").json()["interests"] if "r2" in i["item_ids"])
    assert set(red["item_ids"]) == {"r1", "r2"}
    assert (red["weight"], red["share"]) == (0, 0)


def test_invalid_weights(serve):
    client = serve()
    add_events(client, "ann", "r1")
    assert "'g1'" in error(set_interests(client, "ann", g1=0), 422, "bad_query")
    error(set_interests(client, "ann", r1=-1), 422, "bad_request")
    error(set_interests(client, "ann", r1=11), 422, "bad_request")
    error(client.patch("/users/ann/interests", json={"weights": {}}), 422, "bad_request")


def test_nothing_is_left_of_a_deleted_user(serve, shop):
    client = serve()
    name = "a-name-to-forget"
    add_events(client, name, "r1", "g1")
    add_events(client, "ann", "r1")
    set_interests(client, name, r1=0)
    gone = client.delete(f"/users/{name}")
    assert gone.json() == {"user_id": name, "events": 2, "preferences": 1}
    assert client.delete(f"/users/{name}").json() == {"user_id": name, "events": 0, "preferences": 0}
    (note,) = client.post("/recommend", json={"user": name}).json()["notes"]
    assert "has no events" in note
    assert client.get("/users/ann").json()["n_events"] == 1
    with EventLog.open(shop) as log:
        assert list(log.users()) == ["ann"]
    left = b"".join(file.read_bytes() for file in shop.glob("events.db*"))
    assert name.encode() not in left


def test_users_with_slashes(serve):
    client = serve()
    add_events(client, "a/b", "r1")
    assert client.get("/users/a%2Fb").json()["n_events"] == 1
    assert set_interests(client, "a%2Fb", r1=0).json()["user_id"] == "a/b"
    assert client.delete("/users/a%2Fb").json()["events"] == 1
