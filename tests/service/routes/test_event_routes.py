"""`/events`: on the disk when acknowledged, used by the next answer."""

from __future__ import annotations

import time

import pytest
from serving import error, ids, in_parallel

from semrec.events.log import EventLog
from semrec.types import Event


def event(user, item, **more):
    return {"user_id": user, "item_id": item, **more}


def post(client, *events, key=None):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/events", json={"events": list(events)}, headers=headers)


def note_for(client, user):
    """Return the only note of the answer for a user of whom nothing is known."""
    (note,) = client.post("/recommend", json={"user": user}).json()["notes"]
    return note


def test_an_event_counts_in_the_next_answer_of_its_user(serve):
    client = serve()
    assert "has no events" in note_for(client, "ann")
    for item, like_it in (("r1", "r2"), ("g1", "g2")):
        assert post(client, event("ann", item)).json() == {
            "added": 1,
            "repeated": 0,
            "refused": {},
            "left_out": {},
            "examples": {},
            "notes": [],
            "again": False,
        }
        assert like_it in ids(client.post("/recommend", json={"user": "ann", "k": 2}))
    assert "has no events" in note_for(client, "bob")


def test_events_of_a_session_are_not_stored(serve, shop):
    client = serve()
    post(client, event("ann", "r1"))
    answer = client.post("/recommend", json={"user": "ann", "history": ["g1", {"item_id": "b1"}]})
    assert {name for interest in answer.json()["interests"] for name in interest["item_ids"]} == {
        "r1",
        "g1",
        "b1",
    }
    with EventLog.open(shop) as log:
        assert log.count() == 1


def test_another_process_sees_an_event_at_once(serve, shop):
    client = serve()
    with EventLog.open(shop) as elsewhere:
        elsewhere.record("ann", [])
        post(client, event("ann", "r1", time=1.7e9))
        assert [e.item_id for e in elsewhere.history("ann")] == ["r1"]


def test_events_of_another_process_count_at_once(serve, shop):
    client = serve()
    with EventLog.open(shop) as elsewhere:
        elsewhere.record("ann", [Event("r1")])
    assert ids(client.post("/recommend", json={"user": "ann", "k": 1})) == ["r2"]


def test_events_without_a_time_get_the_time_of_arrival(serve, shop):
    client, before = serve(), time.time()
    post(client, event("ann", "r1"))
    post(client, event("ann", "r1"))
    with EventLog.open(shop) as log:
        times = [e.time for e in log.history("ann")]
    assert len(times) == 2
    assert before <= times[0] < times[1] <= time.time()


def test_the_same_event_again_changes_nothing(serve):
    client = serve()
    rating = event("ann", "r1", kind="rate", value=4.0, time=1.7e9)
    assert post(client, rating, rating).json()["added"] == 1
    assert post(client, rating).json()["repeated"] == 1


def test_a_post_under_an_idempotency_key_is_stored_once(serve, shop):
    client = serve()
    first = post(client, event("ann", "r1"), key="k-1").json()
    again = post(client, event("ann", "r1"), key="k-1").json()
    assert (first["added"], first["again"], again["added"], again["again"]) == (1, False, 1, True)
    error(post(client, event("ann", "g1"), key="k-1"), 422, "idempotency_key_reused")
    error(post(client, event("ann", "r1"), key="a b"), 422, "bad_request")
    with EventLog.open(shop) as log:
        assert log.count() == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"events": []},
        {"events": [{"item_id": "r1"}]},
        {"events": [event("", "r1")]},
        {"events": [event("ann", "r1\0")]},
        {"events": [event("ann", "r1", value="much")]},
        {"events": [event("ann", "r1", price=3)]},
        {"events": "r1"},
    ],
)
def test_invalid_events(client, bad):
    error(client.post("/events", json=bad), 422, "bad_request")


def test_an_invalid_event_is_refused_alone_with_its_place_and_reason(serve, shop):
    client = serve()
    events = [
        event("ann", ""),
        event("ann", "r1", time=1.7e9),
        "r1",
        event("ann", "r1", value="much"),
        event("ann", "g1", kind="sniff", time=1.7e9),
        event("ann", "r1", price=3),
        event("ann", "r1", time=1.7e9),
    ]
    answer = post(client, *events, key="k-1").json()
    assert (answer["added"], answer["repeated"], list(answer["refused"])) == (2, 1, ["0", "2", "3", "5"])
    assert answer["refused"]["0"] == '"item_id" is missing'
    assert answer["refused"]["3"] == "\"value\" is not a number: 'much'"
    assert "unknown field 'price'" in answer["refused"]["5"]
    assert answer["examples"]["kind has no weight"].startswith("events.4: ")
    assert post(client, *events, key="k-1").json() == answer | {"again": True}
    with EventLog.open(shop) as log:
        assert log.count() == 2
    message = error(post(client, "r1", event("ann", "")), 422, "bad_request")
    assert 'events.1: "item_id" is missing' in message


def test_items_that_the_catalog_does_not_have_are_counted(serve):
    client = serve()
    assert post(client, event("ann", "r1"), event("ann", "x"), event("ann", "g1")).json()["notes"] == [
        "1 of 3 items are not in the catalog: their events count once they are indexed."
    ]
    assert post(client, event("ann", "x"), event("ann", "y")).json()["notes"] == [
        "2 of 2 items are not in the catalog: wrong id column?"
    ]


