"""Steps for every request: ids, headers, limits of size and time."""

from __future__ import annotations

import socket
import threading

import pytest
from serving import error, ids, listening, open_shop

from semrec.config import Settings
from semrec.service.app import create_app


def test_request_ids_of_clients_are_kept_if_they_are_valid(client):
    assert client.get("/health", headers={"X-Request-Id": "a-1.b_2"}).headers["x-request-id"] == "a-1.b_2"
    for bad in ("", "x" * 65, "a b", "a;b", "<b>"):
        made = client.get("/health", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert len(made) == 32
        assert made.isalnum()


def test_security_headers(client):
    for path in ("/health", "/nowhere"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


def test_a_large_body_is_refused(client):
    for content in (b"x" * 5_000_000, (b"x" * 500_000 for _ in range(10))):
        answer = client.post("/recommend", content=content, headers={"content-type": "application/json"})
        error(answer, 413, "body_too_large")


def test_a_query_has_a_time_limit(serve_recommender):
    client, recommender = serve_recommender(service={"timeout_s": 1.5})
    go, answer = threading.Event(), recommender.recommend
    recommender.recommend = lambda **_: go.wait(10)
    try:
        error(client.post("/recommend", json={"history": ["r1"]}), 504, "timeout")
    finally:
        go.set()
    recommender.recommend = answer
    assert ids(client.post("/recommend", json={"history": ["r1"], "k": 1})) == ["r2"]


@pytest.mark.slow
def test_a_slow_body_is_refused_and_its_connection_is_closed(shop):
    app = create_app(lambda: open_shop(shop), Settings(service={"timeout_s": 1}))
    head = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 100\r\n\r\n"
    with listening(app) as address:
        port = int(address.rsplit(":", 1)[1].strip("/"))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            slow.sendall(head + b"{")
            answer = b"".join(iter(lambda: slow.recv(65536), b""))  # until the service closes
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"too_slow"' in answer
