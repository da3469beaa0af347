"""Events over HTTP: on the disk when acknowledged, counted in the next answer."""

from __future__ import annotations

import threading
import time

import pytest
from serving import error, ids, open_shop

from semrec.events.log import EventLog


def event(user, item, **more):
    return {"user_id": user, "item_id": item, **more}


def post(client, *events, key=None):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/events", json={"events": list(events)}, headers=headers)


def test_an_event_counts_in_the_next_answer_of_its_user(serve):
    client = serve()
    error(client.post("/recommend", json={"user": "ann"}), 422, "empty_profile")
    for item, like_it in (("r1", "r2"), ("g1", "g2")):
        assert post(client, event("ann", item)).json() == {
            "added": 1,
            "repeated": 0,
            "rejected": {},
            "again": False,
        }
        assert like_it in ids(client.post("/recommend", json={"user": "ann", "k": 2}))
    error(client.post("/recommend", json={"user": "bob"}), 422, "empty_profile")


def test_a_session_leaves_no_trace(serve, shop):
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


def test_events_from_elsewhere_count_at_once(serve, shop):
    from semrec.types import Event

    client = serve()
    with EventLog.open(shop) as elsewhere:
        elsewhere.record("ann", [Event("r1")])
    assert ids(client.post("/recommend", json={"user": "ann", "k": 1})) == ["r2"]


def test_events_get_the_time_of_their_arrival(serve, shop):
    client, before = serve(), time.time()
    post(client, event("ann", "r1"))
    post(client, event("ann", "r1"))
    with EventLog.open(shop) as log:
        times = [e.time for e in log.history("ann")]
    assert len(times) == 2
    assert before <= times[0] < times[1] <= time.time()


def test_the_same_event_again_changes_nothing(serve):
    client = serve()
    told = event("ann", "r1", kind="rate", value=4.0, time=1.7e9)
    assert post(client, told, told).json()["added"] == 1
    assert post(client, told).json()["repeated"] == 1


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
def test_what_is_no_event_is_refused(client, bad):
    error(client.post("/events", json=bad), 422, "bad_request")


def test_ids_are_only_texts(serve, shop):
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
        error(client.post("/recommend", json={"user": name}), 422, "empty_profile")
    with EventLog.open(shop) as log:
        assert sorted(log.users()) == sorted(names)


def test_many_clients_lose_nothing(serve, shop):
    client, counts = serve(service={"queue": 1024}), []

    def send(number):
        for n in range(50):
            counts.append(post(client, event(f"u{number}", f"i{n}")).json()["added"])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 400
    with EventLog.open(shop) as log:
        assert log.count() == 400
        assert {len(log.history(f"u{number}")) for number in range(8)} == {50}


def test_a_locked_database_is_told_and_recovers(serve, shop):
    client = serve(event_log={"wait_s": 0.1})
    post(client, event("ann", "r1", time=1.7e9))
    with EventLog.open(shop) as other, other.transaction(write=True) as connection:
        connection.exec_driver_sql("UPDATE semrec_events SET kind = kind")
        error(post(client, event("ann", "g1")), 503, "store_locked")
        assert ids(client.post("/recommend", json={"user": "ann", "k": 1})) == ["r2"]  # readers go on
    assert post(client, event("ann", "g1")).json()["added"] == 1


def test_a_database_that_is_gone_is_told_and_recovers(serve, shop):
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


def test_a_store_in_use_at_the_start_is_told_and_recovers(serve, shop):
    with open_shop(shop) as owner:
        owner.warm_up()
        client = serve(wait=False)
        while client.get("/ready").json()["error"]["code"] == "warming_up":
            time.sleep(0.02)
        assert "is in use by process" in error(client.get("/ready"), 503, "store_locked")
        error(client.post("/recommend", json={"text": "red"}), 503, "store_locked")
        assert client.get("/health").status_code == 200
    deadline = time.monotonic() + 20
    while client.get("/ready").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert client.post("/recommend", json={"text": "red"}).status_code == 200
