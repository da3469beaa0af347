"""A Qdrant server in this process: the gRPC services of the client's package, answered by its in-memory mode.

It is for tests and benchmarks of the client's side. It counts requests, points, vectors and bytes, and the
time that it takes itself.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as messages
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

_DONE = messages.UpdateResult(operation_id=0, status=messages.UpdateStatus.Completed)
_SCHEMAS = {
    messages.FieldType.FieldTypeKeyword: models.PayloadSchemaType.KEYWORD,
    messages.FieldType.FieldTypeInteger: models.PayloadSchemaType.INTEGER,
    messages.FieldType.FieldTypeFloat: models.PayloadSchemaType.FLOAT,
    messages.FieldType.FieldTypeBool: models.PayloadSchemaType.BOOL,
}


@dataclass
class Traffic:
    """What a server was asked and what it sent.

    Parameters
    ----------
    requests : number of requests by method.
    queries : number of queries in them.
    points : points that were sent.
    vectors : vectors that were sent, by name.
    payloads : points that were sent with a payload.
    bytes_in, bytes_out : of all messages.
    seconds : time that the server took to answer.
    """

    requests: Counter[str] = field(default_factory=Counter)
    queries: int = 0
    points: int = 0
    vectors: Counter[str] = field(default_factory=Counter)
    payloads: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0

    @property
    def n_requests(self) -> int:
        """Number of all requests."""
        return sum(self.requests.values())

    def count(self, method: str, request: Any, answer: Any) -> None:
        """Add one request."""
        self.requests[method] += 1
        self.queries += len(getattr(request, "query_points", ()))
        self.bytes_in += request.ByteSize()
        self.bytes_out += answer.ByteSize()
        for point in _points_of(method, answer):
            self.points += 1
            self.payloads += bool(point.payload)
            self.vectors.update(point.vectors.vectors.vectors.keys())


def _points_of(method: str, answer: Any) -> Iterable[Any]:
    if method == "QueryBatch":
        return (point for one in answer.result for point in one.result)
    return answer.result if method in ("Get", "Scroll", "Query") else ()


class StandInServer:
    """A running server on a free port of this machine.

    Attributes
    ----------
    url : what to open as `qdrant`.
    traffic : what was asked since the start, or since the last `reset`.
    metadata : of the last request, such as the API key.
    n_refused : so many of the next requests get the answer of a server that is starting.
    """

    def __init__(self) -> None:
        self.traffic = Traffic()
        self.metadata: Mapping[str, str] = {}
        self.n_refused = 0
        self._client = QdrantClient(":memory:")
        # The in-memory mode is not thread-safe: one worker.
        self._server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.max_receive_message_length", -1)])
        points = _Points(self._client, self._answered)
        collections = _Collections(self._client, self._answered, points.payload_indexes)
        messages.add_PointsServicer_to_server(points, self._server)
        messages.add_CollectionsServicer_to_server(collections, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.url = f"http://127.0.0.1:{port - 1}"  # gRPC is expected one port above the URL's

    def reset(self) -> Traffic:
        """Return what was asked so far, and begin to count again."""
        traffic, self.traffic = self.traffic, Traffic()
        return traffic

    def stop(self) -> None:
        """Stop the server and free its port."""
        self._server.stop(None).wait()
        self._client.close()

    @contextmanager
    def _answered(self, context: grpc.ServicerContext) -> Iterator[Callable[[str, Any, Any], None]]:
        """Measure one answer, and turn a refusal of the in-memory mode into a status."""
        self.metadata = {key: str(value) for key, value in context.invocation_metadata()}
        if self.n_refused:
            self.n_refused -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the server is starting")
        start = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the in-memory mode, about what it does not have
                yield self.traffic.count
        except ValueError as error:
            missing = "not found" in str(error)
            status = grpc.StatusCode.NOT_FOUND if missing else grpc.StatusCode.INVALID_ARGUMENT
            context.abort(status, str(error))
        finally:
            self.traffic.seconds += time.perf_counter() - start


@contextmanager
def stand_in_server() -> Iterator[StandInServer]:
    """Run a server for as long as the context lasts."""
    server = StandInServer()
    try:
        yield server
    finally:
        server.stop()


class _Points(messages.PointsServicer):
    """The methods of the points service that semrec uses."""

    def __init__(self, client: QdrantClient, answered: Callable[..., Any]) -> None:
        self._client = client
        self._answered = answered
        self.payload_indexes: dict[str, dict[str, int]] = defaultdict(dict)

    def Upsert(self, request, context):
        with self._answered(context) as count:
            points = [GrpcToRest.convert_point_struct(point) for point in request.points]
            self._client.upsert(request.collection_name, points)
            answer = messages.PointsOperationResponse(result=_DONE)
            count("Upsert", request, answer)
        return answer

    def UpdateBatch(self, request, context):
        with self._answered(context) as count:
            changes = [GrpcToRest.convert_points_update_operation(change) for change in request.operations]
            self._client.batch_update_points(request.collection_name, changes)
            answer = messages.UpdateBatchResponse(result=[_DONE] * len(changes))
            count("UpdateBatch", request, answer)
        return answer

    def Delete(self, request, context):
        with self._answered(context) as count:
            self._client.delete(request.collection_name, GrpcToRest.convert_points_selector(request.points))
            answer = messages.PointsOperationResponse(result=_DONE)
            count("Delete", request, answer)
        return answer

    def CreateFieldIndex(self, request, context):
        with self._answered(context) as count:
            self._client.create_payload_index(
                request.collection_name, request.field_name, _SCHEMAS[request.field_type]
            )
            path = request.field_name.replace('"', "")  # a server lists it without quotes it does not need
            kind = messages.FieldType.Name(request.field_type).removeprefix("FieldType")
            self.payload_indexes[request.collection_name][path] = messages.PayloadSchemaType.Value(kind)
            answer = messages.PointsOperationResponse(result=_DONE)
            count("CreateFieldIndex", request, answer)
        return answer

    def DeleteFieldIndex(self, request, context):
        with self._answered(context) as count:
            self.payload_indexes[request.collection_name].pop(request.field_name.replace('"', ""), None)
            answer = messages.PointsOperationResponse(result=_DONE)
            count("DeleteFieldIndex", request, answer)
        return answer

    def Get(self, request, context):
        with self._answered(context) as count:
            points = self._client.retrieve(
                request.collection_name,
                [key.num for key in request.ids],
                with_payload=GrpcToRest.convert_with_payload_selector(request.with_payload),
                with_vectors=GrpcToRest.convert_with_vectors_selector(request.with_vectors),
            )
            answer = messages.GetResponse(result=map(_retrieved, points))
            count("Get", request, answer)
        return answer

    def Scroll(self, request, context):
        with self._answered(context) as count:
            points, following = self._client.scroll(
                request.collection_name,
                offset=request.offset.num,
                limit=request.limit,
                with_payload=GrpcToRest.convert_with_payload_selector(request.with_payload),
                with_vectors=GrpcToRest.convert_with_vectors_selector(request.with_vectors),
            )
            answer = messages.ScrollResponse(
                result=map(_retrieved, points),
                next_page_offset=None if following is None else messages.PointId(num=following),
            )
            count("Scroll", request, answer)
        return answer

    def Count(self, request, context):
        with self._answered(context) as count:
            only = GrpcToRest.convert_filter(request.filter) if request.HasField("filter") else None
            counted = self._client.count(request.collection_name, count_filter=only).count
            answer = messages.CountResponse(result=messages.CountResult(count=counted))
            count("Count", request, answer)
        return answer

    def Facet(self, request, context):
        with self._answered(context) as count:
            found = self._client.facet(request.collection_name, request.key, limit=request.limit, exact=True)
            hits = [
                messages.FacetHit(value=messages.FacetValue(string_value=hit.value), count=hit.count)
                for hit in found.hits
                if isinstance(hit.value, str)
            ]
            answer = messages.FacetResponse(hits=hits)
            count("Facet", request, answer)
        return answer

    def Query(self, request, context):
        """Not used by this version; the client benchmark measures older ones, too."""
        with self._answered(context) as count:
            (found,) = self._client.query_batch_points(request.collection_name, [_query(request)])
            answer = messages.QueryResponse(result=map(RestToGrpc.convert_scored_point, found.points))
            count("Query", request, answer)
        return answer

    def QueryBatch(self, request, context):
        with self._answered(context) as count:
            queries = [_query(query) for query in request.query_points]
            answers = self._client.query_batch_points(request.collection_name, queries)
            answer = messages.QueryBatchResponse(
                result=[
                    messages.BatchResult(result=map(RestToGrpc.convert_scored_point, one.points))
                    for one in answers
                ]
            )
            count("QueryBatch", request, answer)
        return answer


def _query(message: messages.QueryPoints) -> models.QueryRequest:
    """Return a query; its conditions hold tuples of ids, as the in-memory mode makes one for each point."""
    query = GrpcToRest.convert_query_points(message)
    conditions = [*(query.filter.must or ()), *(query.filter.must_not or ())] if query.filter else []
    for condition in conditions:
        if isinstance(condition, models.HasIdCondition):
            condition.has_id = tuple(condition.has_id)
    return query


def _retrieved(point: models.Record) -> messages.RetrievedPoint:
    if point.payload is None:
        point = models.Record(id=point.id, payload={}, vector=point.vector)
    return RestToGrpc.convert_record(point)


class _Collections(messages.CollectionsServicer):
    """The methods of the collections service that semrec uses."""

    def __init__(
        self, client: QdrantClient, answered: Callable[..., Any], payload_indexes: Mapping[str, Any]
    ) -> None:
        self._client = client
        self._answered = answered
        self._payload_indexes = payload_indexes

    def Create(self, request, context):
        with self._answered(context) as count:
            self._client.create_collection(
                request.collection_name,
                vectors_config=GrpcToRest.convert_vectors_config(request.vectors_config),
                sparse_vectors_config=GrpcToRest.convert_sparse_vector_config(request.sparse_vectors_config),
                metadata=GrpcToRest.convert_payload(request.metadata),
            )
            answer = messages.CollectionOperationResponse(result=True)
            count("Create", request, answer)
        return answer

    def Update(self, request, context):
        with self._answered(context) as count:
            self._client.update_collection(
                request.collection_name, metadata=GrpcToRest.convert_payload(request.metadata)
            )
            answer = messages.CollectionOperationResponse(result=True)
            count("Update", request, answer)
        return answer

    def Delete(self, request, context):
        with self._answered(context) as count:
            self._client.delete_collection(request.collection_name)
            answer = messages.CollectionOperationResponse(result=True)
            count("Delete", request, answer)
        return answer

    def Get(self, request, context):
        with self._answered(context) as count:
            info = self._client.get_collection(request.collection_name)
            answer = messages.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))
            for path, kind in self._payload_indexes.get(request.collection_name, {}).items():
                answer.result.payload_schema[path].data_type = kind
            count("GetCollection", request, answer)
        return answer

    def List(self, request, context):
        with self._answered(context) as count:
            names = [collection.name for collection in self._client.get_collections().collections]
            answer = messages.ListCollectionsResponse(
                collections=[messages.CollectionDescription(name=name) for name in names]
            )
            count("List", request, answer)
        return answer

    def ListAliases(self, request, context):
        with self._answered(context) as count:
            aliases = self._client.get_aliases().aliases
            answer = messages.ListAliasesResponse(aliases=map(RestToGrpc.convert_alias_description, aliases))
            count("ListAliases", request, answer)
        return answer

    def UpdateAliases(self, request, context):
        with self._answered(context) as count:
            self._client.update_collection_aliases(
                [GrpcToRest.convert_alias_operations(action) for action in request.actions]
            )
            answer = messages.CollectionOperationResponse(result=True)
            count("UpdateAliases", request, answer)
        return answer
