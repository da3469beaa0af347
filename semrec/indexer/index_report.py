"""What indexing a catalog did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What indexing did.

    Parameters
    ----------
    generation : its number; it is current now.
    n_items, n_passages : what it holds.
    rejected : reason -> number of rows that could not be used.
    rejects : the file that lists them; None when there are none.
    seconds : time from the first row to the switch.
    encoder, device : what makes the vectors, and where; no device when nothing had to be encoded.
    notes : what was guessed about the source.
    n_encoded, n_cached : passages that were encoded, and those whose vectors were known from before.
    n_added, n_changed, n_metadata, n_unchanged, n_deleted : items that were new; that had another text; that
        had the same text with another title or metadata; that were there just so; that are gone.
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

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON-able values."""
        return {
            "generation": self.generation,
            "n_items": self.n_items,
            "n_passages": self.n_passages,
            "n_added": self.n_added,
            "n_changed": self.n_changed,
            "n_metadata": self.n_metadata,
            "n_unchanged": self.n_unchanged,
            "n_deleted": self.n_deleted,
            "n_encoded": self.n_encoded,
            "n_cached": self.n_cached,
            "n_rejected": self.n_rejected,
            "rejected": self.rejected,
            "rejects": str(self.rejects) if self.rejects else None,
            "seconds": round(self.seconds, 3),
            "encoder": self.encoder,
            "device": self.device,
            "notes": list(self.notes),
        }
