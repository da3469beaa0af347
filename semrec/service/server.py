"""Runs the service under uvicorn."""

from __future__ import annotations

import ipaddress
import sys
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from semrec.config import Settings
from semrec.errors import ConfigError
from semrec.recommender import Recommender
from semrec.service.app import create_app, traces_wanted
from semrec.service.head_timeout import ImpatientProtocol
from semrec.service.keys import KeyRing
from semrec.service.logs import write_logs
from semrec.workspace.folder import find_workspace

GRACE_S = 10
"""Seconds that requests get to end when the service is stopped."""

SWITCH_S = 0.0005
"""Longest that the thread which computes keeps the one that reads and writes waiting: with Python's 5 ms an
answer takes half as long again."""


def run(workspace: Path, settings: Settings, *, host: str, port: int, workers: int = 1) -> None:
    """Serve until a signal stops it; requests that were begun are finished.

    Parameters
    ----------
    workspace : its folder.
    settings : of the service.
    host, port : where to listen; port 0 is any that is free.
    workers : processes; several need a Qdrant server.

    Raises
    ------
    ConfigError
        Others than this machine could reach it and there are no keys, or several processes would have to
        share an embedded index; or traces are wanted without OpenTelemetry.
    WorkspaceError
        The folder is no workspace.
    """
    qdrant = settings.qdrant or find_workspace(workspace).qdrant
    if workers > 1 and not qdrant:
        raise ConfigError(
            f"an embedded index answers one process, not {workers}: take --workers 1, or keep the index on "
            "a Qdrant server (--qdrant URL)"
        )
    if settings.telemetry:
        traces_wanted()  # said here, before processes are started
    public = not is_loopback(host)
    if public and not KeyRing(workspace).all():
        raise ConfigError(
            f"{host} can be reached by other machines, and there are no keys; "
            f"make one first: semrec keys create NAME --workspace {workspace}"
        )
    config = uvicorn.Config(
        partial(make_app, workspace, settings, public),
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http=ImpatientProtocol,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE_S,
    )
    write_logs()
    if workers == 1:
        uvicorn.Server(config).run()
    else:
        Multiprocess(config, [config.bind_socket()]).run()


def make_app(workspace: Path, settings: Settings, public: bool) -> FastAPI:
    """Return the app of one process."""
    write_logs()
    sys.setswitchinterval(SWITCH_S)
    keys = KeyRing(workspace)
    return create_app(partial(Recommender, workspace, settings), settings, keys=keys, public=public)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address or a name of its own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
