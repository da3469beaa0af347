"""The interface of baselines: learn from a training matrix, then score all items for batches of users."""

from __future__ import annotations

import importlib
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
    """Data about the items, besides events.

    Parameters
    ----------
    vectors : float32 (n_items, dim), the encoder's text vectors, in the order of the columns; or None.
    texts : text of each item, in the same order; or None.
    """

    vectors: Float2D | None = None
    texts: Sequence[str] | None = None


class Baseline(Protocol):
    """A method to compare with."""

    def fit(self, train: Csr, features: Features) -> Scorer:
        """Learn from CSR (n_users, n_items) and return the scorer of its users.

        Raises LeftOutError if a library or an input is missing.
        """


def fit_baselines(
    baselines: Mapping[str, Baseline], train: Csr, features: Features
) -> tuple[dict[str, Scorer], tuple[str, ...]]:
    """Fit all baselines; return their scorers, and a note for each one that is left out because it fails."""
    scorers: dict[str, Scorer] = {}
    notes = []
    for name, baseline in baselines.items():
        try:
            scorers[name] = baseline.fit(train, features)
        except Exception as error:  # of a library, on data that it does not take: the comparison goes on
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            notes.append(f"{name} is left out: {reason}")
    return scorers, tuple(notes)


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
