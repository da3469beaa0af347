"""Logs: one JSON object a line, without secrets."""

from __future__ import annotations

import io
import json
import logging

import pytest
from serving import bearer, start, wait_until_ready
from workspace_copies import copy_workspace

from semrec.service.logs import configure_logs


@pytest.fixture
def log_lines():
    """Return a function that gives the lines logged since the start of the test."""
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    configure_logs(stream)
    yield lambda: stream.getvalue().splitlines()
    root.handlers[:], root.level = before


def test_a_line_is_a_json_object(log_lines):
    logging.getLogger("semrec.service").info("ready", extra={"route": "/map", "key": None})
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("semrec.service").exception("failed")
    ready, failed = map(json.loads, log_lines())
    assert (ready["level"], ready["message"], ready["route"]) == ("info", "ready", "/map")
    assert "key" not in ready
    assert "ValueError: broken" in failed["trace"]


def test_no_secret_is_logged(shop, tmp_path, api_keys, headers, log_lines):
    folder = copy_workspace(shop, tmp_path / "logged")
    with start(folder, api_keys) as client:
        wait_until_ready(client)
        n_before = len(log_lines())
        for with_key in (headers["write"], bearer("semrec_0_a-wrong-secret")):
            sent = {**with_key, "X-Request-Id": "seen-1"}
            client.post("/recommend", json={"text": "my-secret-wish", "user": "a-user"}, headers=sent)
            client.get("/items/my-secret-item?token=my-secret-token", headers=sent)
            client.post("/events", json={"events": [{"user_id": "a-user", "item_id": "r1"}]}, headers=sent)
            client.post("/recommend", content='{"my-secret": ', headers=sent)
        lines = log_lines()[n_before:]
    sent_keys = [with_key["Authorization"].removeprefix("Bearer ") for with_key in headers.values()]
    for secret in (*sent_keys, "wrong-secret", "my-secret", "a-user", "Bearer"):
        assert secret not in "".join(lines)
    answered = [line for line in map(json.loads, lines) if line["message"] == "answered"]
    assert len(answered) == 8
    assert answered[0]["request_id"] == "seen-1"
    assert answered[0]["key"] == headers["write"]["Authorization"].split("_")[1]
    assert [line["route"] for line in answered[:3]] == ["/recommend", "/items/{item_id:path}", "/events"]
