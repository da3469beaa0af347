"""Why an item is not among the recommendations: the first thing that kept it out, with the exact figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from semrec.ranking.explanation import by_signal
from semrec.ranking.pipeline import Candidates
from semrec.signals.blend import best_first
from semrec.types import AnyOf, Condition, Value

Verdict = Literal[
    "recommended", "not_indexed", "seen", "excluded", "filtered", "not_found", "outranked", "diversity"
]
"""recommended: it is there. not_indexed: the index does not hold it. seen: it is in the history. excluded: it
was excluded by id. filtered: a filter does not hold. not_found: no search of a signal proposed it, and its
score would not have been enough either, or just so. outranked: others score higher. diversity: its score was
enough, but it is too like one that was chosen."""


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
class WhyNot:
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

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return asdict(self)


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
            return WhyNot(item_id, title, "seen", "it is in the history, and what was seen is left out")
        failed = tuple(told for c in self.conditions if (told := fault(c, metadata.get(c.field))))
        if failed:
            return WhyNot(item_id, title, "filtered", f"a filter does not hold: {'; '.join(failed)}", failed)
        return None


def fault(condition: Condition, value: Value | None) -> str:
    """Return in words why a value does not meet a condition; empty when it does, as the store would say."""
    has = "it has none" if value is None else f"it is {_written(value)}"
    if isinstance(condition, AnyOf):
        values = value if isinstance(value, tuple) else () if value is None else (value,)
        if any(_equal(own, asked) for own in values for asked in condition.values):
            return ""
        return f"{condition.field} must be {' or '.join(map(str, condition.values))}, but {has}"
    words = {"gte": "at least", "gt": "more than", "lte": "at most", "lt": "less than"}
    bounds = {name: bound for name in words if (bound := getattr(condition, name)) is not None}
    if _within(value, bounds):
        return ""
    told = " and ".join(f"{words[name]} {bound:g}" for name, bound in bounds.items())
    return f"{condition.field} must be {told}, but {has}"


def _within(value: Value | None, bounds: Mapping[str, float]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    holds = {
        "gte": lambda bound: value >= bound,
        "gt": lambda bound: value > bound,
        "lte": lambda bound: value <= bound,
        "lt": lambda bound: value < bound,
    }
    return all(holds[name](bound) for name, bound in bounds.items())


def _equal(own: object, asked: object) -> bool:
    return own == asked and isinstance(own, bool) == isinstance(asked, bool)


def _written(value: Value) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def judge(
    item_id: str,
    title: str,
    key: int,
    candidates: Candidates,
    *,
    chosen: np.ndarray,
    chosen_ids: Sequence[str],
    was_found: bool,
) -> WhyNot:
    """Return where an item stands that no rule keeps out.

    Parameters
    ----------
    key : the item's, one of the candidates'.
    candidates : what the searches found, and the item.
    chosen : int64 (k,), positions of the candidates that were recommended, in order.
    chosen_ids : their ids.
    was_found : whether a search proposed the item.
    """
    order = best_first(candidates.scores, candidates.keys)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    place = int(np.searchsorted(candidates.keys, np.uint64(key)))
    signals, adds = by_signal(candidates.parts, len(order))

    def standing(of: int, named: str) -> Standing:
        score = float(candidates.scores[of])
        return Standing(named, score, dict(zip(signals, adds[of].tolist(), strict=True)), int(ranks[of]))

    own = standing(place, item_id)
    last = standing(int(chosen[-1]), chosen_ids[-1]) if len(chosen) else None
    verdict, reason = _verdict(own, last, int(np.sum(chosen == place)) > 0, was_found, len(chosen))
    return WhyNot(item_id, title, verdict, reason, (), own, last, len(order))


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
