"""From candidates to the list that is shown: near-duplicates, groups and diversity.

Where near-duplicates or full groups take so many of the candidates that the list would be too short, they are
left out of another search. What was chosen before stays among its candidates, so all are scored alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from semrec.ranking.diversity import Group, ListRules, Picked, TitleWords, pick
from semrec.ranking.generation import Generation
from semrec.ranking.near_duplicates import near_titles
from semrec.ranking.pipeline import MMR_CANDIDATES, Candidates, Filters
from semrec.signals.blend import best_first
from semrec.store import Index
from semrec.store.protocol import TEXT
from semrec.tracing import stage
from semrec.types import AnyOf, Keys, Not, Value

MOST_SEARCHES = 12
"""Searches for one list at most."""

FEWEST_COMPARED = 500
"""Candidates, the best ones, among which near-duplicates and groups are looked for at least."""

Find = Callable[[Filters, Keys], Candidates]
"""Filters, and keys that are scored in any case -> candidates."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown, and what was left out for it.

    Parameters
    ----------
    candidates : of the last search; what is chosen is among them.
    keys : uint64 (n,), what is chosen, in order.
    variant_of : key of each near-duplicate that was left out, with the key of what it is like.
    crowded_out : keys that were left out because their group is full.
    has_more : there are candidates for another page.
    """

    candidates: Candidates
    keys: Keys
    variant_of: dict[int, int] = field(default_factory=dict)
    crowded_out: frozenset[int] = frozenset()
    has_more: bool = False

    @property
    def places(self) -> np.ndarray:
        """Positions of what is chosen among the candidates, int64 (n,); not of what is deleted by now."""
        keys = self.candidates.keys
        places = np.searchsorted(keys, self.keys)
        return places[np.append(keys, np.uint64(0))[places] == self.keys]

    def variants(self, key: int) -> list[int]:
        """Return the keys of the near-duplicates that were left out for a chosen item, best first."""
        return [one for one, like in self.variant_of.items() if like == key]


def choose(
    find: Find, filters: Filters, rules: ListRules, k: int, shown: Keys, generation: Generation
) -> Choice:
    """Choose what a list shows, at most k items, without those shown before.

    Parameters
    ----------
    find : searches candidates.
    filters : what candidates must meet.
    rules : what the list must keep to.
    k : items that are wanted.
    shown : uint64 (n,), keys of the items of earlier pages.
    generation : has the vectors and the groups of candidates.
    """
    choice = Choice(find(filters, shown), shown[:0])
    for _ in range(MOST_SEARCHES):
        before = np.concatenate([shown, choice.keys])
        picked, keys = _pick(choice.candidates, rules, k - len(choice.keys), before, generation)
        new = keys[picked.places]
        choice = replace(
            choice,
            keys=np.concatenate([choice.keys, new]),
            variant_of=choice.variant_of
            | {int(keys[one]): int(keys[like]) for one, like in picked.variant_of.items()},
            crowded_out=choice.crowded_out | {int(keys[place]) for place in picked.crowded_out},
            has_more=len(keys) > len(before) + len(new) + len(picked.variant_of) + len(picked.crowded_out),
        )
        left_out = picked.variant_of or picked.crowded_out
        if len(choice.keys) >= k or not left_out or not choice.candidates.is_cut:
            return choice
        filters = _narrowed(filters, rules, choice, picked)
        taken = np.concatenate([shown, choice.keys])
        following = find(filters, taken)
        if not len(np.setdiff1d(following.found, taken)):
            return choice
        choice = replace(choice, candidates=following)
    return choice


@stage("choose")
def _pick(
    candidates: Candidates, rules: ListRules, k: int, shown: Keys, generation: Generation
) -> tuple[Picked, Keys]:
    """Return what is picked of the candidates, and the keys that its positions stand for."""
    order = best_first(candidates.scores, candidates.keys)
    if rules.looks_further:
        # Items that were shown are chosen already: the next page goes on where the last one ended.
        n_near = MMR_CANDIDATES * (k + len(shown))
        if rules.collapse or rules.group:
            n_near = max(n_near, FEWEST_COMPARED)
        order = order[(np.arange(len(order)) < n_near) | np.isin(candidates.keys[order], shown)]
    index, vectors = generation.index, None
    groups: list[Group] = []
    titles: TitleWords = {}
    if rules.needs_vectors:
        items = index.fetch(candidates.keys[order], (TEXT,))
        order = order[np.isin(candidates.keys[order], items.keys)]
        vectors = generation.centred(items)
    keys = candidates.keys[order]
    if rules.collapse and vectors is not None:
        n_first = MMR_CANDIDATES * (k + len(shown))
        titles = near_titles(vectors, n_first, lambda places: _titles(index, keys[places]))
    if rules.group:
        groups = groups_of(index.metadata_values(rules.group, keys))
    places = {key: place for place, key in enumerate(keys.tolist())} if len(shown) else {}
    earlier = [places[key] for key in shown.tolist() if key in places]
    return pick(candidates.scores[order], k, rules, vectors, groups, earlier, titles), keys


def _titles(index: Index, keys: Keys) -> list[str]:
    """Return the titles of items, in one request; empty for an item that is deleted by now."""
    items = index.fetch(keys, records=True)
    titles = dict(zip(items.keys.tolist(), (record.title for record in items.records()), strict=True))
    return [titles.get(key, "") for key in keys.tolist()]


def groups_of(values: Sequence[Value | None]) -> list[Group]:
    """Return the groups of items by their values of the group field; without a value an item has none."""
    return [() if one is None else one if isinstance(one, tuple) else (one,) for one in values]


def _narrowed(filters: Filters, rules: ListRules, choice: Choice, picked: Picked) -> Filters:
    """Return the filters without near-duplicates of what was chosen, and without full groups."""
    hidden = np.union1d(filters.hidden, np.array(list(choice.variant_of), np.uint64))
    full = (
        [Not(AnyOf(rules.group, tuple(sorted(picked.full_groups, key=repr))))] if picked.full_groups else []
    )
    return Filters((*filters.where, *full), hidden)
