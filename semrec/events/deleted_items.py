"""What the models of `fit` know of deleted items, kept until the next fit, in case an item comes back.

It is stored in the database of the event log: a generation holds the vectors of its own items only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import sqlalchemy as sa
from safetensors.numpy import load, save

from semrec.events.log import EventLog
from semrec.store.protocol import SparseVector, Vector

_IN_ROWS = 500
"""Ids in one condition; SQLite takes some thousands."""

_INDICES, _VALUES = ".indices", ".values"
"""How the two arrays of a sparse vector are named, after the name of the vector."""

_metadata = sa.MetaData()
_deleted = sa.Table(
    "semrec_deleted_items",
    _metadata,
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("models", sa.Text, nullable=False),
    sa.Column("vectors", sa.LargeBinary, nullable=False),
)


class DeletedItems:
    """The learned vectors of deleted items of one shop.

    Parameters
    ----------
    log : the event log; its database holds the vectors.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def keep(self, models: str, vectors: Mapping[str, Mapping[str, Vector]]) -> None:
        """Keep the learned vectors of items that are about to be deleted; those of other models are removed.

        Parameters
        ----------
        models : tells which fit they are of.
        vectors : by item id, the vectors by name.
        """
        rows = [
            {"item_id": item_id, "models": models, "vectors": _packed(by_name)}
            for item_id, by_name in vectors.items()
        ]
        if not rows:
            return
        with self._log.transaction(write=True) as connection:
            connection.execute(sa.schema.CreateTable(_deleted, if_not_exists=True))
            connection.execute(sa.delete(_deleted).where(_deleted.c.models != models))
            for ids in _in_parts(list(vectors)):
                connection.execute(sa.delete(_deleted).where(_deleted.c.item_id.in_(ids)))
            connection.execute(sa.insert(_deleted), rows)

    def find(self, models: str, item_ids: Sequence[str]) -> dict[str, dict[str, Vector]]:
        """Return the learned vectors of those items that were deleted since the fit, by item id."""
        found: dict[str, dict[str, Vector]] = {}
        with self._log.transaction() as connection:
            if not sa.inspect(connection).has_table(_deleted.name):
                return found
            for ids in _in_parts(item_ids):
                is_meant = sa.and_(_deleted.c.models == models, _deleted.c.item_id.in_(ids))
                for row in connection.execute(sa.select(_deleted).where(is_meant)):
                    found[row.item_id] = _unpacked(row.vectors)
        return found


def _in_parts(item_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(item_ids), _IN_ROWS):
        yield item_ids[start : start + _IN_ROWS]


def _packed(vectors: Mapping[str, Vector]) -> bytes:
    arrays: dict[str, np.ndarray] = {}
    for name, vector in vectors.items():
        if isinstance(vector, SparseVector):
            arrays[name + _INDICES], arrays[name + _VALUES] = vector.indices, vector.values
        else:
            arrays[name] = vector
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _unpacked(stored: bytes) -> dict[str, Vector]:
    arrays = load(stored)
    vectors: dict[str, Vector] = {}
    for name, array in arrays.items():
        if name.endswith(_INDICES):
            sparse = name.removesuffix(_INDICES)
            vectors[sparse] = SparseVector(array, arrays[sparse + _VALUES])
        elif not name.endswith(_VALUES):
            vectors[name] = array
    return vectors
