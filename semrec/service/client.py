"""A client of the service, with types.

>>> from semrec.service.client import Client
>>> with Client("http://localhost:8000", key="semrec_…") as shop:  # doctest: +SKIP
...     shop.add_events([{"user_id": "alice", "item_id": "A17", "kind": "click"}])
...     for item in shop.recommend(user="alice", k=5).recommendations:
...         print(item.title, item.reason)
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from semrec.errors import SemrecError
from semrec.service.schemas import (
    AnswerOut,
    Asked,
    ChangeOut,
    DeletedUserOut,
    ErrorBody,
    EventIn,
    EventsIn,
    EventsOut,
    ItemIn,
    ItemOut,
    ItemsIn,
    ItemsOut,
    Out,
    ReadyOut,
    UserOut,
    WhyNotOut,
)

Answer = TypeVar("Answer", bound=Out)

LONGEST_WAIT_S = 30.0
"""Longest wait before another try, whatever the service asks for."""
AGAIN = (429, 503)
"""Statuses that another try may change."""


class RefusedError(SemrecError):
    """The service refused a request, or could not answer it.

    Parameters
    ----------
    status : of HTTP; 0 when there was no answer.
    code : for programs, for instance `unknown_item`.
    message : for people.
    request_id : under which the log of the service has it.
    """

    def __init__(self, status: int, code: str, message: str, request_id: str = "") -> None:
        super().__init__(f"{message} ({code})")
        self.status = status
        self.code = code
        self.request_id = request_id


class Client:
    """Asks a service.

    Parameters
    ----------
    url : of the service.
    key : made by `semrec keys create`; None where none is needed.
    timeout_s : longest wait for one answer.
    tries : of one call, when the service is too busy or its store is down for a moment. Every call may be
        repeated: events carry an idempotency key.
    http : an `httpx.Client` of one's own, for instance with a proxy.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        tries: int = 3,
        http: httpx.Client | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._tries = tries
        self._http = http or httpx.Client(timeout=timeout_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def recommend(self, **asked: Any) -> AnswerOut:
        """Recommend; the arguments are the fields of `Asked`.

        Raises
        ------
        RefusedError
            There is no answer; it says why.
        """
        return self._call(AnswerOut, "POST", "/recommend", body=Asked(**asked))

    def similar(
        self, item_id: str, *, k: int = 10, diversity: float = 0.0, where: Mapping[str, Any] | None = None
    ) -> AnswerOut:
        """Recommend the items that are most like one item."""
        params = {"k": k, "diversity": diversity, "where": json.dumps(dict(where or {}))}
        return self._call(AnswerOut, "GET", f"/items/{_part(item_id)}/similar", params=params)

    def why_not(self, item_id: str, **asked: Any) -> WhyNotOut:
        """Tell why an item is not among the recommendations that `recommend` gives for the same arguments."""
        return self._call(WhyNotOut, "POST", f"/why-not/{_part(item_id)}", body=Asked(**asked))

    def item(self, item_id: str) -> ItemOut:
        """Return an item."""
        return self._call(ItemOut, "GET", f"/items/{_part(item_id)}")

    def items(self, item_ids: Sequence[str]) -> ItemsOut:
        """Return several items; the answer names those that are not there."""
        return self._call(ItemsOut, "GET", "/items", params={"ids": list(item_ids)})

    def put_items(self, items: Iterable[ItemIn | Mapping[str, Any]]) -> ChangeOut:
        """Write items; they can be found when this returns."""
        read = [ItemIn.model_validate(item) for item in items]
        return self._call(ChangeOut, "PUT", "/items", body=ItemsIn(items=read))

    def delete_items(self, item_ids: Sequence[str]) -> ChangeOut:
        """Delete items."""
        return self._call(ChangeOut, "DELETE", "/items", params={"ids": list(item_ids)})

    def add_events(
        self, events: Iterable[EventIn | Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> EventsOut:
        """Store what users did; it is on the disk, and counts, when this returns.

        Parameters
        ----------
        events : `EventIn`s, or dicts with their fields.
        idempotency_key : the same events are stored once under it; None: one of this call, so that its own
            tries store them once.
        """
        body = EventsIn(events=[EventIn.model_validate(event) for event in events])
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._call(EventsOut, "POST", "/events", body=body, headers=headers)

    def user(self, user_id: str) -> UserOut:
        """Return the profile of a user: interests and the latest events."""
        return self._call(UserOut, "GET", f"/users/{_part(user_id)}")

    def set_interests(self, user_id: str, weights: Mapping[str, float]) -> UserOut:
        """Set how much interests of a user count, by an item of each: 0 mutes, 1 is as usual."""
        from semrec.service.schemas import InterestsIn

        body = InterestsIn(weights=dict(weights))
        return self._call(UserOut, "PATCH", f"/users/{_part(user_id)}/interests", body=body)

    def delete_user(self, user_id: str) -> DeletedUserOut:
        """Delete all that is stored of a user; the answer says what it was."""
        return self._call(DeletedUserOut, "DELETE", f"/users/{_part(user_id)}")

    def ready(self) -> ReadyOut:
        """Return what answers."""
        return self._call(ReadyOut, "GET", "/ready")

    def _call(
        self,
        kind: type[Answer],
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        content = None if body is None else body.model_dump_json(exclude_unset=True)
        typed = {} if body is None else {"Content-Type": "application/json"}
        for left in reversed(range(self._tries)):
            try:
                answer = self._http.request(
                    method,
                    self._url + path,
                    content=content,
                    params=params,
                    headers={**self._headers, **typed, **(headers or {})},
                )
            except httpx.HTTPError as error:
                refused = RefusedError(0, "no_answer", f"{self._url} does not answer: {error}")
                wait = 0.2
            else:
                if answer.is_success:
                    return kind.model_validate_json(answer.content)
                refused = _refused(answer)
                wait = _seconds(answer)
            if not left or refused.status not in (0, *AGAIN):
                raise refused
            time.sleep(min(wait, LONGEST_WAIT_S))
        raise AssertionError("a client tries at least once")


def _refused(answer: httpx.Response) -> RefusedError:
    try:
        told = ErrorBody.model_validate_json(answer.content).error
    except ValueError:  # something in between answered
        return RefusedError(answer.status_code, "unknown", f"status {answer.status_code}")
    return RefusedError(answer.status_code, told.code, told.message, told.request_id)


def _seconds(answer: httpx.Response) -> float:
    given = answer.headers.get("retry-after", "")
    return float(given) if given.isdigit() else 1.0


def _part(written: str) -> str:
    """Return an id as one part of a path."""
    return quote(written, safe="")
