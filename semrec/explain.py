"""Why an item was recommended: shares of signals and of history items, and the nearest passages.

Contributions come from the blend and add up to the score. A share is a contribution over the sum of the
positive ones, so what speaks for an item adds up to 1, and what speaks against it is below 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semrec.blend import Contributions
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


def reasons(parts: Sequence[Contributions], candidate: int, liked: np.ndarray, n_named: int) -> Reasons:
    """Return the reasons for one candidate.

    What is unlike a disliked item gains by that, but nobody recommends it "because of" the disliked one:
    such gains count among the shares and are not named.

    Parameters
    ----------
    parts : what each reason adds to each candidate's score.
    candidate : its row in `parts`.
    liked : bool (n_history,), which items of the history may be named.
    n_named : most items of the history to name.
    """
    signals = by_signal(parts, candidate)
    signal_shares = shares(np.array(list(signals.values()), np.float32))
    n_history = len(liked)
    totals = by_reason(parts, candidate, n_history)
    signal_of = loudest_signals(parts, candidate, n_history)
    loudest = np.argsort(-totals[:n_history], kind="stable")
    loudest = loudest[liked[loudest] & (totals[loudest] > 0)][:n_named]
    return Reasons(
        signals=dict(zip(signals, signal_shares.tolist(), strict=True)),
        history=loudest,
        shares=shares(totals)[loudest],
        contributions=totals[loudest],
        by=tuple(signal_of[place] for place in loudest),
        by_text=bool(totals[n_history] >= totals.max()),
    )


def shares(values: Float1D) -> Float1D:
    """Return each contribution as a part of all that speaks for the item.

    Parameters
    ----------
    values : float32 (n,), contributions in units of the score.

    Returns
    -------
    float32 (n,): positive ones add up to 1; when nothing speaks for the item, negative ones add up to -1.
    """
    said = np.abs(values).sum()
    speaks_for = np.maximum(values, 0).sum()
    whole = speaks_for if speaks_for > SMALLEST_VOICE * said else said
    return (values / (whole or np.float32(1))).astype(np.float32)


def by_signal(parts: Sequence[Contributions], candidate: int) -> dict[str, float]:
    """Return what each signal adds to one candidate's score; text and history of one signal together."""
    totals: dict[str, float] = {}
    for part in parts:
        totals[part.signal] = totals.get(part.signal, 0.0) + float(part.values[candidate].sum())
    return totals


def by_reason(parts: Sequence[Contributions], candidate: int, n_history: int) -> Float1D:
    """Return what each reason adds to one candidate's score, over all signals.

    Returns
    -------
    float32 (n_history + 2,): one for each item of the history, then the text, then the catalog.
    """
    totals = np.zeros(n_history + 2, np.float32)
    for part in parts:
        values = part.values[candidate]
        if part.origin == "history":
            totals[:n_history] += values
        else:
            totals[n_history + (part.origin == "catalog")] += values.sum()
    return totals


def loudest_signals(parts: Sequence[Contributions], candidate: int, n_history: int) -> list[str]:
    """Return for each item of the history the signal by which it speaks loudest for one candidate."""
    own = [part for part in parts if part.origin == "history"]
    if not own:
        return [""] * n_history
    loudest = np.argmax([part.values[candidate] for part in own], axis=0)
    return [own[place].signal for place in loudest]


def nearest_pair(left: Float2D, right: Float2D) -> tuple[int, int]:
    """Return the positions of the two most alike rows of two sets of passages.

    Parameters
    ----------
    left, right : float32 (n, dim) and (m, dim), rows of unit length, at least one row each.
    """
    row, column = np.unravel_index(np.argmax(left @ right.T), (len(left), len(right)))
    return int(row), int(column)
