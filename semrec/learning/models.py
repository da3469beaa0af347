"""What learning gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from semrec.learning.scoring import FittedSignals
from semrec.signals.blend import BlendWeights
from semrec.signals.fitting import Fitted
from semrec.types import Plain


@dataclass(frozen=True)
class LearnReport(Plain):
    """What was chosen, and how good it is on the validation part of the training data.

    Parameters
    ----------
    chosen : settings by name.
    n_validation : validation queries by kind: "warm", "short" (histories cut short), "cold" (new items).
    warm, short, cold : NDCG@10 of every signal alone, and of the "blend".
    gain : NDCG@10 that every signal adds to the blend on warm queries among items with events: with it minus
        without it.
    compared : NDCG@10 of the blend with each alternative of a signal, on queries that its weights were not
        learned from.
    seconds : by stage.
    notes : what could not be learned, and what was done instead.
    """

    chosen: Mapping[str, float | int | str | None]
    n_validation: Mapping[str, int]
    warm: Mapping[str, float]
    short: Mapping[str, float]
    cold: Mapping[str, float]
    gain: Mapping[str, float]
    compared: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Models:
    """Everything that is learned, as it will be stored and served.

    Parameters
    ----------
    fitted : vectors and parameters of each fitted signal, by its name.
    signals : the signals that the blend weighs, opened on them.
    weights : of the blend.
    report : what was chosen and measured.
    groups : rows of the users of each group with nearly the same history, the largest group first.
    """

    fitted: Mapping[str, Fitted]
    signals: FittedSignals
    weights: BlendWeights
    report: LearnReport
    groups: tuple[NDArray[np.int64], ...] = ()

    @property
    def half_life_events(self) -> float | None:
        """Newer events of a history after which one counts half, for every signal; None: all alike."""
        return self.signals.half_life_events
