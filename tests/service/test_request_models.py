"""2,000 generated requests get no 5xx, and only responses that match the OpenAPI document."""

from __future__ import annotations

import time

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import open_shop

from semrec.config import Settings
from semrec.service.app import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
REQUESTS = 2000
HEADERS = {"Host": "localhost"}


@pytest.mark.slow
def test_generated_requests_get_answers_that_match(shop):
    app = create_app(lambda: open_shop(shop), Settings())
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HEADERS)
    while not app.state.shared.is_ready:
        time.sleep(0.01)
    operations = [found.ok() for found in schema.get_all_operations()]
    statuses: list[int] = []

    def ask(case):
        answer = case.call(headers=HEADERS)
        statuses.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    for operation in operations:
        repeat = settings(
            max_examples=-(-REQUESTS // len(operations)),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        repeat(given(operation.as_strategy())(ask))()
    assert len(statuses) >= REQUESTS // 2  # operations without parameters are called once
    assert {200, 404, 422} <= set(statuses)
