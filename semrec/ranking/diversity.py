"""Which of the candidates a list shows: good items that are not all alike.

Diversity is maximal marginal relevance: Carbonell and Goldstein, "The use of MMR, diversity-based reranking
for reordering documents and producing summaries", SIGIR 1998. Near-duplicates collapse into the first of
them, and a group has at most so many places. All three compose: each pick closes what it makes superfluous.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from semrec.ranking.near_duplicates import NEAR_DUPLICATE, SAME_TITLE, titles_agree
from semrec.types import Float1D, Float2D

Scalar: TypeAlias = str | int | float | bool
Group: TypeAlias = tuple[Scalar, ...]
"""The values of the group field of one candidate."""

TitleWords: TypeAlias = Mapping[int, frozenset[str]]
"""The words of the titles of some candidates, by position; see `near_titles`."""

_NO_TITLES: TitleWords = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ListRules:
    """What a list must keep to, besides the order of the scores.

    Parameters
    ----------
    diversity : in [0, 1]; 0 keeps the order of the scores, 1 looks at likeness only after the first pick.
    group : a metadata field of whose values each has at most `per_group` places; empty: no groups.
    per_group : at least 1.
    collapse : of near-duplicates only the first one is shown.
    """

    diversity: float = 0.0
    group: str = ""
    per_group: int = 1
    collapse: bool = False

    @property
    def needs_vectors(self) -> bool:
        """Whether items are compared with each other."""
        return self.collapse or self.diversity > 0

    @property
    def looks_further(self) -> bool:
        """Whether more candidates are considered than there are places."""
        return self.needs_vectors or bool(self.group)


@dataclass(frozen=True, slots=True)
class Picked:
    """What was picked; all numbers are positions of candidates.

    Parameters
    ----------
    places : int64 (n_picked,), in the order picked.
    variant_of : near-duplicates that were left out, each with the pick that it is like.
    crowded_out : candidates that were left out because their group is full.
    full_groups : values of the group field that have all their places.
    """

    places: np.ndarray
    variant_of: dict[int, int]
    crowded_out: frozenset[int]
    full_groups: frozenset[Scalar]


def pick(
    scores: Float1D,
    k: int,
    rules: ListRules,
    vectors: Float2D | None = None,
    groups: Sequence[Group] = (),
    shown: Sequence[int] = (),
    titles: TitleWords = _NO_TITLES,
) -> Picked:
    """Pick k candidates, each the best of (1 - diversity) · relevance - diversity · likeness that is open.

    Relevance is the score scaled to [0, 1] over the candidates; likeness is the highest cosine to an
    item that was picked or shown before (0 for the first one).

    Parameters
    ----------
    scores : float32 (n,), best first.
    k : how many to pick.
    rules : what the list must keep to.
    vectors : float32 (n, dim), rows of unit length; None if the rules need none.
    groups : for each candidate its values of the group field; empty without groups.
    shown : positions of candidates that were shown on earlier pages, in that order.
    titles : of candidates that are near-duplicates if their titles agree.
    """
    if not rules.looks_further:
        is_open = np.ones(len(scores), bool)
        is_open[list(shown)] = False
        return Picked(np.flatnonzero(is_open)[:k], {}, frozenset(), frozenset())
    picker = _Picker(len(scores), rules, vectors, groups, titles)
    for place in shown:
        picker.take(place)
    spread = float(np.ptp(scores)) if len(scores) else 0.0
    relevance = (scores - scores.min()) / spread if spread > 0 else np.zeros_like(scores)
    places: list[int] = []
    while len(places) < k and picker.is_open.any():
        # The first pick has nothing to differ from: it is the best one whatever the diversity.
        gain = picker.gain(relevance) if places or shown else scores
        best = int(np.argmax(np.where(picker.is_open, gain, -np.inf)))
        picker.take(best)
        places.append(best)
    crowded_out = frozenset(picker.crowded_out) - set(places) - set(shown)
    return Picked(np.array(places, np.int64), picker.variant_of, crowded_out, frozenset(picker.full_groups))


class _Picker:
    """The candidates that are still open, see `pick`."""

    def __init__(
        self,
        n: int,
        rules: ListRules,
        vectors: Float2D | None,
        groups: Sequence[Group],
        titles: TitleWords,
    ) -> None:
        self.is_open = np.ones(n, bool)
        self.variant_of: dict[int, int] = {}
        self.crowded_out: set[int] = set()
        self.full_groups: set[Scalar] = set()
        self._rules, self._vectors, self._groups, self._titles = rules, vectors, groups, titles
        self._likeness = np.full(n, -1, np.float32)
        self._places: Counter[Scalar] = Counter()

    def gain(self, relevance: Float1D) -> Float1D:
        """Return how good each candidate is next to what was taken, float32 (n,)."""
        diversity = np.float32(self._rules.diversity)
        gain: Float1D = (1 - diversity) * relevance - diversity * self._likeness if diversity else relevance
        return gain

    def take(self, place: int) -> None:
        """Give a candidate a place, and close those that it makes superfluous."""
        self.is_open[place] = False
        if self._vectors is not None:
            cosines = self._vectors @ self._vectors[place]
            self._likeness = np.maximum(self._likeness, cosines)
            if self._rules.collapse:
                alike = self._variants(place, cosines)
                self.is_open[alike] = False
                self.variant_of.update(dict.fromkeys(alike, place))
        if self._groups:
            self._places.update(set(self._groups[place]))
            full = {name for name in self._groups[place] if self._places[name] >= self._rules.per_group}
            if full - self.full_groups:
                self.full_groups |= full
                self._close_full()

    def _variants(self, place: int, cosines: Float1D) -> list[int]:
        """Return the open near-duplicates of a candidate with these cosines, float32 (n,)."""
        near = np.flatnonzero(self.is_open & (cosines >= SAME_TITLE))
        own = self._titles.get(place, frozenset())
        return [
            other
            for other, cosine in zip(near.tolist(), cosines[near].tolist(), strict=True)
            if cosine >= NEAR_DUPLICATE or titles_agree(own, self._titles.get(other, frozenset()))
        ]

    def _close_full(self) -> None:
        for place in np.flatnonzero(self.is_open).tolist():
            if self.full_groups.intersection(self._groups[place]):
                self.is_open[place] = False
                self.crowded_out.add(place)
