"""Why an item is not among the recommendations: the first rule or score that kept it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from semrec.ranking.conditions import fault
from semrec.ranking.pipeline import Candidates
from semrec.signals.blend import best_first, signal_totals
from semrec.types import Condition, Plain, Value

Verdict = Literal[
    "recommended",
    "not_indexed",
    "seen",
    "excluded",
    "filtered",
    "not_found",
    "outranked",
    "variant",
    "grouped",
    "diversity",
]
"""Why an item is or is not in the answer:

- recommended: it is in the answer.
- not_indexed: the index does not hold it.
- seen: it is in the history.
- excluded: it was excluded by its id.
- filtered: it does not meet a filter.
- not_found: no search of a signal proposed it.
- outranked: other items score higher.
- variant: its score was enough, but it is a near-duplicate of an item that was chosen.
- grouped: its score was enough, but its group has all its places.
- diversity: its score was enough, but it is too similar to an item that was chosen.
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an item stands among the candidates.

    Parameters
    ----------
    item_id : the item.
    score : the blend, exact.
    signals : what each signal adds to the score; the sum is the score.
    rank : its place by score among the candidates, 1 is the best.
    """

    item_id: str
    score: float
    signals: Mapping[str, float]
    rank: int


@dataclass(frozen=True, slots=True)
class WhyNot(Plain):
    """Why an item is not among the recommendations.

    Parameters
    ----------
    item_id, title : the item.
    verdict : the first thing that kept it out.
    reason : the same in words.
    failed : filters that do not hold, in words.
    standing : its score and rank; None when it never was a candidate because of a rule.
    last : the last one that was recommended, for comparison.
    n_candidates : items that were scored.
    """

    item_id: str
    title: str
    verdict: Verdict
    reason: str
    failed: tuple[str, ...] = ()
    standing: Standing | None = None
    last: Standing | None = None
    n_candidates: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What keeps items out of an answer whatever their score.

    Parameters
    ----------
    conditions : filters that must all hold.
    seen : ids that are left out because they are in the history.
    excluded : ids that were excluded.
    """

    conditions: Sequence[Condition] = ()
    seen: frozenset[str] = field(default_factory=frozenset)
    excluded: frozenset[str] = field(default_factory=frozenset)

    def against(self, item_id: str, title: str, metadata: Mapping[str, Value]) -> WhyNot | None:
        """Return the rule that keeps an item out, None when there is none."""
        if item_id in self.excluded:
            return WhyNot(item_id, title, "excluded", "it was excluded by its id")
        if item_id in self.seen:
            return WhyNot(item_id, title, "seen", "it is in the history, and the history is left out")
        failed = tuple(reason for condition in self.conditions if (reason := fault(condition, metadata)))
        if failed:
            return WhyNot(item_id, title, "filtered", f"a filter does not hold: {'; '.join(failed)}", failed)
        return None


def judge(
    item_id: str,
    title: str,
    candidates: Candidates,
    *,
    place: int,
    chosen: np.ndarray,
    last: tuple[int, str] | None,
    was_found: bool,
    left_out: tuple[Verdict, str] | None = None,
) -> WhyNot:
    """Return score and rank of an item that no rule keeps out.

    Parameters
    ----------
    item_id, title : the item.
    candidates : what the searches found, and the item.
    place : position of the item among the candidates.
    chosen : int64 (k,), positions of the candidates that were recommended.
    last : position and id of the last one that was recommended; None without any.
    was_found : whether a search proposed the item.
    left_out : verdict on an item that was left out as a near-duplicate or because its group is full.
    """
    order = best_first(candidates.scores, candidates.keys)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    totals = signal_totals(candidates.parts)

    def standing(of: int, named: str) -> Standing:
        adds = {signal: float(values[of]) for signal, values in totals.items()}
        return Standing(named, float(candidates.scores[of]), adds, int(ranks[of]))

    own = standing(place, item_id)
    least = standing(*last) if last else None
    verdict, reason = _verdict(own, least, bool(np.isin(place, chosen)), was_found, len(chosen))
    if left_out and verdict != "recommended" and (least is None or own.score >= least.score):
        verdict, reason = left_out
    return WhyNot(item_id, title, verdict, reason, (), own, least, len(order))


def _verdict(
    own: Standing, last: Standing | None, is_chosen: bool, was_found: bool, n_chosen: int
) -> tuple[Verdict, str]:
    if is_chosen:
        return "recommended", f"it is recommended, with rank {own.rank} by score"
    if not was_found:
        return "not_found", (
            "no search of a signal proposed it, so it was not compared; "
            f"with its score of {own.score:.2f} it would have rank {own.rank}"
        )
    if own.rank <= n_chosen:
        return "diversity", (
            f"its score of {own.score:.2f} has rank {own.rank}, but it is too like one that was chosen"
        )
    least = f"; the last of the {n_chosen} has {last.score:.2f}" if last else ""
    return "outranked", f"its score of {own.score:.2f} has rank {own.rank}{least}"
