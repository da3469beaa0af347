"""Everything that semrec raises on purpose.

The tree::

    SemrecError
    ├── ConfigError            an option or a combination of options that cannot work
    ├── CatalogError           a source that cannot be read as a catalog
    ├── EncoderError           an encoder that cannot be loaded, or does not fit the index
    ├── WorkspaceError         a folder that is not a workspace, or has nothing indexed yet
    ├── StoreError             the store refused or failed
    │   ├── StoreLockedError       another process owns the embedded index
    │   └── StoreUnavailableError  the server is down, or refuses the key
    └── QueryError             a question that has no answer
        ├── UnknownItemError       an item id that the index does not hold
        ├── UnknownFieldError      a filter on a field that the index does not know
        └── EmptyProfileError      no text, and no history that says anything

A message says what happened, to which id, and what to do.
"""

from __future__ import annotations


class SemrecError(Exception):
    """Base of all errors that semrec raises on purpose."""


class ConfigError(SemrecError):
    """An option, or a combination of options, cannot work."""


class CatalogError(SemrecError):
    """A source cannot be read as a catalog."""


class EncoderError(SemrecError):
    """An encoder cannot be loaded, or is not the one the index was built with."""


class WorkspaceError(SemrecError):
    """A folder is not a workspace, or has nothing indexed yet."""


class StoreError(SemrecError):
    """The store refused or failed."""


class StoreLockedError(StoreError):
    """Another process owns the embedded index."""


class StoreUnavailableError(StoreError):
    """The Qdrant server is down, or refuses the key."""


class QueryError(SemrecError):
    """A question has no answer."""


class UnknownItemError(QueryError):
    """An item id is not in the index."""


class UnknownFieldError(QueryError):
    """A filter names a field that the index does not know."""


class EmptyProfileError(QueryError):
    """There is no text, and no history that says anything."""
