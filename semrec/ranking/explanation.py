"""Why an item was recommended: shares of signals and of history items, and the nearest passages.

Contributions come from the blend and add up to the score. A share is a contribution over the sum of the
positive ones: the positive shares of an item add up to 1, and contributions below 0 have shares below 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from semrec.signals.blend import ScoredPart
from semrec.signals.signal import Origin
from semrec.store.protocol import Items
from semrec.types import Float1D, Float2D

SMALLEST_PART = np.float32(1e-6)
"""Share of the absolute contributions below which the positive ones are rounding errors, not reasons."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each reason of one part of a question adds to the scores: float32 (n_items, n_terms).

    `relations` are those of every item, see `SignalQuery.relations`.
    """

    signal: str
    origin: Origin
    values: Float2D
    relations: Sequence[str] = ()


def contributions(parts: Sequence[ScoredPart], items: Items) -> list[Contributions]:
    """Return what every reason adds to the score of every item, in units of the score.

    Parameters
    ----------
    parts : those of the items.
    items : the items, with the stored fields that the parts name.
    """
    return [
        Contributions(
            part.query.signal,
            part.query.origin,
            np.nan_to_num(
                (part.query.terms(items, part.raw) - part.query.offsets) * part.factors[:, None], copy=False
            ),
            part.query.relations(items),
        )
        for part in parts
        if np.any(part.factors)
    ]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why one candidate was recommended.

    Parameters
    ----------
    signals : share of every signal.
    history : positions of the liked items of the history that contributed most, largest first; all speak
        for the item.
    shares, contributions : of those items, float32; contributions are in units of the score.
    by : the signal by which each of them counts most.
    relations : of each signal that has some, what the item is to the history.
    by_text : whether the query text counts more than any item of the history.
    """

    signals: dict[str, float]
    history: np.ndarray
    by: tuple[str, ...]
    shares: Float1D
    contributions: Float1D
    by_text: bool
    relations: Mapping[str, str] = field(default_factory=dict)


def reasons(parts: Sequence[Contributions], n_items: int, liked: np.ndarray, n_named: int) -> list[Reasons]:
    """Return the reasons for each of `n_items` items.

    What is unlike a disliked item gains by that, but is not recommended "because of" the disliked one:
    such gains count among the shares and are not named.

    Parameters
    ----------
    parts : what each reason adds to each item's score.
    liked : bool (n_history,), which items of the history may be named.
    n_named : most items of the history to name.
    """
    n_history = len(liked)
    signals, signal_totals = by_signal(parts, n_items)
    signal_shares = shares(signal_totals).tolist()
    totals = by_reason(parts, n_items, n_history)
    reason_shares = shares(totals)
    by = strongest_signals(parts, n_items, n_history)
    by_history = totals[:, :n_history]
    named = liked & (by_history > 0)
    strongest = np.argsort(np.where(named, -by_history, np.inf), axis=1, kind="stable")[:, :n_named]
    by_text = totals[:, n_history] >= totals.max(axis=1)
    found = []
    for row, n_may in enumerate(named.sum(axis=1).tolist()):
        history = strongest[row, :n_may]
        found.append(
            Reasons(
                signals=dict(zip(signals, signal_shares[row], strict=True)),
                history=history,
                by=tuple(by[row, history]),
                shares=reason_shares[row, history],
                contributions=totals[row, history],
                by_text=bool(by_text[row]),
                relations={part.signal: part.relations[row] for part in parts if part.relations},
            )
        )
    return found


def shares(values: Float2D) -> Float2D:
    """Return each contribution as a share of the positive contributions to the item.

    Parameters
    ----------
    values : float32 (n, m), contributions to n items in units of the score.

    Returns
    -------
    float32 (n, m): the positive shares of an item add up to 1; without any, the negative ones add up to -1.
    """
    absolute = np.abs(values).sum(axis=1, keepdims=True)
    positive = np.maximum(values, 0).sum(axis=1, keepdims=True)
    whole = np.where(positive > SMALLEST_PART * absolute, positive, absolute)
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


def strongest_signals(parts: Sequence[Contributions], n_candidates: int, n_history: int) -> np.ndarray:
    """Return the signal by which each item of the history counts most, str (n_candidates, n_history)."""
    own = [part for part in parts if part.origin == "history"]
    if not own:
        return np.full((n_candidates, n_history), "", dtype=object)
    strongest = np.argmax([part.values for part in own], axis=0)
    return np.array([part.signal for part in own], dtype=object)[strongest]


def nearest_pair(left: Float2D, right: Float2D, gains: Float1D | None = None) -> tuple[int, int]:
    """Return the positions of the two most alike rows of two sets of passages.

    Parameters
    ----------
    left, right : float32 (n, dim) and (m, dim), rows of unit length, at least one row each.
    gains : float32 (n,), added to the cosines of each row of `left`; None: nothing.
    """
    cosines = left @ right.T
    if gains is not None:
        cosines = cosines + gains[:, None]
    row, column = np.unravel_index(np.argmax(cosines), (len(left), len(right)))
    return int(row), int(column)