@pytest.mark.parametrize("value", [1e20, -1e19, 1e308, 1_000_001])
def test_a_value_that_is_too_large_is_refused_with_its_place(serve, shop, value):
    client = serve()
    message = error(post(client, event("mallory", "r1", kind="buy", value=value)), 422, "bad_request")
    assert 'events.0: "value" is too large: the limit is 1,000,000' in message
    history = [{"item_id": "r1", "value": value}]
    message = error(client.post("/recommend", json={"history": history}), 422, "bad_request")
    assert "history.0" in message
    history = ["r1", {"item_id": "r1", "time": 5e8}]
    message = error(client.post("/recommend", json={"history": history}), 422, "bad_query")
    assert "history[1], item 'r1': the time 500000000 is not in unix seconds" in message
    with EventLog.open(shop) as log:
        assert log.count() == 0


def test_events_have_the_names_and_values_that_files_have(serve, shop):
    client = serve()
    odd = {"user": 7, "sku": "r1", "event": "Purchase", "quantity": "2", "timestamp": 1_600_000_000_000}
    answer = post(client, odd, event("7", "r1", kind="buy", value=2, time="2020-09-13T12:26:40Z")).json()
    assert (answer["added"], answer["repeated"]) == (1, 1)
    assert answer["notes"] == ['kind "Purchase" is taken as "buy": 1 events']
    with EventLog.open(shop) as log:
        assert log.history("7") == [Event("r1", "buy", 2.0, 1.6e9)]
    history = [{"item": "r1", "event": "purchase"}, {"item_id": "g1", "kind": "Impression"}]
    assert "r2" in ids(client.post("/recommend", json={"history": history, "k": 1}))
    error(post(client, event("a", "r1", usr="b")), 422, "bad_request")


def test_events_that_do_not_count_are_reported_at_once(serve):
    client = serve()
    answer = post(
        client,
        event("ann", "r1", time=1.6e9),
        event("ann", "r1", kind="Sniff", time=1.6e9),
        event("ann", "r1", time=5e8),
    ).json()
    assert (answer["added"], answer["refused"]) == (3, {})
    assert answer["left_out"] == {
        "kind has no weight": 1,
        "time is not in unix seconds, from 1990 to tomorrow": 1,
    }
    assert answer["examples"]["kind has no weight"] == (
        "events.1: kind 'sniff', time 1600000000 "
        "[kinds with a weight: buy, cart, click, dislike, like, rate, view]"
    )
    assert "events.2: " in answer["examples"]["time is not in unix seconds, from 1990 to tomorrow"]


def test_a_user_without_events_that_count_is_told_why(serve):
    client = serve()
    post(client, event("ann", "r1", kind="sniff"))
    note = note_for(client, "ann")
    assert "kind has no weight: 1, for instance item 'r1', kind 'sniff'" in note
    assert client.get("/users/ann").json()["left_out"] == {"kind has no weight": 1}


@pytest.mark.parametrize("weight", [-1, 1e39, 1e308])
def test_an_impossible_weight_is_refused(client, weight):
    body = {"text": "red", "weights": {"text": weight}}
    error(client.post("/recommend", json=body), 422, "bad_request")


def test_ids_are_text(serve, shop):
    names = [
        "'; DROP TABLE semrec_events; --",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "%s{0}",
        "👩‍🚀",
    ]
    client = serve()
    for name in names:
        assert post(client, event(name, name, kind=name[:20])).json()["added"] == 1
        assert "kind has no weight" in note_for(client, name)
    with EventLog.open(shop) as log:
        assert sorted(log.users()) == sorted(names)


def test_many_clients_lose_nothing(serve, shop):
    client, counts = serve(service={"queue": 1024}), []

    def send(number):
        for n in range(50):
            counts.append(post(client, event(f"u{number}", f"i{n}")).json()["added"])

    in_parallel([lambda number=number: send(number) for number in range(8)])
    assert sum(counts) == 400
    with EventLog.open(shop) as log:
        assert log.count() == 400
        assert {len(log.history(f"u{number}")) for number in range(8)} == {50}


def test_a_locked_database_is_an_error_until_it_is_free(serve, shop):
    client = serve(event_log={"wait_s": 0.1})
    post(client, event("ann", "r1", time=1.7e9))
    with EventLog.open(shop) as other, other.transaction(write=True) as connection:
        connection.exec_driver_sql("UPDATE semrec_events SET kind = kind")
        error(post(client, event("ann", "g1")), 503, "store_locked")
        assert ids(client.post("/recommend", json={"user": "ann", "k": 1})) == ["r2"]  # reading is possible
    assert post(client, event("ann", "g1")).json()["added"] == 1


def test_a_missing_database_is_an_error_until_it_is_back(serve, shop):
    client = serve()
    post(client, event("ann", "r1", time=1.7e9))
    (shop / "events.db").rename(shop / "away")
    error(post(client, event("ann", "g1")), 503, "store_unavailable")
    error(client.post("/recommend", json={"user": "ann"}), 503, "store_unavailable")
    assert ids(client.post("/recommend", json={"history": ["r1"], "k": 1})) == ["r2"]
    (shop / "away").rename(shop / "events.db")
    assert post(client, event("ann", "g1")).json()["added"] == 1
    with EventLog.open(shop) as log:
        assert log.count() == 2
