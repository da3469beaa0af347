"""A service on a small shop."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from workspace_copies import copy_workspace

sys.path.insert(0, str(Path(__file__).parent.parent))

from serving import SHOP, bearer, free_port, open_shop, start, start_app, wait_until_ready

from semrec.service.api_keys import ApiKeys


@pytest.fixture(scope="session")
def built_shop(tmp_path_factory):
    """A workspace with `SHOP`; copy it, do not open it."""
    folder = tmp_path_factory.mktemp("built") / "shop"
    with open_shop(folder) as recommender:
        recommender.index(SHOP)
    return folder


@pytest.fixture
def shop(built_shop, tmp_path):
    """A copy of the workspace with `SHOP`."""
    return copy_workspace(built_shop, tmp_path / "shop")


@pytest.fixture(scope="session")
def client(built_shop, tmp_path_factory):
    """A client of an app with default settings, for queries that change nothing."""
    folder = copy_workspace(built_shop, tmp_path_factory.mktemp("asked") / "shop")
    with start(folder) as client:
        wait_until_ready(client)
        yield client


@pytest.fixture
def serve(shop):
    """Return a function that starts an app on `shop` with other settings and returns a client of it."""
    with ExitStack() as stack:

        def serve_it(wait=True, keys=None, **settings):
            client = stack.enter_context(start(shop, keys, **settings))
            if wait:
                wait_until_ready(client)
            return client

        yield serve_it


@pytest.fixture
def serve_recommender(shop):
    """Return a function that starts an app on `shop` and returns its client and its recommender."""
    with ExitStack() as stack:

        def serve_it(**settings):
            recommender = open_shop(shop, **settings)
            client = stack.enter_context(start_app(recommender, **settings))
            wait_until_ready(client)
            return client, recommender

        yield serve_it


@pytest.fixture(scope="session")
def api_keys(tmp_path_factory):
    """Keys of all scopes, in a folder of their own."""
    return ApiKeys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def headers(api_keys):
    """Headers with a key, by scope."""
    return {scope: bearer(api_keys.create(scope, scope)[0]) for scope in ("read", "write", "admin")}


@pytest.fixture
def start_process(shop):
    """Return a function that starts `semrec serve` on `shop`; it returns the process and a client.

    The process stores events; it cannot answer queries, because it has no toy encoder.
    """
    with ExitStack() as stack:

        def start_it(**environment):
            port = free_port()
            command = "from semrec.cli import main; main()"
            process = subprocess.Popen(
                [sys.executable, "-c", command, "serve", "--workspace", str(shop), "--port", str(port)],
                env={**os.environ, **environment},
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60))
            wait_until_ready(client, "/health")
            return process, client

        yield start_it
