"""What a generation must know of its models to answer; `fit` writes it into the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from semrec.signals.blend import BlendWeights
from semrec.signals.collaborative import FoldIn, TextMap
from semrec.types import Keys


@dataclass(frozen=True, slots=True)
class LearnedSettings:
    """What was learned, besides the vectors of the items.

    Parameters
    ----------
    fold_in : of the taste signal.
    left_out : keys that do not stand in the sparse vectors of neighbours.
    weights : of the blend, for queries with a history.
    half_life_events : events after which one counts half; None: order does not matter.
    rating_scale : the lowest and the highest rating that occurred; None without ratings.
    text_map : taste from text, for new items and for texts; None in what an older semrec has written.
    """

    fold_in: FoldIn
    left_out: Keys
    weights: BlendWeights
    half_life_events: float | None
    rating_scale: tuple[float, float] | None
    text_map: TextMap | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values; keys are strings, because JSON numbers end at 53 bits."""
        return {
            "fold_in": self.fold_in.to_dict(),
            "left_out": [str(key) for key in self.left_out.tolist()],
            "weights": asdict(self.weights),
            "half_life_events": self.half_life_events,
            "rating_scale": self.rating_scale,
            "text_map": self.text_map.to_dict() if self.text_map else None,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> LearnedSettings:
        """Return what `to_dict` wrote."""
        weights = stored["weights"]
        scale = stored["rating_scale"]
        text_map = stored.get("text_map")
        return cls(
            FoldIn.from_dict(stored["fold_in"]),
            np.array([int(key) for key in stored["left_out"]], np.uint64),
            BlendWeights(
                tuple(weights["signals"]),
                tuple(weights["history_edges"]),
                tuple(weights["evidence_edges"]),
                tuple(tuple(tuple(cell) for cell in row) for row in weights["table"]),
            ),
            stored["half_life_events"],
            (scale[0], scale[1]) if scale else None,
            TextMap.from_dict(text_map) if text_map else None,
        )
