"""The lists of many histories over a whole catalog, with the same rules as the list of one question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semrec.mathematics.rows import centre
from semrec.ranking.catalog_scores import Best, CatalogScorer
from semrec.ranking.choice import groups_of
from semrec.ranking.diversity import ListRules, TitleWords, pick
from semrec.ranking.history import History
from semrec.ranking.near_duplicates import near_titles
from semrec.store.protocol import TEXT
from semrec.types import Float2D

FIRST_LOOK = 10
"""Items of the best ones that are looked at first for each place."""


def best_lists(scorer: CatalogScorer, histories: Sequence[History], k: int, rules: ListRules) -> Best:
    """Return the list of each history, for at most `CatalogScorer.block` histories.

    Parameters
    ----------
    scorer : scores the catalog.
    histories : of users.
    k : items of each list.
    rules : what each list must keep to; no diversity.
    """
    if not rules.looks_further:
        return scorer.best(histories, k)
    n_items = len(scorer.catalog)
    depth = min(n_items, FIRST_LOOK * k)
    while True:
        best = scorer.best(histories, depth)
        places = [_places(scorer, best, row, k, rules) for row in range(len(histories))]
        if depth == n_items or all(len(own) == k for own in places):
            return best.at(places, k)
        depth = min(n_items, FIRST_LOOK * depth)


def _places(scorer: CatalogScorer, best: Best, row: int, k: int, rules: ListRules) -> NDArray[np.int64]:
    """Return which of the best items of one history are on its list."""
    items = best.items[row][best.items[row] >= 0]
    catalog = scorer.catalog
    vectors: Float2D | None = None
    titles: TitleWords = {}
    if rules.collapse:
        vectors = centre(catalog.dense(TEXT)[items], scorer.text_mean)
        titles = near_titles(
            vectors, FIRST_LOOK * k, lambda near: catalog.titles.gather(items[near]).to_list()
        )
    values = catalog.metadata(rules.group) if rules.group else ()
    groups = groups_of([values[item] for item in items.tolist()]) if rules.group else []
    places: NDArray[np.int64] = pick(
        best.scores[row][: len(items)], k, rules, vectors, groups, titles=titles
    ).places
    return places
