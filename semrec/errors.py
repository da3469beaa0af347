"""The errors of semrec.

The tree::

    SemrecError
    ├── ConfigError            an option or a combination of options that cannot work
    ├── CatalogError           a source that cannot be read as a catalog
    ├── EncoderError           an encoder that cannot be loaded, or does not fit the index
    ├── WorkspaceError         a folder that is no workspace, or without an index
    ├── StoreError             the store refused or failed
    │   ├── ItemRefusedError       an item that the store can never hold
    │   ├── StoreLockedError       another process owns the embedded index
    │   ├── StoreDamagedError      files are damaged; the message names commands that help
    │   ├── StoreUnavailableError  the server is down, or refuses the key
    │   └── NoEventLogError        there is no event log yet
    └── QueryError             a query that cannot be answered
        ├── UnknownItemError       an item id that the index does not hold
        ├── InvalidIdError         a value that cannot be the id of an item or a user
        ├── UnknownFieldError      a filter on a field that the index does not have

A message names what happened, to which id, and what to do.
"""

from __future__ import annotations


class SemrecError(Exception):
    """Base of all errors of semrec."""


class ConfigError(SemrecError):
    """An option, or a combination of options, cannot work."""


class CatalogError(SemrecError):
    """A source cannot be read as a catalog."""


class EncoderError(SemrecError):
    """An encoder cannot be loaded, or is not the one the index was built with."""


class WorkspaceError(SemrecError):
    """A folder is no workspace, or nothing is indexed yet."""


class StoreError(SemrecError):
    """The store refused or failed."""


class ItemRefusedError(StoreError):
    """The store can never hold an item: one of its values does not fit."""


class StoreLockedError(StoreError):
    """Another process owns the embedded index."""


class StoreDamagedError(StoreError):
    """Files of the store are damaged; the message names commands that help."""


class StoreUnavailableError(StoreError):
    """The Qdrant server is down, or refuses the key."""


class NoEventLogError(StoreError):
    """There is no event log yet."""


class QueryError(SemrecError):
    """A query cannot be answered."""


class UnknownItemError(QueryError):
    """An item id is not in the index."""


class InvalidIdError(QueryError):
    """A value cannot be the id of an item or a user."""


class UnknownFieldError(QueryError):
    """A filter names a field that the index does not have."""


LONGEST_SHOWN = 80
"""Characters of a value in a message; an id may have millions."""


def shown(value: object) -> str:
    """Return a value for a message: its representation, cut to `LONGEST_SHOWN` characters."""
    try:
        text = repr(value if not isinstance(value, str) else value[:LONGEST_SHOWN])
    except (ValueError, RecursionError):  # an integer with thousands of digits; a list in lists in lists
        return f"of type {type(value).__name__}"
    is_cut = len(text) > LONGEST_SHOWN or (isinstance(value, str) and len(value) > LONGEST_SHOWN)
    return f"{text[:LONGEST_SHOWN]}…" if is_cut else text
