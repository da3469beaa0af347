"""Commands about API keys: `keys create`, `keys list`, `keys revoke`."""

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
    readable_errors,
)
from semrec.cli.printing import err, out, print_json

keys = typer.Typer(no_args_is_help=True, help="API keys of `semrec serve`.")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for instance the program that uses it.")],
    scope: Annotated[
        str, typer.Option("--scope", help="read: ask; write: change items and events; admin: delete users.")
    ] = "read",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a key and print it; it cannot be shown again."""
    from semrec.errors import ConfigError
    from semrec.service.api_keys import SCOPES, ApiKeys

    with readable_errors(debug):
        known = {known: known for known in SCOPES}
        if scope not in known:
            raise ConfigError(f"there is no scope {scope!r}; take one of {', '.join(SCOPES)}")
        written, key = ApiKeys(workspace).create(name, known[scope])
        if as_json:
            print_json({"key": written, "key_id": key.key_id, "name": name, "scope": scope})
            return
        out.print(Text(written), soft_wrap=True)
        err.print(Text(f"keep it: it cannot be shown again. Its id is {key.key_id}."), style="dim")


@keys.command("list")
def list_keys(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """List the keys; what is secret of them is not known here either."""
    from semrec.service.api_keys import ApiKeys

    with readable_errors(debug):
        found = [{n: v for n, v in asdict(key).items() if n != "hash"} for key in ApiKeys(workspace).all()]
        if as_json:
            print_json({"keys": found})
            return
        for key in found:
            day = time.strftime("%Y-%m-%d", time.gmtime(key["created_at"]))
            out.print(Text(f"{key['key_id']}  {key['scope']:5}  {day}  {key['name']}"), soft_wrap=True)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a key, see `keys list`.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    debug: DebugOption = False,
) -> None:
    """Delete a key; a running service refuses it from now on."""
    from semrec.service.api_keys import ApiKeys

    with readable_errors(debug):
        key = ApiKeys(workspace).revoke(key_id)
        err.print(Text(f"the key {key.key_id} of {key.name} is revoked."))
