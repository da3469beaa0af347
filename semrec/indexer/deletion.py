"""Items that an update deletes: those that the source does not name."""

from __future__ import annotations

import numpy as np

from semrec.errors import CatalogError
from semrec.indexer.compare import CatalogComparison, are_among
from semrec.store import Index
from semrec.types import Keys

MAX_DELETED_SHARE = 0.2
"""Deleting a larger share of the items must be allowed explicitly: the source may be incomplete."""


def keys_to_delete(source: CatalogComparison, index: Index, *, sync: bool, allow_large_delete: bool) -> Keys:
    """Return the keys of the items to delete.

    Parameters
    ----------
    source : read to its end.
    index : of the current generation.
    sync : delete the items that the source does not name; otherwise none is deleted.
    allow_large_delete : also delete more than `MAX_DELETED_SHARE` of the items.

    Raises
    ------
    CatalogError
        The source has no item, or too many items would be deleted.
    """
    rejected = f" ({source.n_rejected:,} rows were rejected)" if source.n_rejected else ""
    if not source.n_items:
        raise CatalogError(
            f"the source has no item that can be used{rejected}: "
            "nothing was indexed; the previous index, if any, still answers."
        )
    if not sync:
        return np.empty(0, np.uint64)
    indexed = index.sample(index.count())
    unnamed = indexed[~are_among(indexed, source.named_keys)]
    if len(unnamed) > MAX_DELETED_SHARE * len(indexed) and not allow_large_delete:
        raise CatalogError(
            f"the source names {source.n_items:,} items{rejected}; {len(unnamed):,} of the {len(indexed):,} "
            "items of the index would be deleted. Nothing was changed. If this is intended, add --yes."
        )
    return unnamed
