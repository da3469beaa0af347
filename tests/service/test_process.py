"""The real process: kill -9 under load, slow clients, a graceful stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from semrec.events.log import EventLog


@pytest.fixture
def launch(shop):
    """Return a function that starts `semrec serve` on `shop` and returns the process and its address."""
    started = []

    def start(**settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = "from semrec.cli import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", command, "serve", "--workspace", str(shop), "--port", str(port)],
            env={**os.environ, **{f"SEMREC_{name.upper()}": str(value) for name, value in settings.items()}},
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=5)
                return process, port
            except httpx.HTTPError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)

    yield start
    for process in started:
        process.kill()
        process.wait()


def post_until_it_ends(port, name, acknowledged):
    """Post events one by one until the service is gone; note those that were acknowledged."""
    number = 0
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
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
def test_kill_under_load_loses_no_acknowledged_event(shop, launch):
    process, port = launch()
    acknowledged: list[str] = []
    threads = [
        threading.Thread(target=post_until_it_ends, args=(port, name, acknowledged)) for name in "abcdefgh"
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
    _, port = launch()
    answer = httpx.post(
        f"http://127.0.0.1:{port}/events", json={"events": [{"user_id": "u", "item_id": "x"}]}, timeout=30
    )
    assert answer.json()["added"] == 1


@pytest.mark.slow
def test_eight_clients_lose_none_of_a_thousand_events_each(shop, launch):
    _, port = launch()

    def send(name):
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            for number in range(1000):
                event = {"user_id": name, "item_id": f"i{number}"}
                assert client.post("/events", json={"events": [event]}).status_code == 200

    threads = [threading.Thread(target=send, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with EventLog.open(shop) as log:
        assert log.count() == 8000
        assert all(len({event.item_id for event in log.history(name)}) == 1000 for name in "abcdefgh")


@pytest.mark.slow
def test_slow_clients_are_told_and_cut_and_hinder_nobody(launch):
    _, port = launch(service_timeout_s=1)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
        head = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += b"Content-Length: 100\r\n\r\n"
        slow.sendall(head + b"{")
        assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == 200
        answer = b"".join(iter(lambda: slow.recv(65536), b""))  # until the service closes
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"code":"too_slow"' in answer
    with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
        started = time.monotonic()
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: local")
        assert slow.recv(65536) == b""
        assert time.monotonic() - started < 20


@pytest.mark.slow
def test_a_stop_finishes_what_was_begun(shop, launch):
    process, port = launch()
    acknowledged: list[str] = []
    thread = threading.Thread(target=post_until_it_ends, args=(port, "a", acknowledged))
    thread.start()
    while len(acknowledged) < 20:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) in (0, -signal.SIGTERM)
    thread.join()
    with EventLog.open(shop) as log:
        assert {event.item_id for event in log.history("u")} >= set(acknowledged)
