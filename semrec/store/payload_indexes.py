"""Which metadata fields get an index of the engine; filters on the rest read the payload of the items."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from semrec.store.protocol import FieldType

MAX_INDEXED_FIELDS = 50
"""An index takes about eight files and half a second in every build: 500 columns would take minutes."""


def indexed_fields(
    fields: Mapping[str, FieldType], before: Mapping[str, FieldType] | None = None
) -> dict[str, FieldType]:
    """Return the fields that get an index: those among the first `MAX_INDEXED_FIELDS` of all.

    Parameters
    ----------
    fields : fields that are added.
    before : fields that were there before, which come first.
    """
    n_free = max(0, MAX_INDEXED_FIELDS - len(before or {}))
    return dict(islice(fields.items(), n_free))
