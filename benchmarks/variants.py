"""What collapses as near-duplicates: pairs to read by eye, and how many near-duplicates items have.

Random items are asked for what is similar to them, ten items each. Every item that was left out is a pair
with the one that was shown for it. 100 distinct pairs are written to standard error, one a line. A pair is
right if it is two variants of one thing: releases, builds, sizes, or parts of one product.
"""

from __future__ import annotations

import sys

import numpy as np
from measured_sets import DEBIAN
from report import announce, arguments, report

from semrec.recommender import Recommender

K = 10
N_PAIRS = 100
N_ASKED = 1500
QUICK_ASKED = 30


def collapsed_pairs(recommender: Recommender, item_ids: list[str]) -> set[tuple[str, str]]:
    """Return the ids of items that were shown, each with one that was left out for it."""
    pairs: set[tuple[str, str]] = set()
    for item_id in item_ids:
        for shown in recommender.similar(item_id, k=K, near_duplicates="collapse"):
            pairs.update((min(shown.item_id, one), max(shown.item_id, one)) for one in shown.variants)
    return pairs


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    random = np.random.default_rng(0)
    with DEBIAN.indexed() as recommender:
        asked = random.permutation(DEBIAN.item_ids())[: QUICK_ASKED if quick else N_ASKED].tolist()
        pairs = sorted(collapsed_pairs(recommender, asked))
        sample = random.permutation(len(pairs))[:N_PAIRS].tolist()
        for number, (one, other) in enumerate((pairs[place] for place in sample), 1):
            titles = [record.title for record in recommender.items([one, other])]
            sys.stderr.write(f"{number:>3}. {' | '.join(titles)}\n")
        with recommender.reading() as generation:
            report(
                "variants",
                "debian_deps, near-duplicates of an item",
                generation.near_duplicates.per_item,
                "items",
            )
        report("variants", f"debian_deps, distinct pairs in {len(asked)} lists", len(pairs), "pairs")


if __name__ == "__main__":
    main()
