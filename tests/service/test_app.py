"""How the app is put together: other sites, optional parts, and the OpenAPI document."""

from __future__ import annotations

import subprocess
import sys

import pytest

from semrec.config import Settings
from semrec.errors import ConfigError
from semrec.service.app import import_traces
from semrec.service.http_server import run


def test_only_named_sites_can_send_requests(serve, client):
    def preflight(client, origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return client.options("/recommend", headers=headers)

    assert "access-control-allow-origin" not in preflight(client, "https://shop.example").headers
    open_to = serve(wait=False, service={"origins": ("https://shop.example",)})
    allowed = preflight(open_to, "https://shop.example").headers
    assert allowed["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in preflight(open_to, "https://evil.example").headers


def test_without_opentelemetry_traces_are_refused(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "semrec.service.traces", raising=False)
    monkeypatch.delattr("semrec.service.traces", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'semrec\[telemetry\]'"):
        import_traces()
    with pytest.raises(ConfigError, match="OpenTelemetry"):
        run(shop, Settings(service={"telemetry": True}), host="127.0.0.1", port=0)


def test_opentelemetry_is_only_imported_for_traces():
    script = (
        "import sys; from semrec.config import Settings; from semrec.service.app import create_app;"
        "create_app(None, Settings()); print('semrec.service.traces' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_openapi_document_describes_every_route(client):
    document = client.get("/openapi.json").json()
    operations = [
        operation["operationId"] for path in document["paths"].values() for operation in path.values()
    ]
    assert len(operations) == len(set(operations))
    assert {"recommend", "why_not", "put_items", "post_events", "delete_user"} <= set(operations)
    assert "/" not in document["paths"]
