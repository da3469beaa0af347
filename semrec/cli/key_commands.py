"""Commands for API keys: `keys create`, `keys list`, `keys revoke`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from semrec.cli.options import (
    DEFAULT_WORKSPACE,
    DebugOption,
    JsonOption,
    WorkspaceOption,
    reported_errors,
)
from semrec.cli.printing import err, out, print_json
from semrec.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="API keys of `semrec serve`.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Owner of the key, for instance the program that uses it.")],
    scope: Annotated[
        str,
        typer.Option("--scope", help="read: query. write: also change data. admin: also delete users."),
    ] = "read",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Create a key and print it. It cannot be shown again."""
    from semrec.service.api_keys import SCOPES, ApiKeys

    with reported_errors(debug):
        scopes = {known: known for known in SCOPES}
        if scope not in scopes:
            raise ConfigError(f"there is no scope {scope!r}; take one of {', '.join(SCOPES)}")
        text, key = ApiKeys(workspace).create(name, scopes[scope])
        if as_json:
            print_json({"key": text, "key_id": key.key_id, "name": name, "scope": scope})
            return
        out.print(Text(text), soft_wrap=True)
        err.print(Text(f"keep the key: it cannot be shown again. Its id is {key.key_id}."), style="dim")


@app.command("list")
def list_keys(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """List the keys, without their secrets."""
    from semrec.service.api_keys import ApiKeys

    with reported_errors(debug):
        keys = [
            {name: value for name, value in asdict(key).items() if name != "hash"}
            for key in ApiKeys(workspace).all()
        ]
        if as_json:
            print_json({"keys": keys})
            return
        for key in keys:
            day = time.strftime("%Y-%m-%d", time.gmtime(key["created_at"]))
            out.print(Text(f"{key['key_id']}  {key['scope']:5}  {day}  {key['name']}"), soft_wrap=True)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a key, see `keys list`.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    debug: DebugOption = False,
) -> None:
    """Delete a key. A running service refuses it at once."""
    from semrec.service.api_keys import ApiKeys

    with reported_errors(debug):
        key = ApiKeys(workspace).revoke(key_id)
        err.print(Text(f"the key {key.key_id} of {key.name} is revoked."))
