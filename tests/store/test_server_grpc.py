"""Points over gRPC: few requests, no more than asked for, and the errors of a server."""

from __future__ import annotations

import numpy as np
import pytest
from qdrant_client import grpc
from samples import DIM, build, ids, points, sparse
from stand_in_server import stand_in_server
from unreliable_client import FakeClock

from semrec.errors import StoreUnavailableError
from semrec.store import ScoreQuery, Search
from semrec.store.server import ServerStore
from semrec.store.server_grpc import vector_of
from semrec.types import AnyOf

N = 12
KEY = "very-secret-key"


@pytest.fixture
def server():
    with stand_in_server() as server:
        yield server


@pytest.fixture
def index(server):
    """An open index of 12 items; the server has counted nothing yet."""
    store = ServerStore("shop", url=server.url, api_key=KEY, clock=FakeClock())
    index = store.open(build(store, points(N)))
    server.reset()
    yield index
    store.close()


def test_all_scores_are_one_request_without_vectors_and_payloads(server, index):
    text = ScoreQuery("text", np.ones(DIM, np.float32))
    index.scores([text, ScoreQuery("bm25", sparse({7: 1.0})), text], ids(*range(8), 999))
    traffic = server.reset()
    assert (dict(traffic.requests), traffic.queries) == ({"QueryBatch": 1}, 3)
    assert traffic.points == 8 + 5 + 8  # of the items 0 to 7, five have words
    assert (traffic.payloads, dict(traffic.vectors)) == (0, {})


def test_a_batch_of_searches_is_one_request_and_brings_only_the_vectors_that_were_asked_for(server, index):
    query, where = np.ones(DIM, np.float32), (AnyOf("kind", ("even",)),)
    index.search(
        [
            Search("text", query, 3, where, ids(0)),
            Search("text", query, 2, where, ids(0), with_vector=True),
            Search("collaborative", query[:4], 0),
        ]
    )
    traffic = server.reset()
    assert (dict(traffic.requests), traffic.queries, traffic.points) == ({"QueryBatch": 1}, 2, 5)
    assert (traffic.payloads, dict(traffic.vectors)) == (0, {"text": 2})


def test_a_fetch_is_one_request_for_what_was_named(server, index):
    items = index.fetch(ids(1, 4, 999), ["text", "passages"])
    items.vectors("text")
    items.passage_vectors([0])
    traffic = server.reset()
    assert (dict(traffic.requests), traffic.points, traffic.payloads) == ({"Get": 1}, 2, 0)
    assert dict(traffic.vectors) == {"text": 2, "passages": 2}
    index.fetch(ids(1, 4), records=True).records([0])
    traffic = server.reset()
    assert (dict(traffic.requests), traffic.payloads, dict(traffic.vectors)) == ({"Get": 1}, 2, {})


def test_metadata_values_are_one_request_for_one_field(server, index):
    index.metadata_values("year", ids(1, 4))
    small = server.reset()
    index.records(ids(1, 4))
    assert dict(small.requests) == {"Get": 1}
    assert small.bytes_out < server.reset().bytes_out / 4


def test_the_key_goes_with_every_request(server, index):
    index.count()
    assert server.metadata["api-key"] == KEY
    index.scores([ScoreQuery("text", np.ones(DIM, np.float32))], ids(1))
    assert server.metadata["api-key"] == KEY


def test_requests_are_repeated_while_the_server_starts(server, index):
    for request in (
        lambda: index.search([Search("text", np.ones(DIM, np.float32), 3)]),
        lambda: index.records(ids(1)),
        lambda: index.upsert(points(1)),
        lambda: index.delete(ids(2)),
    ):
        server.n_refused = 3
        request()
        assert server.n_refused == 0


@pytest.mark.parametrize(
    "read",
    [
        lambda index: index.scores([ScoreQuery("text", np.ones(DIM, np.float32))], ids(1)),
        lambda index: index.search([Search("text", np.ones(DIM, np.float32), 1)]),
        lambda index: index.fetch(ids(1)),
        lambda index: index.sample(3),
    ],
    ids=["scores", "search", "fetch", "sample"],
)
def test_a_server_that_is_gone_is_unavailable(server, index, read):
    server.stop()
    with pytest.raises(StoreUnavailableError, match="does not answer") as raised:
        read(index)
    assert KEY not in str(raised.value)


DENSE = np.array([1, -2.5], np.float32)
ROWS = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
VECTORS = {
    "dense": (grpc.VectorOutput(dense=grpc.DenseVector(data=DENSE)), DENSE),
    "multi": (
        grpc.VectorOutput(
            multi_dense=grpc.MultiDenseVector(vectors=[grpc.DenseVector(data=row) for row in ROWS])
        ),
        ROWS,
    ),
    "older dense": (grpc.VectorOutput(data=DENSE), DENSE),
    "older multi": (grpc.VectorOutput(data=ROWS.ravel(), vectors_count=3), ROWS),
}


@pytest.mark.parametrize(("message", "expected"), VECTORS.values(), ids=VECTORS)
def test_dense_vectors_of_every_server_version_are_decoded(message, expected):
    vector = vector_of(message)
    np.testing.assert_array_equal(vector, expected)
    assert vector.dtype == np.float32


@pytest.mark.parametrize(
    "message",
    [
        grpc.VectorOutput(sparse=grpc.SparseVector(indices=[2**32 - 1, 3], values=DENSE)),
        grpc.VectorOutput(data=DENSE, indices=grpc.SparseIndices(data=[2**32 - 1, 3])),
    ],
    ids=["sparse", "older sparse"],
)
def test_sparse_vectors_of_every_server_version_are_decoded(message):
    vector = vector_of(message)
    assert (vector.indices.dtype, vector.values.dtype) == (np.uint32, np.float32)
    assert vector.indices.tolist() == [2**32 - 1, 3]
    np.testing.assert_array_equal(vector.values, DENSE)
