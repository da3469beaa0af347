"""How far fake users push an obscure item, and what that costs the real ones.

Each fake user gives five stars to the 20 most popular items and to X, one of the items with the fewest
events. Fakes are new: all their events come after those of the real users. A shop indexes the catalog, adds
the log with its fakes, fits, and recommends ten items to every user. The share is of real users who are shown
X; the mean of ten X is taken. Accuracy is measured on events of the real users that the shop does not see.
Only ml_latest_small has users and ratings for this; it may not be shipped.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from measured_sets import CACHE, MOVIES, SEED, present
from report import announce, arguments, report

from semrec import Recommender

K = 10
POPULAR = 20
N_TARGETS = 10
QUICK_TARGETS = 1
FAKES = {10: 0.02, 50: 0.05}
"""Fake users, and the largest share of real users that may be shown X."""

LEAST_NDCG = 0.99
"""Of the accuracy without fakes."""


@dataclass(frozen=True)
class Log:
    """What real users did.

    Parameters
    ----------
    known : user, item, value and time of the events that the shop sees.
    hidden : user, item of what is to be found.
    """

    known: pl.DataFrame
    hidden: pl.DataFrame

    def by_events(self) -> pl.DataFrame:
        """Return the items with their number of liked events, the most popular first."""
        liked = self.known.filter(pl.col("value") >= 4)
        return liked.group_by("item").len().sort("len", "item", descending=[True, False])

    def obscure_items(self, n_items: int) -> list[str]:
        """Return some of the items with the fewest events."""
        least = self.by_events().filter(pl.col("len") == pl.col("len").min())["item"].sort()
        return least.sample(n_items, seed=SEED, shuffle=True).to_list()

    def fakes(self, target: str, n_fakes: int) -> pl.DataFrame:
        """Return the events of so many fake users, one a second."""
        items = [*self.by_events()["item"][:POPULAR], target]
        users = [f"fake {n}" for n in range(n_fakes)]
        pairs = pl.DataFrame({"user": users}).join(pl.DataFrame({"item": items}), how="cross")
        after = self.known.select(pl.col("time").max()).item() + 1 + np.arange(len(pairs))
        return pairs.with_columns(value=pl.lit(5.0), time=pl.Series(after))


def real_log() -> Log:
    """Return the ratings of ml_latest_small without the latest fifth of the likes of each user."""
    ratings = pl.read_parquet(MOVIES.folder / "interactions.parquet").select(
        user="user_id", item="item_id", value="rating", time=pl.col("timestamp").cast(pl.Float64)
    )
    hidden = MOVIES.warm_split().test_events.select(user="user_id", item="item_id")
    return Log(ratings.join(hidden, on=["user", "item"], how="anti"), hidden)


def recommended(events: pl.DataFrame) -> pl.DataFrame:
    """Return the ten items that a shop with these events recommends to each user: user, item, rank from 0."""
    MOVIES.indexed().close()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "shop"
        shutil.copytree(CACHE / MOVIES.name, workspace)
        with Recommender.open(workspace) as recommender:
            recommender.add_events(events.with_columns(kind=pl.lit("rate")))
            recommender.fit()
            recommender.recommend_all(Path(folder) / "lists.parquet", k=K)
        lists = pl.read_parquet(Path(folder) / "lists.parquet")
    return lists.select(user="user_id", item="item_id", rank=pl.col("rank") - 1)


def ndcg(lists: pl.DataFrame, log: Log) -> float:
    """Return the mean NDCG@10 of the users with hidden events."""
    hits = lists.join(log.hidden, on=["user", "item"])
    gains = hits.group_by("user").agg(gain=(1 / (pl.col("rank") + 2).log(2)).sum())
    ideal = np.cumsum(1 / np.log2(np.arange(2, K + 2)))
    users = (
        log.hidden.group_by("user")
        .len()
        .join(gains, on="user", how="left")
        .with_columns(pl.col("gain").fill_null(0.0))
    )
    return float(np.mean(users["gain"].to_numpy() / ideal[np.minimum(users["len"].to_numpy(), K) - 1]))


def share_shown(lists: pl.DataFrame, target: str) -> float:
    """Return the share of the real users whose list holds the target; 1 is all."""
    real = lists.filter(~pl.col("user").str.starts_with("fake "))
    return real.filter(pl.col("item") == target)["user"].n_unique() / real["user"].n_unique()


def measure(log: Log, n_targets: int) -> None:
    """Measure with and without fakes."""
    targets = log.obscure_items(n_targets)
    clean = recommended(log.known)
    base = ndcg(clean, log)
    report("poison", "no fakes, NDCG@10", base, "ndcg")
    shown = float(np.mean([share_shown(clean, target) for target in targets]))
    report("poison", "no fakes, users that are shown X", shown, "share")
    for n_fakes, most in FAKES.items():
        shares, found = [], []
        for target in targets:
            started = time.monotonic()
            lists = recommended(pl.concat([log.known, log.fakes(target, n_fakes)]))
            shares.append(share_shown(lists, target))
            found.append(ndcg(lists, log))
            took = time.monotonic() - started
            sys.stderr.write(
                f"{n_fakes} fakes, item {target}: {shares[-1]:.4f}, NDCG@10 {found[-1]:.4f}, {took:.0f} s\n"
            )
        shown, ratio = float(np.mean(shares)), float(np.mean(found)) / base
        report("poison", f"{n_fakes} fakes, users that are shown X", shown, "share", most=most)
        report("poison", f"{n_fakes} fakes, NDCG@10 over no fakes", ratio, "x", least=LEAST_NDCG)


def main() -> None:
    """Measure."""
    options = arguments(__doc__)
    announce()
    for _ in present(MOVIES):
        measure(real_log(), QUICK_TARGETS if options.quick else N_TARGETS)


if __name__ == "__main__":
    main()
