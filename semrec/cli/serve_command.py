"""The command `serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    DebugOption,
    ModelOption,
    QdrantOption,
    WorkspaceOption,
    reported_errors,
)
from semrec.errors import ConfigError


def serve(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free port.")] = 8000,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Number of processes; more than 1 needs a Qdrant server.")
    ] = 1,
    model: ModelOption = None,
    qdrant: QdrantOption = None,
    debug: DebugOption = False,
) -> None:
    """Serve the HTTP API and the web page."""
    from semrec.config import Settings

    with reported_errors(debug):
        try:
            from semrec.service.http_server import run
        except ImportError as error:
            raise ConfigError("the service is an extra; run: pip install 'semrec[service]'") from error
        settings = Settings().using(qdrant=qdrant, model=model)
        run(workspace, settings, host=host, port=port, workers=workers)
