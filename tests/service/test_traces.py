"""The stages of an answer: measured for Prometheus, and spans of OpenTelemetry where they are wanted."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

import pytest
from serving import error, ids

from semrec import tracing as stages
from semrec.config import Settings
from semrec.errors import ConfigError
from semrec.service.app import import_traces
from semrec.service.server import run

OF_A_TEXT = {"encode", "answer", "history", "search", "score", "choose", "explain"}


@pytest.fixture(scope="module")
def exported():
    """What the provider of the whole process exports; there can be one only."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exported):
    """Return a function that gives the finished spans by name."""
    exported.clear()
    return lambda: {span.name: span for span in exported.get_finished_spans()}


def test_watches_see_stages_also_those_that_fail():
    seen = []

    @contextmanager
    def watch(name):
        seen.append(f"{name} begins")
        try:
            yield
        finally:
            seen.append(f"{name} ends")

    @stages.stage("outer")
    def outer():
        with stages.stage("inner"):
            raise ValueError

    with pytest.raises(ValueError), stages.watched(watch):  # noqa: PT011 - ours
        outer()
    assert seen == ["outer begins", "inner begins", "inner ends", "outer ends"]
    with stages.stage("unwatched"):
        assert len(seen) == 4


def test_every_stage_is_measured(serve):
    client = serve()
    ids(client.post("/recommend", json={"text": "red", "k": 2}))
    lines = client.get("/metrics").text.splitlines()
    counts = dict(line.rsplit(" ", 1) for line in lines if line.startswith("semrec_stage_seconds_count"))
    assert counts.pop('semrec_stage_seconds_count{stage="search"}') in ("1.0", "2.0")  # again for the quiet
    others = OF_A_TEXT - {"search"}
    assert counts == {f'semrec_stage_seconds_count{{stage="{name}"}}': "1.0" for name in others}


def test_a_request_is_a_span_and_its_stages_are_spans_in_it(serve, spans):
    client = serve(service={"telemetry": True})
    asker = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ids(client.post("/recommend", json={"text": "red"}, headers={"traceparent": asker, "X-Request-Id": "r1"}))
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
    assert set(found) >= {"POST /recommend", *(f"semrec.{name}" for name in OF_A_TEXT)}
    assert not [name for name in found if name.startswith("fastapi")]  # its spans name users
    answer = found["semrec.answer"]
    assert {found[f"semrec.{name}"].parent.span_id for name in ("encode", "answer")} == {
        request.context.span_id
    }
    for name in OF_A_TEXT - {"encode", "answer"}:
        assert found[f"semrec.{name}"].parent.span_id == answer.context.span_id


def test_a_span_tells_a_failure_but_nothing_of_what_was_asked(serve, spans, monkeypatch):
    from semrec.store.edge import EdgeIndex

    client = serve(service={"telemetry": True})
    monkeypatch.setattr(EdgeIndex, "search", lambda *_: 1 / 0)
    error(client.post("/recommend", json={"text": "my-secret-wish"}), 500, "internal")
    monkeypatch.undo()
    client.get("/items/my-secret-item?where=my-secret")
    found = spans()
    assert not found["POST /recommend"].status.is_ok
    assert found["GET /items/{item_id:path}"].attributes["http.response.status_code"] == 404
    assert "secret" not in "".join(span.to_json() for span in found.values())


def test_without_opentelemetry_traces_are_refused_in_words(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "semrec.service.traces", raising=False)
    monkeypatch.delattr("semrec.service.traces", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'semrec\[telemetry\]'"):
        import_traces()
    with pytest.raises(ConfigError, match="telemetry"):
        run(shop, Settings(service={"telemetry": True}), host="127.0.0.1", port=0)


def test_nothing_is_imported_that_is_not_wanted():
    script = (
        "import sys; from semrec.config import Settings; from semrec.service.app import create_app;"
        "create_app(None, Settings()); print('semrec.service.traces' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
