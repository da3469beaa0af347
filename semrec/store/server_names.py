"""Names on a Qdrant server: generation 3 of `shop` is the collection `shop@3`, and `shop` is an alias.

No name ends in `@` and a number, so a collection of one index never has the name of another index. Older
versions of semrec named collections `shop-3`; they are still read.
"""

from __future__ import annotations

import re

from semrec.errors import StoreError

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_MAX_BYTES = 240
"""A collection is a folder of the server, whose name has at most 255 bytes; the number needs some."""


def check_alias(alias: str) -> str:
    """Return a name for an index on a server.

    Raises
    ------
    StoreError
        Qdrant refuses it, or it could be the name of a collection of another index.
    """
    if not alias or _FORBIDDEN.search(alias) or len(alias.encode()) > _MAX_BYTES:
        fault = f'it must have 1 to {_MAX_BYTES} bytes and none of < > : " / \\ | ? *'
    elif re.search(r"@[0-9]+$", alias):
        fault = "names that end in @ and a number are those of generations"
    else:
        return alias
    raise StoreError(
        f"{alias!r} cannot name a collection: {fault}; choose another one with --collection NAME"
    )


def collection_name(alias: str, generation: int) -> str:
    """Return the name of the collection of a new generation."""
    return f"{alias}@{generation}"


def generation_of(alias: str, collection: str) -> int | None:
    """Return which generation of an index a collection is; None if it is none."""
    found = re.fullmatch(re.escape(alias) + r"[@-]([1-9][0-9]*)", collection)
    return int(found[1]) if found else None
