"""A client that sends the head of a request slowly."""

from __future__ import annotations

import socket
import time

import httpx
import pytest
from serving import listening, open_shop

from semrec.config import Settings
from semrec.service.app import create_app
from semrec.service.head_timeout import HEAD_TIMEOUT_S


@pytest.mark.slow
def test_a_slow_head_is_cut_and_delays_no_other_client(shop):
    app = create_app(lambda: open_shop(shop), Settings())
    with listening(app) as address:
        port = int(address.rsplit(":", 1)[1].strip("/"))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
            started = time.monotonic()
            slow.sendall(b"GET /health HTTP/1.1\r\nHost: local")
            assert httpx.get(f"{address}health", timeout=5).status_code == 200
            assert slow.recv(65536) == b""
            assert HEAD_TIMEOUT_S - 1 < time.monotonic() - started < 2 * HEAD_TIMEOUT_S
