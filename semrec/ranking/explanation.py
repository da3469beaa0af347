"""Why an item was recommended: shares of signals and of history items, and the nearest passages.

Contributions come from the blend and add up to the score. A share is a contribution over the sum of the
positive ones, so what speaks for an item adds up to 1, and what speaks against it is below 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from semrec.signals.blend import Contributions
from semrec.types import Float1D, Float2D

SMALLEST_VOICE = np.float32(1e-6)
"""Part of all that is said of an item, below which nothing speaks for it: rounding, not a reason."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why one candidate was recommended.

    Parameters
    ----------
    signals : share of every signal.
    history : positions of the liked items of the history that contributed most, largest first; all speak
        for the item.
    shares, contributions : of those items, float32; contributions are in units of the score.
    by : the signal by which each of them speaks loudest.
    by_text : whether the query text speaks louder than any item of the history.
    """

    signals: dict[str, float]
    history: np.ndarray
    by: tuple[str, ...]
    shares: Float1D
    contributions: Float1D
    by_text: bool


def reasons(
    parts: Sequence[Contributions], chosen: np.ndarray, liked: np.ndarray, n_named: int
) -> list[Reasons]:
    """Return the reasons for each chosen candidate.

    What is unlike a disliked item gains by that, but nobody recommends it "because of" the disliked one:
    such gains count among the shares and are not named.

    Parameters
    ----------
    parts : what each reason adds to each candidate's score.
    chosen : int64 (n,), rows of `parts`.
    liked : bool (n_history,), which items of the history may be named.
    n_named : most items of the history to name.
    """
    parts = [replace(part, values=part.values[chosen]) for part in parts]
    n_history = len(liked)
    signals, signal_totals = by_signal(parts, len(chosen))
    signal_shares = shares(signal_totals).tolist()
    totals = by_reason(parts, len(chosen), n_history)
    reason_shares = shares(totals)
    by = loudest_signals(parts, len(chosen), n_history)
    by_history = totals[:, :n_history]
    named = liked & (by_history > 0)
    loudest = np.argsort(np.where(named, -by_history, np.inf), axis=1, kind="stable")[:, :n_named]
    by_text = totals[:, n_history] >= totals.max(axis=1)
    found = []
    for row, n_may in enumerate(named.sum(axis=1).tolist()):
        history = loudest[row, :n_may]
        found.append(
            Reasons(
                signals=dict(zip(signals, signal_shares[row], strict=True)),
                history=history,
                by=tuple(by[row, history]),
                shares=reason_shares[row, history],
                contributions=totals[row, history],
                by_text=bool(by_text[row]),
            )
        )
    return found


def shares(values: Float2D) -> Float2D:
    """Return each contribution as a part of all that speaks for the item.

    Parameters
    ----------
    values : float32 (n, m), contributions to n items in units of the score.

    Returns
    -------
    float32 (n, m): the positive ones of an item add up to 1; when nothing speaks for it, negative ones add
    up to -1.
    """
    said = np.abs(values).sum(axis=1, keepdims=True)
    speaks_for = np.maximum(values, 0).sum(axis=1, keepdims=True)
    whole = np.where(speaks_for > SMALLEST_VOICE * said, speaks_for, said)
    return (values / np.where(whole == 0, np.float32(1), whole)).astype(np.float32)


def by_signal(parts: Sequence[Contributions], n_candidates: int) -> tuple[list[str], Float2D]:
    """Return the signals, and what each adds to every score; text and history of one signal together.

    Returns
    -------
    names, and float32 (n_candidates, n_signals).
    """
    names = list(dict.fromkeys(part.signal for part in parts))
    totals = np.zeros((n_candidates, len(names)), np.float32)
    for part in parts:
        totals[:, names.index(part.signal)] += part.values.sum(axis=1)
    return names, totals


def by_reason(parts: Sequence[Contributions], n_candidates: int, n_history: int) -> Float2D:
    """Return what each reason adds to every score, over all signals.

    Returns
    -------
    float32 (n_candidates, n_history + 2): one column for each item of the history, then the text, then the
    catalog.
    """
    totals = np.zeros((n_candidates, n_history + 2), np.float32)
    for part in parts:
        if part.origin == "history":
            totals[:, :n_history] += part.values
        else:
            totals[:, n_history + (part.origin == "catalog")] += part.values.sum(axis=1)
    return totals


def loudest_signals(parts: Sequence[Contributions], n_candidates: int, n_history: int) -> np.ndarray:
    """Return the signal by which each item of the history speaks loudest, str (n_candidates, n_history)."""
    own = [part for part in parts if part.origin == "history"]
    if not own:
        return np.full((n_candidates, n_history), "", dtype=object)
    loudest = np.argmax([part.values for part in own], axis=0)
    return np.array([part.signal for part in own], dtype=object)[loudest]


def nearest_pair(left: Float2D, right: Float2D) -> tuple[int, int]:
    """Return the positions of the two most alike rows of two sets of passages.

    Parameters
    ----------
    left, right : float32 (n, dim) and (m, dim), rows of unit length, at least one row each.
    """
    row, column = np.unravel_index(np.argmax(left @ right.T), (len(left), len(right)))
    return int(row), int(column)
