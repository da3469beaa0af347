"""A small shop whose vectors are known, an app on it, and what tests look for in its answers."""

from __future__ import annotations

import time

from starlette.testclient import TestClient
from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.service.app import create_app
from semrec.service.schemas import ErrorBody

SHOP = [
    Item("r1", "red one", "red round", {"colour": "red", "size": 1}),
    Item("r2", "red two", "red red square", {"colour": "red", "size": 2}),
    Item("g1", "green one", "green round", {"colour": "green", "size": 1}),
    Item("g2", "green two", "green green square", {"colour": "green", "size": 2}),
    Item("b1", "blue one", "blue round", {"colour": "blue", "size": 1}),
    Item("a/b c", "blue two", "blue blue <b>square</b>", {"colour": "blue", "size": 2}),
]


def open_shop(folder, **settings):
    """Return a recommender on a folder, with the toy encoder."""
    return Recommender(folder, Settings(**settings), encoder=ToyEncoder())


def start(folder, keys=None, **settings):
    """Return a client of an app on a folder; a context that starts and stops the app."""
    app = create_app(lambda: open_shop(folder, **settings), Settings(**settings), keys=keys)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


def wait_until_ready(client, headers=None):
    """Wait until the service can answer queries."""
    deadline = time.monotonic() + 60
    while client.get("/ready", headers=headers).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ids(answer):
    """Return the recommended ids."""
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["recommendations"]]


def error(answer, status, code):
    """Check the one error body and return its message."""
    assert answer.status_code == status, answer.text
    told = ErrorBody.model_validate(answer.json()).error
    assert told.code == code
    assert told.request_id == answer.headers["x-request-id"]
    return told.message
