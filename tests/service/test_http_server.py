"""The process of `semrec serve`: which addresses it takes, and that it loses no event."""

from __future__ import annotations

import os
import signal
import threading
import time

import httpx
import pytest
from serving import in_parallel

from semrec.config import Settings
from semrec.errors import ConfigError
from semrec.events.log import EventLog
from semrec.service.http_server import is_loopback, run


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("shop.example", False),
        ("localhost.example", False),
    ],
)
def test_which_addresses_are_local(host, is_local):
    assert is_loopback(host) is is_local


def test_a_public_address_needs_keys(shop):
    with pytest.raises(ConfigError, match="there are no keys"):
        run(shop, Settings(), host="0.0.0.0", port=0)


def test_several_processes_need_a_qdrant_server(shop):
    with pytest.raises(ConfigError, match="used by one process, not by 4"):
        run(shop, Settings(), host="127.0.0.1", port=0, workers=4)


def post_until_the_end(base_url, name, acknowledged):
    """Post events one by one until the service is gone; note the acknowledged ones."""
    number = 0
    with httpx.Client(base_url=base_url, timeout=10) as client:
        while True:
            item = f"{name}-{number}"
            try:
                answer = client.post("/events", json={"events": [{"user_id": "u", "item_id": item}]})
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                acknowledged.append(item)
            number += 1


@pytest.mark.slow
def test_a_kill_under_load_loses_no_acknowledged_event(shop, start_process):
    process, client = start_process()
    acknowledged: list[str] = []
    threads = [
        threading.Thread(target=post_until_the_end, args=(client.base_url, name, acknowledged))
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 200:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    with EventLog.open(shop) as log:
        stored = {event.item_id for event in log.history("u")}
    assert len(acknowledged) >= 200
    assert set(acknowledged) <= stored
    _, client = start_process()
    answer = client.post("/events", json={"events": [{"user_id": "u", "item_id": "x"}]})
    assert answer.json()["added"] == 1


@pytest.mark.slow
def test_eight_clients_lose_none_of_a_thousand_events_each(shop, start_process):
    _, client = start_process()

    def send(name):
        with httpx.Client(base_url=client.base_url, timeout=60) as own:
            for number in range(1000):
                event = {"user_id": name, "item_id": f"i{number}"}
                assert own.post("/events", json={"events": [event]}).status_code == 200

    in_parallel([lambda name=name: send(name) for name in "abcdefgh"])
    with EventLog.open(shop) as log:
        assert log.count() == 8000
        assert all(len({event.item_id for event in log.history(name)}) == 1000 for name in "abcdefgh")


@pytest.mark.slow
def test_a_stop_finishes_running_requests(shop, start_process):
    process, client = start_process()
    acknowledged: list[str] = []
    thread = threading.Thread(target=post_until_the_end, args=(client.base_url, "a", acknowledged))
    thread.start()
    while len(acknowledged) < 20:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) in (0, -signal.SIGTERM)
    thread.join()
    with EventLog.open(shop) as log:
        assert {event.item_id for event in log.history("u")} >= set(acknowledged)
