"""What collapses as near-duplicates: pairs to read by eye, and how many near-duplicates items have.

Then, whether the markup of a shop makes items similar: half of 300 items are wrapped in it, and for each half
the share of such items among the ten nearest items is measured. Without an effect it is 50 %.

Random items are asked for what is similar to them, ten items each. Every item that was left out is a pair
with the one that was shown for it. 100 distinct pairs are written to standard error, one a line. A pair is
right if it is two variants of one thing: releases, builds, sizes, or parts of one product.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from measured_sets import DEBIAN
from report import announce, arguments, report

from semrec import Item
from semrec.config import IndexSettings, Settings
from semrec.recommender import Recommender

K = 10
N_PAIRS = 100
N_ASKED = 1500
QUICK_ASKED = 30
N_WRAPPED = 300
QUICK_WRAPPED = 60

MARKUP = (
    '<div class="product-description rte" data-mce-fragment="1"><style>.rte p { margin: 0 0 1em; }</style>'
    '<p><span style="font-size: 14px;">%s</span></p><script>window.shop = {"currency": "EUR"};</script>'
    "<p>&nbsp;</p></div>"
)
"""Around a description, as shops export it."""


def collapsed_pairs(recommender: Recommender, item_ids: list[str]) -> set[tuple[str, str]]:
    """Return the ids of items that were shown, each with one that was left out for it."""
    pairs: set[tuple[str, str]] = set()
    for item_id in item_ids:
        for shown in recommender.similar(item_id, k=K, near_duplicates="collapse"):
            pairs.update((min(shown.item_id, one), max(shown.item_id, one)) for one in shown.variants)
    return pairs


def markup_shares(items: Sequence[Item], *, keep_html: bool) -> tuple[float, float]:
    """Return the share of items in markup among the ten nearest of such items, and of plain items.

    Parameters
    ----------
    items : every second one is put into markup.
    keep_html : whether indexing leaves it as it is.
    """
    mixed = [
        replace(item, text=MARKUP % item.text) if place % 2 else item for place, item in enumerate(items)
    ]
    wrapped = {item.item_id for item in mixed[1::2]}
    settings = Settings(index=IndexSettings(keep_html=keep_html))
    shares: dict[bool, list[float]] = {True: [], False: []}
    with TemporaryDirectory() as folder, Recommender.open(f"{folder}/shop", settings=settings) as recommender:
        recommender.index(mixed)
        for item in mixed:
            nearest = recommender.similar(item.item_id, k=K, near_duplicates="keep")
            share = np.mean([one.item_id in wrapped for one in nearest])
            shares[item.item_id in wrapped].append(float(share))
    return float(np.mean(shares[True])), float(np.mean(shares[False]))


def report_markup(n_items: int) -> None:
    """Measure what the markup of a shop does to the nearest items."""
    ids = np.random.default_rng(1).permutation(DEBIAN.item_ids())[:n_items].tolist()
    catalog = pl.read_parquet(DEBIAN.folder / "items.parquet", columns=["item_id", "title", "text"])
    rows = {row["item_id"]: row for row in catalog.iter_rows(named=True)}
    items = [Item(**rows[item_id]) for item_id in ids]
    for how, keep_html in (("as text", False), ("kept as it is", True)):
        of_wrapped, of_plain = markup_shares(items, keep_html=keep_html)
        name = f"debian_deps, half of {n_items} items in markup, {how}"
        report("variants", f"{name}: such items among ten nearest of such items", 100 * of_wrapped, "%")
        report("variants", f"{name}: such items among ten nearest of plain items", 100 * of_plain, "%")


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
    report_markup(QUICK_WRAPPED if quick else N_WRAPPED)


if __name__ == "__main__":
    main()
