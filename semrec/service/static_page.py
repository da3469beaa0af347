"""The page at `/`: plain files, without a build step and without files of other sites."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "page"
HEADERS = {"cache-control": "no-cache"}
"""Browsers keep a copy but check it on every visit, so that an upgrade shows at once."""

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index() -> FileResponse:
    """Return the page."""
    return FileResponse(FOLDER / "index.html", headers=HEADERS)


class PageFiles(StaticFiles):
    """The files of the page."""

    def file_response(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        """Return a file with the headers of the page."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(HEADERS)
        return response


def add_page(app: FastAPI) -> None:
    """Add the page to an app."""
    app.include_router(router)
    app.mount("/page", PageFiles(directory=FOLDER), name="page")
