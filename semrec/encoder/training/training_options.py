"""What a training of an encoder is given, and what it gives. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from semrec.errors import ConfigError
from semrec.types import Float2D, Plain

Objective = Literal["histories", "pairs"]
"""`histories`: the rest of a history finds each of its items. `pairs`: items used together are near."""

Encode: TypeAlias = Callable[[Sequence[str]], Float2D]
"""Texts -> float32 (n, dim), rows of unit length."""

FULL_RATE, LORA_RATE = 2e-4, 2e-3
"""Learning rates for all weights and for the small matrices of LoRA, which start at 0."""


@dataclass(frozen=True, slots=True)
class TrainingOptions(Plain):
    """How an encoder is trained.

    Parameters
    ----------
    objective : what is learned from the events, see `Objective`.
    minutes : time for training and validation.
    n_texts : texts to train on, repeated ones counted again; fewer if the time is over.
    batch_items : different items of one batch.
    max_tokens : tokens of a text that are read while training; the trained encoder reads as many as before.
    lora_rank : rank of the matrices of LoRA; 0: all weights except the word vectors are trained.
    learning_rate : the largest one; None: `FULL_RATE` or `LORA_RATE`.
    kept_share : share of the way from the old weights to the trained ones that the result goes.
    n_validations : how often the encoder is validated.
    patience : validations without a better score after which training stops.
    seed : of everything random.
    """

    objective: Objective = "histories"
    minutes: float = 20.0
    n_texts: int = 25_000
    batch_items: int = 256
    max_tokens: int = 96
    lora_rank: int = 0
    learning_rate: float | None = None
    kept_share: float = 0.7
    n_validations: int = 5
    patience: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises
        ------
        ConfigError
            An option is out of range.
        """
        if self.objective not in ("histories", "pairs"):
            raise ConfigError(f"there is no objective {self.objective!r}; take histories or pairs.")
        if not self.minutes > 0:
            raise ConfigError(f"minutes must be above 0, got {self.minutes:g}.")
        if not 0 < self.kept_share <= 1:
            raise ConfigError(f"kept_share must be above 0 and at most 1, got {self.kept_share:g}.")
        for name in ("n_texts", "batch_items", "max_tokens", "n_validations", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must be between 0 and 1, got {self.learning_rate:g}.")
        if self.lora_rank < 0:
            raise ConfigError(f"lora_rank must be 0 or more, got {self.lora_rank}.")

    @property
    def rate(self) -> float:
        """The largest learning rate."""
        return self.learning_rate or (LORA_RATE if self.lora_rank else FULL_RATE)

    @property
    def n_steps(self) -> int:
        """Number of batches."""
        return max(1, self.n_texts // self.batch_items)


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training is.

    Parameters
    ----------
    step, n_steps : batches so far, and in all.
    seconds, budget_s : time used so far, and the time there is.
    best : best validation score so far; None before the first validation.
    """

    step: int
    n_steps: int
    seconds: float
    budget_s: float
    best: float | None = None

    @property
    def share(self) -> float:
        """Share of the work that is done, by batches or by time, whichever ends first; from 0 to 1."""
        return min(1.0, max(self.step / self.n_steps, self.seconds / self.budget_s))


@dataclass(frozen=True, slots=True)
class TrainingResult(Plain):
    """What a training did.

    Parameters
    ----------
    steps : batches.
    n_texts : texts in them.
    seconds : training and validation, of all runs together.
    scores : validation score by step.
    best_step : the step whose weights are the result.
    device, precision : where and in what it was computed.
    """

    steps: int
    n_texts: int
    seconds: float
    scores: dict[int, float]
    best_step: int
    device: str
    precision: str
