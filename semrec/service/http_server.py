"""Runs the service with uvicorn."""

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
from semrec.service.api_keys import ApiKeys
from semrec.service.app import create_app, import_traces
from semrec.service.head_timeout import HeadTimeoutProtocol
from semrec.service.logs import configure_logs
from semrec.workspace.folder import find_workspace

SHUTDOWN_TIMEOUT_S = 10
"""Seconds that running requests have to finish when the service stops."""

SWITCH_INTERVAL_S = 0.0005
"""Time after which a computing thread lets the event loop run. With Python's default of 5 ms, answers take
half as long again."""


def run(workspace: Path, settings: Settings, *, host: str, port: int, workers: int = 1) -> None:
    """Serve until a signal stops the process; running requests are finished.

    Parameters
    ----------
    workspace : folder of the workspace.
    settings : of the service, and of the recommender.
    host, port : address to listen on; port 0 is any free port.
    workers : number of processes; more than one needs a Qdrant server.

    Raises
    ------
    ConfigError
        Other machines could reach the service and there are no keys; or several processes would share an
        embedded index; or traces are on and OpenTelemetry is not installed.
    WorkspaceError
        The folder is not a workspace.
    """
    qdrant = settings.store.qdrant or find_workspace(workspace).qdrant
    if workers > 1 and not qdrant:
        raise ConfigError(
            f"an embedded index can be used by one process, not by {workers}: take --workers 1, or keep the "
            "index on a Qdrant server (--qdrant URL)"
        )
    if settings.service.telemetry:
        import_traces()  # fails here, before processes start
    public = not is_loopback(host)
    if public and not ApiKeys(workspace).all():
        raise ConfigError(
            f"other machines can reach {host}, and there are no keys; "
            f"create a key first: semrec keys create NAME --workspace {workspace}"
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
        http=HeadTimeoutProtocol,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    configure_logs()
    if workers == 1:
        uvicorn.Server(config).run()
    else:
        Multiprocess(config, [config.bind_socket()]).run()


def make_app(workspace: Path, settings: Settings, public: bool) -> FastAPI:
    """Return the app of one process."""
    configure_logs()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    keys = ApiKeys(workspace)
    return create_app(partial(Recommender, workspace, settings), settings, keys=keys, public=public)


def is_loopback(host: str) -> bool:
    """Return whether an address or name can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
