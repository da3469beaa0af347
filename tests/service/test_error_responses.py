"""One error body for every failure."""

from __future__ import annotations

import json

import pytest
from serving import error, metric_values

from semrec.errors import StoreError, StoreLockedError, StoreUnavailableError
from semrec.service.error_responses import ServiceError, error_response, to_service_error

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"text": ',
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"text": "x", "diversity": NaN}',
        b"null",
        b"[" * 100_000,
    ],
)
def test_bad_json(client, body):
    answer = client.post("/recommend", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    error(answer, answer.status_code, "bad_request")


@pytest.mark.parametrize(
    "body",
    [
        '{"text": "\\ud800"}',
        '{"history": ["\\udfff"]}',
        '{"user": "\\u0000"}',
        '{"text": "x", "where": {"\\ud800": 1}}',
        '{"text": "x", "where": {"colour": "\\ud800"}}',
    ],
)
def test_strings_that_are_not_unicode_text(client, body):
    error(client.post("/recommend", content=body, headers=JSON), 422, "bad_request")


def test_a_body_of_another_type(client):
    answer = client.post(
        "/recommend", content=json.dumps({"text": "x"}), headers={"content-type": "text/plain"}
    )
    error(answer, 422, "bad_request")


def test_unknown_paths_and_methods(client):
    error(client.get("/nowhere"), 404, "not_found")
    error(client.get("/recommend"), 405, "method_not_allowed")


def test_a_message_lists_five_faults_and_counts_the_rest(client):
    events = [{"user_id": "ann"}] * 7
    message = error(client.post("/events", json={"events": events}), 422, "bad_request")
    assert message.startswith('body.events.0: "item_id" is missing; ')
    assert message.count("item_id") == 5
    assert message.endswith("; and 2 more")


def test_a_failed_store_is_unavailable_and_counted(serve_recommender):
    client, recommender = serve_recommender()
    answer = recommender.recommend
    recommender.recommend = _raise(StoreUnavailableError("the server does not answer"))
    response = client.post("/recommend", json={"text": "red"})
    assert error(response, 503, "store_unavailable") == "the server does not answer"
    assert response.headers["retry-after"] == "1"
    recommender.recommend = answer
    assert client.post("/recommend", json={"text": "red"}).status_code == 200
    assert metric_values(client, "semrec_store_errors_total") == {
        'semrec_store_errors_total{code="store_unavailable"}': 1
    }


def test_the_text_of_an_unexpected_error_is_only_logged(serve_recommender, caplog):
    client, recommender = serve_recommender()
    recommender.recommend = _raise(ZeroDivisionError("division by zero"))
    message = error(client.post("/recommend", json={"text": "red"}), 500, "internal")
    assert "division" not in message
    assert "ZeroDivisionError" in caplog.text


def _raise(problem):
    def method(**_):
        raise problem

    return method


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (StoreLockedError("in use"), 503, "store_locked"),
        (StoreError("failed"), 503, "store_failed"),
        (KeyError("secret"), 500, "internal"),
    ],
)
def test_the_most_specific_status_is_used(raised, status, code):
    converted = to_service_error(raised)
    assert (converted.status, converted.code) == (status, code)


def test_headers_say_when_to_try_again_and_how_to_authenticate():
    busy = error_response(ServiceError(429, "busy", retry_after_s=0.2), "1")
    assert busy.headers["retry-after"] == "1"
    assert error_response(ServiceError(401, "no key"), "1").headers["www-authenticate"] == "Bearer"
    body = json.loads(error_response(ServiceError(404, "gone", code="unknown_item", item="A"), "7").body)
    assert body == {"error": {"code": "unknown_item", "message": "gone", "item": "A", "request_id": "7"}}
