"""A server that is down, refuses the key or misses something; builds and their leases."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from samples import DIM, VECTORS, build, manifest, points
from unreliable_client import FakeClock

from semrec.config import StoreSettings
from semrec.errors import StoreError, StoreUnavailableError
from semrec.store import Search, open_store, server_lease
from semrec.store.edge import EdgeStore
from semrec.store.server import ServerStore
from semrec.store.server_messages import upload_batches

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

KEY = "very-secret-key"


@pytest.fixture
def client():
    client = QdrantClient(":memory:")
    yield client
    client.close()


@pytest.fixture
def memory(client):
    return ServerStore("shop", client=client)


@pytest.fixture
def closed_port():
    """A port where no server listens; neither on the next one."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def http_server(request):
    """The URL of a server that gives one answer to everything."""
    status, body = request.param

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def grpc_server(request):
    """The port before that of a gRPC server that aborts every call."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, _):
            return grpc.unary_unary_rpc_method_handler(
                lambda _, context: context.abort(request.param, "no, because of reasons")
            )

    running = grpc.server(ThreadPoolExecutor(1), handlers=[Handler()])
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    yield port - 1
    running.stop(None).wait()


def refused(store, kind=StoreUnavailableError):
    """Return the message of asking the store for anything."""
    with pytest.raises(kind) as raised:
        store.current()
    store.close()
    message = str(raised.value)
    assert KEY not in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("prefer_grpc", [False, True])
def test_a_server_that_is_down(closed_port, prefer_grpc):
    url = f"http://127.0.0.1:{closed_port}"
    message = refused(
        ServerStore("shop", url=url, api_key=KEY, prefer_grpc=prefer_grpc, timeout_s=2, clock=FakeClock())
    )
    assert url in message
    assert "is it running" in message


@pytest.mark.parametrize(
    "http_server", [(401, b"Must provide an API key"), (403, b"very-secret-key is wrong")], indirect=True
)
def test_a_wrong_key(http_server):
    message = refused(ServerStore("shop", url=http_server, api_key=KEY, prefer_grpc=False))
    assert "refuses the API key" in message
    assert "SEMREC_QDRANT_API_KEY" in message


@pytest.mark.parametrize(
    "grpc_server", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED], indirect=True
)
def test_a_wrong_key_over_grpc(grpc_server):
    message = refused(ServerStore("shop", url=f"http://127.0.0.1:{grpc_server}", api_key=KEY))
    assert "SEMREC_QDRANT_API_KEY" in message


@pytest.mark.parametrize(
    "grpc_server",
    [grpc.StatusCode.INTERNAL, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT],
    indirect=True,
)
def test_any_other_fault_over_grpc(grpc_server):
    store = ServerStore("shop", url=f"http://127.0.0.1:{grpc_server}", clock=FakeClock())
    assert "because of reasons" in refused(store, StoreError)


@pytest.mark.parametrize(
    ("http_server", "said"),
    [
        ((404, b'{"status": {"error": "Collection `shop-1` does not exist!"}}'), "shop-1"),
        ((500, b'{"status": {"error": "out of luck"}}'), "out of luck"),
        ((200, b"<html>hello</html>"), "not Qdrant"),
        ((503, b"starting"), "does not answer"),
    ],
    indirect=["http_server"],
)
def test_other_answers(http_server, said):
    store = ServerStore("shop", url=http_server, prefer_grpc=False, clock=FakeClock())
    assert said in refused(store, StoreError)


def test_an_invalid_url():
    with pytest.raises(StoreError, match="refused the request"):
        ServerStore("shop", url="ftp://somewhere")


def test_a_collection_that_is_gone(memory, client):
    index = memory.open(build(memory, points(3)))
    client.delete_collection("shop@1")
    with pytest.raises(StoreError, match="shop@1"):
        index.search([Search("text", np.ones(DIM, np.float32), 3)])


def test_an_alias_of_another_program(memory, client):
    client.create_collection("theirs", vectors_config={})
    alias = models.CreateAlias(collection_name="theirs", alias_name="shop")
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
    with pytest.raises(StoreError, match="semrec did not make"):
        memory.current()


def test_collections_of_other_shops_are_left_alone(memory, client):
    other = ServerStore("shop-2", client=client)
    build(other, points(2))
    assert memory.generations() == []
    assert build(memory, points(3)) == 1
    assert other.generations() == [1]


def test_a_live_build_is_left_alone_and_a_dead_one_removed(memory, client, monkeypatch):
    monkeypatch.setattr(server_lease.platform, "node", lambda: "elsewhere")
    first, alive = memory.create(VECTORS)
    monkeypatch.undo()
    second, _ = memory.create(VECTORS)
    assert (first, second) == (1, 2)
    now = server_lease.time.time()
    monkeypatch.setattr(server_lease.time, "time", lambda: now + 2000)
    with monkeypatch.context() as patch:
        patch.setattr(server_lease.platform, "node", lambda: "elsewhere")
        alive.upsert(points(2))  # renews its lease, which the other does not
    monkeypatch.setattr(server_lease.time, "time", lambda: now + 4000)
    assert list(memory.incomplete()) == [1, 2]
    assert f"process {os.getpid()} (" in memory.incomplete()[1]
    assert memory.incomplete()[2] is None
    third, _ = memory.create(VECTORS)
    assert third == 3
    names = [collection.name for collection in client.get_collections().collections]
    assert sorted(names) == ["shop@1", "shop@3"]
    memory.complete(first, alive, manifest(2))
    assert memory.generations() == [1]


def test_large_uploads_are_divided():
    items = points(9)
    batches = list(upload_batches(items, max_floats=60))
    assert len(batches) > 3
    assert [point for batch in batches for point in batch] == items


def test_a_store_needs_one_of_url_and_client(memory):
    with pytest.raises(StoreError, match="either a URL or a client"):
        ServerStore("shop")


def test_open_store_picks_the_engine(tmp_path):
    assert isinstance(open_store(StoreSettings(), tmp_path), EdgeStore)
    settings = StoreSettings(qdrant="http://127.0.0.1:1", qdrant_api_key=KEY)
    store = open_store(settings, tmp_path / "my-shop")
    assert store.describe() == "Qdrant collection my-shop at http://127.0.0.1:1"
    store.close()
