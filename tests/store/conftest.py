"""One store of every engine."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest
from qdrant_client import QdrantClient
from samples import VECTORS, build, points
from stand_in_server import stand_in_server

from semrec.store.edge import EdgeStore
from semrec.store.server import ServerStore

ENGINES = ["edge", "memory", "grpc", "server"]


@pytest.fixture(params=ENGINES)
def store(request, tmp_path):
    """An empty store."""
    with new_store(request.param, tmp_path) as store:
        yield store


@pytest.fixture(scope="module", params=ENGINES)
def index(request, tmp_path_factory):
    """A complete generation of 30 items, shared by the tests that only read."""
    with new_store(request.param, tmp_path_factory.mktemp("store")) as store:
        index = store.open(build(store, points(30)))
        yield index
        index.close()


@pytest.fixture
def writable(store):
    """A build with 30 items in it."""
    _, index = store.create(VECTORS)
    index.upsert(points(30))
    yield index
    index.close()


@pytest.fixture
def child(tmp_path):
    """Start a second process on the store of this test; it is killed at the end."""
    started = []

    def start(body: str) -> subprocess.Popen[str]:
        setup = (
            f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "from pathlib import Path\nfrom samples import *\n"
            "from semrec.errors import StoreError\nfrom semrec.store import Search\n"
            "from semrec.store.edge import EdgeStore\n"
            f"store = EdgeStore(Path({str(tmp_path)!r}))\n"
        )
        command = [sys.executable, "-c", setup + body]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@contextmanager
def new_store(engine, folder):
    if engine == "edge":
        yield EdgeStore(folder)
    elif engine == "memory":
        client = QdrantClient(":memory:")
        yield ServerStore("shop", client=client)
        client.close()
    elif engine == "grpc":
        with stand_in_server() as server:
            store = ServerStore("shop", url=server.url)
            yield store
            store.close()
    else:
        with server_store() as store:
            yield store


@contextmanager
def server_store():
    """A store on the real server that SEMREC_TEST_QDRANT_URL names, removed afterwards."""
    url = os.environ.get("SEMREC_TEST_QDRANT_URL")
    if not url:
        pytest.skip("SEMREC_TEST_QDRANT_URL does not name a Qdrant server")
    alias = f"semrec-test-{uuid.uuid4().hex[:12]}"
    key = os.environ.get("SEMREC_TEST_QDRANT_API_KEY")
    store = ServerStore(alias, url=url, api_key=key)
    try:
        yield store
    finally:
        store.close()
        client = QdrantClient(url, api_key=key, check_compatibility=False)
        for collection in client.get_collections().collections:
            if collection.name.startswith(alias):
                client.delete_collection(collection.name)
        client.close()
