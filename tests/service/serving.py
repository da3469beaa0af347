"""A small shop with known vectors, apps on it, and checks of their responses."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.testclient import TestClient
from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.service.app import create_app
from semrec.service.head_timeout import HeadTimeoutProtocol
from semrec.service.response_models import ErrorBody

READY_TIMEOUT_S = 60

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
    kept = Settings(**{"index": {"keep_html": True}, **settings})  # items must be harmless as they are
    return Recommender(folder, kept, encoder=ToyEncoder())


def start(folder, keys=None, **settings):
    """Return a client of an app on a folder; a context that starts and stops the app."""
    return start_app(open_shop(folder, **settings), keys, **settings)


def start_app(recommender, keys=None, **settings):
    """Return a client of an app on a recommender; a context that starts and stops the app."""
    app = create_app(lambda: recommender, Settings(**settings), keys=keys)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


def in_parallel(calls):
    """Call functions at the same time and return their results in order."""
    results = [None] * len(calls)

    def call(place):
        results[place] = calls[place]()

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@contextmanager
def listening(app):
    """Serve an app on a free port of this machine, in a thread, and give its address once it is ready."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, http=HeadTimeoutProtocol
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
        with httpx.Client(base_url=address) as client:
            wait_until_ready(client)
        yield address
    finally:
        server.should_exit = True
        thread.join(timeout=30)


def free_port():
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_until_ready(client, path="/ready"):
    """Wait until the service answers queries, or requests to another path that needs no key."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            response = client.get(path)
        except httpx.ConnectError:  # a process that is starting
            response = None
        if response is not None and response.status_code == 200:
            return
        assert time.monotonic() < deadline, "the service did not become ready"
        time.sleep(0.02)


def bearer(key):
    """Return the header for a key."""
    return {"Authorization": f"Bearer {key}"}


def metric_values(client, name):
    """Return the values of the metrics whose name starts so, by name and labels."""
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def ids(answer):
    """Return the recommended ids."""
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["recommendations"]]


def error(answer, status, code):
    """Check the common error body and return its message."""
    assert answer.status_code == status, answer.text
    body = ErrorBody.model_validate(answer.json()).error
    assert body.code == code
    assert body.request_id == answer.headers["x-request-id"]
    return body.message
