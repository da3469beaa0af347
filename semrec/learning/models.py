"""What learning takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from semrec.learning.scoring import Signals, sorted_csr
from semrec.signals.blend import BlendWeights
from semrec.signals.collaborative import TextMap
from semrec.types import Float1D, Float2D


@dataclass(frozen=True)
class TrainingData:
    """What users did, and what the items read like.

    Parameters
    ----------
    user_items : float32 (n_users, n_items), positive confidences.
    order : same pattern, when each event happened (time or position, bigger is later); None: not known.
    text_vectors : float32 (n_items, dim), unit length, as the encoder gives them.
    """

    user_items: sparse.csr_array
    order: sparse.csr_array | None
    text_vectors: Float2D

    def sorted(self) -> TrainingData:
        """Return the same with sorted columns in every row, vectors as float32."""
        order = None if self.order is None else sorted_csr(self.order)
        text_vectors = np.asarray(self.text_vectors, np.float32)
        return TrainingData(sorted_csr(self.user_items), order, text_vectors)


@dataclass(frozen=True)
class LearnReport:
    """What was chosen, and how good it is on the validation part of the training data.

    Parameters
    ----------
    chosen : settings by name.
    n_validation : validation queries by kind: "warm", "short" (histories cut short), "cold" (new items).
    warm, short, cold : NDCG@10 of every signal alone, and of the "blend".
    gain : NDCG@10 that every signal adds to the blend on warm queries: with it minus without it.
    seconds : by stage.
    notes : what could not be learned, and what was done instead.
    """

    chosen: Mapping[str, float | int | str | None]
    n_validation: Mapping[str, int]
    warm: Mapping[str, float]
    short: Mapping[str, float]
    cold: Mapping[str, float]
    gain: Mapping[str, float]
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {
            name: dict(value) if isinstance(value, Mapping) else list(value)
            for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class Models:
    """Everything that is learned, as it will be stored and served.

    Parameters
    ----------
    factors : float32 (n_items, rank), own factor, handed over to the one predicted from text for items with
        little evidence; for candidates and for the items of histories alike.
    gram : float32 (rank, rank), of the trained factors.
    alpha, reg, nu : of the fold-in, see `semrec.learning.ials.fold_in`.
    neighbours : float32 (n_items, n_items), column i is what is stored with item i: at most 200 weights.
    events : float32 (n_items,), number of events of every item.
    half_life_events : an event of a history counts 0.5^(newer events / this), for every signal; None:
        all alike.
    text_map : tells taste from text.
    weights : of the blend.
    report : what was chosen and measured.
    """

    factors: Float2D
    gram: Float2D
    alpha: float
    reg: float
    nu: float
    neighbours: sparse.csc_array
    events: Float1D
    half_life_events: float | None
    text_map: TextMap
    weights: BlendWeights
    report: LearnReport

    @property
    def signals(self) -> Signals:
        """The trained part."""
        return Signals(
            self.factors,
            self.gram,
            self.alpha,
            self.reg,
            self.nu,
            self.neighbours,
            self.events,
            self.half_life_events,
            self.text_map,
        )

    def weights_dict(self) -> dict[str, Any]:
        """Return the weights as plain values."""
        return asdict(self.weights)
