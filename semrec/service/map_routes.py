"""`/map`: the catalog as a picture, and where items are on it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from pydantic import Field

from semrec.catalog_map.map import CatalogMap
from semrec.service.app_state import Service, ServiceDep
from semrec.service.auth import READ
from semrec.service.errors import ServiceError
from semrec.service.schemas import MOST_IDS, Id, Out, Strict

MAX_AGE_S = 60
"""Seconds for which a map that was drawn is shown; what changed since comes with the next one."""

router = APIRouter(tags=["map"], dependencies=[READ])


class MapOut(Out):
    """A bounded sample of the catalog: entry n of every list belongs to item n."""

    field: str | None = Field(description="The metadata field that items are grouped by.")
    groups: list[str] = Field(description="Its most frequent values, most frequent first.")
    item_ids: list[str]
    titles: list[str]
    x: list[float] = Field(description="From -1 to 1.")
    y: list[float] = Field(description="From -1 to 1.")
    group: list[int] = Field(description="Position in `groups`; -1 is none of them.")


class PlacesAsked(Strict):
    """Which items."""

    item_ids: list[Id] = Field(max_length=MOST_IDS)


class PlacesOut(Out):
    """Where items are."""

    places: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(
        description="x and y by id; unknown ids are left out."
    )


class DrawnMap:
    """The map as it is sent, drawn again when it is old.

    Attributes
    ----------
    body : gzipped JSON.
    tag : changes when the map does.
    """

    def __init__(self) -> None:
        self.body = b""
        self.tag = ""
        self._drawn = -float("inf")
        self._lock = asyncio.Lock()

    async def refresh(self, service: Service) -> None:
        """Draw the map unless that was done a moment ago; many askers wait for one drawing."""
        async with self._lock:
            if time.monotonic() - self._drawn < MAX_AGE_S:
                return
            self.body = await service.answering.run(_drawn, service)
            self.tag = f'"{hashlib.blake2b(self.body, digest_size=12).hexdigest()}"'
            self._drawn = time.monotonic()


@router.get("/map", response_model=MapOut, dependencies=[READ])
async def catalog_map(
    request: Request, service: ServiceDep, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return a sample of the catalog with a place for each item; what is alike lies close together.

    404 when the index has none, see `Recommender.map`.
    """
    state = request.app.state
    if not hasattr(state, "map"):
        state.map = DrawnMap()
    drawn: DrawnMap = state.map
    await drawn.refresh(service)
    headers = {"etag": drawn.tag, "cache-control": f"private, max-age={MAX_AGE_S}", "vary": "accept-encoding"}
    if if_none_match and drawn.tag in if_none_match:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            drawn.body, media_type="application/json", headers={**headers, "content-encoding": "gzip"}
        )
    return Response(gzip.decompress(drawn.body), media_type="application/json", headers=headers)


@router.post("/map/places", dependencies=[READ])
async def places(asked: PlacesAsked, service: ServiceDep) -> PlacesOut:
    """Return where items are on the map."""
    found = await service.answering.run(service.recommender.places, asked.item_ids)
    if found is None:
        raise _no_map()
    return PlacesOut(places={item_id: _rounded(place) for item_id, place in found.items()})


def _drawn(service: Service) -> bytes:
    drawn = service.recommender.map()
    if drawn is None:
        raise _no_map()
    return gzip.compress(_as_json(drawn).encode(), 6)


def _as_json(drawn: CatalogMap) -> str:
    columns: dict[str, Any] = {
        "field": drawn.field,
        "groups": drawn.groups,
        "item_ids": drawn.item_ids,
        "titles": drawn.titles,
        "x": [round(x, 3) for x in drawn.places[:, 0].tolist()],
        "y": [round(y, 3) for y in drawn.places[:, 1].tolist()],
        "group": drawn.group,
    }
    return MapOut(**columns).model_dump_json()


def _rounded(place: tuple[float, float]) -> tuple[float, float]:
    return round(place[0], 3), round(place[1], 3)


def _no_map() -> ServiceError:
    return ServiceError(
        404, "this index has no map; build it again to see one: semrec index CATALOG --rebuild", code="no_map"
    )
