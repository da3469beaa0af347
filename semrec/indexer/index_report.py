"""What indexing a catalog did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semrec.types import Plain, to_plain


@dataclass(frozen=True, slots=True)
class IndexReport(Plain):
    """What indexing did.

    Parameters
    ----------
    generation : number of the current generation.
    n_items, n_passages : items and passages in it.
    rejected : reason -> number of rows that could not be used.
    rejects : the file that lists these rows; None if there are none.
    seconds : time from the first row until the index was current.
    encoder, device : what computes the vectors, and where; no device if nothing had to be encoded.
    notes : what was guessed about the source, and other remarks.
    n_encoded, n_cached : passages that were encoded, and passages whose vectors were in the cache.
    n_added : new items.
    n_changed : items with another text.
    n_metadata : items with the same text and another title or other metadata.
    n_unchanged : items that were in the index already.
    n_deleted : items that were deleted.
    """

    generation: int
    n_items: int
    n_passages: int
    rejected: dict[str, int]
    rejects: Path | None
    seconds: float
    encoder: str
    device: str
    notes: tuple[str, ...]
    n_encoded: int = 0
    n_cached: int = 0
    n_added: int = 0
    n_changed: int = 0
    n_metadata: int = 0
    n_unchanged: int = 0
    n_deleted: int = 0

    @property
    def n_rejected(self) -> int:
        """Rows that could not be used."""
        return sum(self.rejected.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, the number of rejected rows included."""
        return {**to_plain(self), "n_rejected": self.n_rejected}
