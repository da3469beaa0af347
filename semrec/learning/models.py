"""What learning gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from semrec.learning.scoring import FittedSignals
from semrec.signals.blend import BlendWeights
from semrec.signals.fitting import Fitted


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
    fitted : vectors and parameters of each fitted signal, by its name.
    signals : the signals that the blend weighs, opened on them.
    weights : of the blend.
    report : what was chosen and measured.
    """

    fitted: Mapping[str, Fitted]
    signals: FittedSignals
    weights: BlendWeights
    report: LearnReport

    @property
    def half_life_events(self) -> float | None:
        """Newer events of a history after which one counts half, for every signal; None: all alike."""
        return self.signals.half_life_events
