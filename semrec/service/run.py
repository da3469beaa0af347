"""Runs the service under uvicorn."""

from __future__ import annotations

from collections.abc import Callable

import uvicorn

from semrec.config import Settings
from semrec.recommender import Recommender
from semrec.service.app import create_app

GRACE_S = 10
"""Seconds that requests get to end when the service is stopped."""


def run(open_recommender: Callable[[], Recommender], settings: Settings, *, host: str, port: int) -> None:
    """Serve until a signal stops it; requests that were begun are finished.

    Parameters
    ----------
    open_recommender : see `create_app`.
    settings : of the service.
    host, port : where to listen; port 0 is any that is free.
    """
    config = uvicorn.Config(
        create_app(open_recommender, settings),
        host=host,
        port=port,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE_S,
    )
    uvicorn.Server(config).run()
