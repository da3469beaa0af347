"""A typed client of the service.

>>> from semrec.service.client import Client
>>> with Client("http://localhost:8000", key="semrec_…") as client:  # doctest: +SKIP
...     client.add_events([{"user_id": "alice", "item_id": "A17", "kind": "click"}])
...     for item in client.recommend(user="alice", k=5).recommendations:
...         print(item.title, item.reason)
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from semrec.config import NearDuplicates
from semrec.errors import SemrecError
from semrec.service.rating_models import PredictIn, PredictOut
from semrec.service.request_models import (
    EventIn,
    EventsIn,
    HistoryEvent,
    InterestsIn,
    ItemIn,
    ItemPatchesIn,
    ItemPatchIn,
    ItemsIn,
    RecommendIn,
    RecommendManyIn,
)
from semrec.service.response_models import (
    ChangeOut,
    DeletedEventsOut,
    DeletedUserOut,
    ErrorBody,
    EventsOut,
    ItemOut,
    ItemsOut,
    ManyRecommendationsOut,
    ReadyOut,
    RecommendationsOut,
    ResponseModel,
    UserOut,
    WhyNotOut,
)

Response = TypeVar("Response", bound=ResponseModel)

MAX_RETRY_WAIT_S = 30.0
"""Longest wait between two attempts, also if the service asks for more."""
RETRY_STATUSES = (429, 503)
"""Statuses after which a call is tried again."""
NO_RESPONSE_WAIT_S = 0.2
"""Wait before the next attempt if the service did not respond."""


class RefusedError(SemrecError):
    """The service refused a request or did not respond.

    Parameters
    ----------
    status : HTTP status; 0 if there was no response.
    code : for programs, for instance `unknown_item`.
    message : for people.
    request_id : finds the request in the log of the service.
    """

    def __init__(self, status: int, code: str, message: str, request_id: str = "") -> None:
        super().__init__(f"{message} ({code})")
        self.status = status
        self.code = code
        self.request_id = request_id


class Client:
    """A client of one service.

    Parameters
    ----------
    url : address of the service.
    key : from `semrec keys create`; None if the service needs no key.
    timeout_s : longest wait for one response.
    attempts : of one call, if the service is busy or its store is not available. Every call can be repeated
        safely: posts of events carry an idempotency key.
    http : an `httpx.Client` to use, for instance one with a proxy; None: a new one.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        attempts: int = 3,
        http: httpx.Client | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._attempts = attempts
        self._http = http or httpx.Client(timeout=timeout_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def recommend(
        self,
        *,
        text: str | None = None,
        history: Sequence[str | HistoryEvent | Mapping[str, Any]] = (),
        user: str | None = None,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        exclude_seen: bool = True,
        diversity: float = 0.0,
        group: str | Mapping[str, int] | None = None,
        near_duplicates: NearDuplicates | None = None,
        weights: Mapping[str, float] | None = None,
        explain: bool = True,
        after: str | None = None,
        explore: float = 0.0,
    ) -> RecommendationsOut:
        """Recommend items by text, by history, for a user, or by several of them.

        The parameters are those of `Recommender.recommend`.

        Raises
        ------
        RefusedError
            There is no answer; the error says why.
        """
        query = RecommendIn(
            text=text,
            history=list(history),
            user=user,
            k=k,
            where=dict(where or {}),
            exclude=list(exclude),
            exclude_seen=exclude_seen,
            diversity=diversity,
            group=dict(group) if isinstance(group, Mapping) else group,
            near_duplicates=near_duplicates,
            weights=dict(weights or {}),
            explain=explain,
            after=after,
            explore=explore,
        )
        return self._call(RecommendationsOut, "POST", "/recommend", body=query)

    def recommend_many(
        self,
        users: Sequence[str],
        *,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        diversity: float = 0.0,
        group: str | Mapping[str, int] | None = None,
        near_duplicates: NearDuplicates | None = None,
        explain: bool = False,
    ) -> list[RecommendationsOut]:
        """Recommend to several users, at most 100; one answer for each, in their order."""
        query = RecommendManyIn(
            users=list(users),
            k=k,
            where=dict(where or {}),
            exclude=list(exclude),
            diversity=diversity,
            group=dict(group) if isinstance(group, Mapping) else group,
            near_duplicates=near_duplicates,
            explain=explain,
        )
        return self._call(ManyRecommendationsOut, "POST", "/recommend/many", body=query).answers

    def similar(
        self,
        item_id: str,
        *,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        diversity: float = 0.0,
        group: str | Mapping[str, int] | None = None,
        near_duplicates: NearDuplicates | None = None,
        after: str | None = None,
    ) -> RecommendationsOut:
        """Recommend the items that are most similar to one item."""
        params: dict[str, Any] = {"k": k, "diversity": diversity, "where": json.dumps(dict(where or {}))}
        places = (
            next((f"{name}={n}" for name, n in group.items()), "") if isinstance(group, Mapping) else group
        )
        more = {"after": after, "group": places, "near_duplicates": near_duplicates}
        params |= {name: value for name, value in more.items() if value}
        return self._call(RecommendationsOut, "GET", f"/items/{_quoted(item_id)}/similar", params=params)

    def why_not(
        self,
        item_id: str,
        *,
        text: str | None = None,
        history: Sequence[str | HistoryEvent | Mapping[str, Any]] = (),
        user: str | None = None,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        exclude_seen: bool = True,
        diversity: float = 0.0,
        group: str | Mapping[str, int] | None = None,
        near_duplicates: NearDuplicates | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> WhyNotOut:
        """Explain why an item is not among the recommendations of `recommend` for the same arguments."""
        query = RecommendIn(
            text=text,
            history=list(history),
            user=user,
            k=k,
            where=dict(where or {}),
            exclude=list(exclude),
            exclude_seen=exclude_seen,
            diversity=diversity,
            group=dict(group) if isinstance(group, Mapping) else group,
            near_duplicates=near_duplicates,
            weights=dict(weights or {}),
        )
        return self._call(WhyNotOut, "POST", f"/why-not/{_quoted(item_id)}", body=query)

    def predict(
        self,
        item: str,
        *,
        user: str | None = None,
        history: Sequence[str | HistoryEvent | Mapping[str, Any]] = (),
    ) -> PredictOut:
        """Predict the rating that a user would give to an item."""
        question = PredictIn(item=item, user=user, history=list(history))
        return self._call(PredictOut, "POST", "/predict", body=question)

    def item(self, item_id: str) -> ItemOut:
        """Return an item."""
        return self._call(ItemOut, "GET", f"/items/{_quoted(item_id)}")

    def items(self, item_ids: Sequence[str]) -> ItemsOut:
        """Return several items, and the ids that are not in the index."""
        return self._call(ItemsOut, "GET", "/items", params={"ids": list(item_ids)})

    def put_items(self, items: Iterable[ItemIn | Mapping[str, Any]]) -> ChangeOut:
        """Write items; they can be found when this returns."""
        body = ItemsIn(items=[ItemIn.model_validate(item) for item in items])
        return self._call(ChangeOut, "PUT", "/items", body=body)

    def patch_items(self, patches: Iterable[ItemPatchIn | Mapping[str, Any]]) -> ChangeOut:
        """Change metadata of items; their texts stay, so nothing is encoded."""
        body = ItemPatchesIn(items=[ItemPatchIn.model_validate(patch) for patch in patches])
        return self._call(ChangeOut, "PATCH", "/items", body=body)

    def delete_items(self, item_ids: Sequence[str]) -> ChangeOut:
        """Delete items."""
        return self._call(ChangeOut, "DELETE", "/items", params={"ids": list(item_ids)})

    def add_events(
        self, events: Iterable[EventIn | Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> EventsOut:
        """Store events. When this returns, they are on the disk, and the next query uses them.

        `EventsOut.refused` tells why an event was not stored, by its place; `left_out`, which of the stored
        ones do not count in answers, and why.

        Parameters
        ----------
        events : `EventIn` objects, or dicts with their fields.
        idempotency_key : the same events with the same key are stored once; None: a new key for this call,
            so that further attempts of the call do not store them again.
        """
        body = EventsIn(events=[EventIn.model_validate(event) for event in events])
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._call(EventsOut, "POST", "/events", body=body, headers=headers)

    def delete_events(
        self, user_id: str, item_id: str, *, kind: str | None = None, time: float | None = None
    ) -> int:
        """Delete events of a user on an item, and return how many there were.

        Parameters
        ----------
        user_id, item_id : the user and the item.
        kind : None: events of all kinds.
        time : unix seconds, as stored; None: any time.
        """
        named = {"user_id": user_id, "item_id": item_id, "kind": kind, "time": time}
        params = {name: value for name, value in named.items() if value is not None}
        return self._call(DeletedEventsOut, "DELETE", "/events", params=params).deleted

    def user(self, user_id: str) -> UserOut:
        """Return the profile of a user: interests and the latest events."""
        return self._call(UserOut, "GET", f"/users/{_quoted(user_id)}")

    def set_interests(self, user_id: str, weights: Mapping[str, float]) -> UserOut:
        """Set the weights of interests, by an item of each. 0: muted. 1: normal. 2: counts double."""
        body = InterestsIn(weights=dict(weights))
        return self._call(UserOut, "PATCH", f"/users/{_quoted(user_id)}/interests", body=body)

    def delete_user(self, user_id: str) -> DeletedUserOut:
        """Delete all stored data of a user, and return how much it was."""
        return self._call(DeletedUserOut, "DELETE", f"/users/{_quoted(user_id)}")

    def ready(self) -> ReadyOut:
        """Return the generation, encoder, fields and signals of the index."""
        return self._call(ReadyOut, "GET", "/ready")

    def _call(
        self,
        kind: type[Response],
        method: str,
        path: str,
        *,
        body: BaseModel | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request, again if the service asks for it, and return the response as a model."""
        all_headers = {**self._headers, **(headers or {})}
        content = None
        if body is not None:
            content = body.model_dump_json(exclude_unset=True)
            all_headers["Content-Type"] = "application/json"
        for attempts_left in reversed(range(self._attempts)):
            try:
                response = self._http.request(
                    method, self._url + path, content=content, params=params, headers=all_headers
                )
            except httpx.HTTPError as error:
                refused = RefusedError(0, "no_answer", f"{self._url} does not respond: {error}")
                wait_s = NO_RESPONSE_WAIT_S
            else:
                if response.is_success:
                    return kind.model_validate_json(response.content)
                refused = _refused(response)
                wait_s = _retry_after(response)
            if not attempts_left or refused.status not in (0, *RETRY_STATUSES):
                raise refused
            time.sleep(min(wait_s, MAX_RETRY_WAIT_S))
        raise AssertionError("a call has at least one attempt")


def _refused(response: httpx.Response) -> RefusedError:
    try:
        error = ErrorBody.model_validate_json(response.content).error
    except ValueError:  # the response is from a proxy
        return RefusedError(response.status_code, "unknown", f"status {response.status_code}")
    return RefusedError(response.status_code, error.code, error.message, error.request_id)


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds that the service asks to wait."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() else 1.0


def _quoted(identifier: str) -> str:
    """Return an id as one segment of a path."""
    return quote(identifier, safe="")
