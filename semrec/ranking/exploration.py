"""A share of the places for items of which little is known, so that the log learns how they are liked.

What is ranked by the past alone keeps what is new at the end. With `explore`, the last places of an answer
go to the best little-known items, until these have the wanted share; every little-known item is marked.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from semrec.ranking.choice import Choice
from semrec.ranking.generation import Generation
from semrec.signals.blend import best_first
from semrec.types import Keys

LITTLE_KNOWN = 5
"""Items with fewer events, or whose events are not known yet, are little known."""

NOTE = "explore does nothing before `semrec fit`: it is not known which items have few events"


def explored(
    choice: Choice, share: float, generation: Generation, shown: Keys
) -> tuple[Choice, frozenset[int]]:
    """Return a choice whose last places go to little-known items, and the keys of all little-known ones.

    Near-duplicates of what was chosen and items of full groups get no place.

    Parameters
    ----------
    choice : the best items, in order.
    share : of the places, in [0, 1], rounded up; 0: the choice stays, and none is marked.
    generation : knows the events of items.
    shown : uint64 (n,), keys of the items of earlier pages.
    """
    request = generation.evidence_request
    if share == 0 or request is None or not len(choice.keys):
        return choice, frozenset()
    chosen, candidates = choice.places, choice.candidates
    events = generation.evidence(generation.index.scores([request], candidates.keys)[0])
    is_little_known = events < LITTLE_KNOWN
    taken = [*shown.tolist(), *choice.keys.tolist(), *choice.variant_of, *choice.crowded_out]
    order = best_first(candidates.scores, candidates.keys)
    is_free = is_little_known[order] & ~np.isin(candidates.keys[order], np.array(taken, np.uint64))
    well_known = np.flatnonzero(~is_little_known[chosen])
    n_wanted = math.ceil(share * len(chosen)) - (len(chosen) - len(well_known))
    added = order[is_free][: max(0, min(n_wanted, len(well_known)))]
    kept = np.delete(chosen, well_known[len(well_known) - len(added) :])
    places = np.concatenate([kept, added])
    marked = candidates.keys[places[is_little_known[places]]]
    return replace(choice, keys=candidates.keys[places]), frozenset(marked.tolist())
