"""`/map`: the catalog as a picture, and the positions of items on it."""

from __future__ import annotations

import gzip
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from semrec.service.app_state import StateDep
from semrec.service.auth import READ
from semrec.service.map_cache import DECIMALS, MAX_AGE_S, no_map
from semrec.service.request_models import PlacesIn
from semrec.service.response_models import MapOut, PlacesOut

router = APIRouter(tags=["map"], dependencies=[READ])


@router.get("/map", response_model=MapOut)
async def catalog_map(
    request: Request, state: StateDep, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return a sample of the catalog with a position for each item; similar items are close together.

    404 if the index has no map, see `Recommender.map`.
    """
    cache = state.map_cache
    await cache.refresh()
    headers = {
        "etag": cache.etag,
        "cache-control": f"private, max-age={MAX_AGE_S}",
        "vary": "accept-encoding",
    }
    if if_none_match and cache.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(cache.body, media_type="application/json", headers=headers)
    return Response(gzip.decompress(cache.body), media_type="application/json", headers=headers)


@router.post("/map/places")
async def map_places(body: PlacesIn, state: StateDep) -> PlacesOut:
    """Return the positions of items on the map."""
    places = await state.answer_pool.run(state.recommender.places, body.item_ids)
    if places is None:
        raise no_map()
    return PlacesOut(
        places={item_id: [round(value, DECIMALS) for value in place] for item_id, place in places.items()}
    )
