"""OpenTelemetry spans of requests and their stages."""

from __future__ import annotations

import pytest
from serving import error, ids

from semrec.tracing import stage

STAGES = {"encode", "answer", "history", "search", "score", "choose", "explain"}


@pytest.fixture(scope="module")
def exporter():
    """Holds the spans of this process, which can have one provider only."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter):
    """Return a function that gives the finished spans by name."""
    exporter.clear()
    return lambda: {span.name: span for span in exporter.get_finished_spans()}


def test_a_request_is_a_span_and_its_stages_are_spans_in_it(serve, spans):
    client = serve(service={"telemetry": True})
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ids(
        client.post("/recommend", json={"text": "red"}, headers={"traceparent": parent, "X-Request-Id": "r1"})
    )
    found = spans()
    request = found["POST /recommend"]
    assert f"{request.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{request.parent.span_id:016x}" == "b7ad6b7169203331"
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/recommend",
        "http.response.status_code": 200,
        "semrec.request_id": "r1",
    }
    assert set(found) >= {"POST /recommend", *(f"semrec.{name}" for name in STAGES)}
    assert not [name for name in found if name.startswith("fastapi")]  # they hold paths
    answer = found["semrec.answer"]
    assert {found[f"semrec.{name}"].parent.span_id for name in ("encode", "answer")} == {
        request.context.span_id
    }
    for name in STAGES - {"encode", "answer"}:
        assert found[f"semrec.{name}"].parent.span_id == answer.context.span_id


def test_a_failed_span_holds_nothing_of_the_query(serve_recommender, spans):
    client, recommender = serve_recommender(service={"telemetry": True})

    def fail(**query):
        with stage("search"):
            raise ValueError(f"no answer for {query}")

    recommender.recommend = fail
    error(client.post("/recommend", json={"text": "my-secret-wish"}), 500, "internal")
    client.get("/items/my-secret-item?where=my-secret")
    found = spans()
    assert not found["POST /recommend"].status.is_ok
    assert not found["semrec.search"].status.is_ok
    assert found["GET /items/{item_id:path}"].attributes["http.response.status_code"] == 404
    assert "secret" not in "".join(span.to_json() for span in found.values())
