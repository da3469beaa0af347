"""The interface of baselines: learn from a training matrix, then score all items for batches of users."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from semrec.errors import ConfigError
from semrec.evaluation.splits import Csr
from semrec.types import Float2D

Scorer: TypeAlias = Callable[[NDArray[np.int64]], Float2D]
"""Rows of the training matrix (n,) -> float32 scores (n, n_items), bigger is better."""


class LeftOutError(ConfigError):
    """A baseline cannot be used: its library or its input is missing."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is known besides who likes which item.

    Parameters
    ----------
    vectors : float32 (n_items, dim), the encoder's text vectors, in the order of the columns; or None.
    texts : text of each item, in the same order; or None.
    order : CSR (n_users, n_items), an entry for every positive event: bigger is later, equal is at the same
        time; None if the order is not known.
    """

    vectors: Float2D | None = None
    texts: Sequence[str] | None = None
    order: Csr | None = None


class Baseline(Protocol):
    """A method to compare with."""

    def fit(self, train: Csr, features: Features) -> Scorer:
        """Learn from CSR (n_users, n_items) and return the scorer of its users.

        Raises LeftOutError if a library or an input is missing.
        """


@dataclass(frozen=True, slots=True)
class FittedBaselines:
    """What `fit_baselines` returns.

    Parameters
    ----------
    scorers : name -> scorer of the baselines that could be fitted.
    seconds : name -> time of the fit, the choice of settings included.
    notes : one for each baseline that is left out.
    """

    scorers: Mapping[str, Scorer]
    seconds: Mapping[str, float]
    notes: tuple[str, ...]


def fit_baselines(
    baselines: Mapping[str, Baseline],
    train: Csr,
    features: Features,
    progress: Callable[[str], None] | None = None,
) -> FittedBaselines:
    """Fit all baselines; one that fails is left out, with a note.

    Parameters
    ----------
    baselines : by their names in the report.
    train, features : see `Baseline.fit`.
    progress : called with each step, in words.
    """
    scorers: dict[str, Scorer] = {}
    seconds: dict[str, float] = {}
    notes = []
    for name, baseline in baselines.items():
        if progress:
            progress(f"fitting the baselines: {name}")
        started = time.monotonic()
        try:
            scorers[name] = baseline.fit(train, features)
        except Exception as error:  # of a library, on data that it does not take: the comparison goes on
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            notes.append(f"{name} is left out: {reason}")
        else:
            seconds[name] = time.monotonic() - started
    return FittedBaselines(scorers, seconds, tuple(notes))


def optional(module: str, package: str) -> Any:
    """Import an optional library; the error says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise LeftOutError(f"{package} cannot be imported; pip install {package}") from error


def liked(train: Csr) -> Csr:
    """Return float32 CSR of the same shape: 1 where the event is positive (value above 0)."""
    ones = sparse.csr_matrix(train).copy()
    ones.data = (ones.data > 0).astype(np.float32)
    ones.eliminate_zeros()
    return ones
