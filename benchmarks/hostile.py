"""How much hostile events change what is recommended: 1 % of the log, on ml_latest_small.

The training part goes into an event log, `fit` learns, and the lists of all users with a test part are
measured. Then the same with hostile events besides, in equal parts: impossible values and times, times in
milliseconds, kinds without a weight, NaN, and ids of a megabyte, by users of the log; and the largest values
that the log accepts, by new users. Each is given to the log. What the log refuses is then put into its table,
as an older version would have done. --quick: one training seed.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from measured_sets import CACHE, MOVIES, present
from numpy.typing import NDArray
from report import announce, arguments, report

from semrec.evaluation.splits import Split
from semrec.events.append_report import AppendReport
from semrec.events.counting import MOST_VALUE
from semrec.events.event_keys import with_keys
from semrec.events.frame import SCHEMA
from semrec.events.log import insert_events
from semrec.mathematics.ndcg import ndcg
from semrec.recommender import Recommender
from semrec.types import Event

K = 10
SHARE = 0.01
SEEDS = (0, 1, 2)
MEGABYTE = "x" * 2**20

HOSTILE = (
    Event("", "buy", 1e20),
    Event("", "buy", -1e308),
    Event("", "buy", float("nan")),
    Event("", "view", None, 1e300),
    Event("", "view", None, -1e18),
    Event("", "view", None, 1.6e12),
    Event("", "purchase", None, 1.6e9),
    Event(MEGABYTE, "view", None, 1.6e9),
    Event("", "buy", MOST_VALUE),
    Event("", "dislike", MOST_VALUE),
)
"""One event of each sort; "" stands for any item of the catalog."""


def hostile_events(n_events: int, split: Split) -> Iterator[pl.DataFrame]:
    """Yield hostile events, each as a frame."""
    choose = np.random.default_rng(0)
    for place in range(n_events):
        event = HOSTILE[place % len(HOSTILE)]
        is_possible = event.value in (MOST_VALUE, -MOST_VALUE)
        user = f"new-{place % 7}" if is_possible else split.users[choose.integers(len(split.users))]
        item = (event.item_id and f"{event.item_id}{place}") or split.items[choose.integers(len(split.items))]
        row = (user, item, event.kind, event.value, event.time)
        yield pl.DataFrame([row], schema=SCHEMA, orient="row")


def store(folder: Path, split: Split, n_hostile: int) -> AppendReport:
    """Write the training part and hostile events into the log of a workspace; return what the log said."""
    train = split.train_events.select("user_id", "item_id", pl.lit("view").alias("kind"), "time")
    with Recommender.open(folder) as recommender:
        log = recommender.event_log()
        log.append(train)
        said = AppendReport()
        for frame in hostile_events(n_hostile, split):
            one = log.append(frame)
            said += one
            if one.rejected and not frame["value"].is_nan().any():  # no version stored NaN
                with log.transaction(write=True) as connection:
                    insert_events(connection, with_keys(frame))
    return said


def quality(folder: Path, split: Split, seed: int) -> NDArray[np.float64]:
    """Fit, and return NDCG@10 of every user with a test part, float64 (n_users,)."""
    with Recommender.open(folder) as recommender:
        started = time.monotonic()
        fitted = recommender.fit(seed=seed)
        sys.stderr.write(f"fit: {time.monotonic() - started:.0f} s, left out: {fitted.cleaning['dropped']}\n")
        recommender.recommend_all(folder / "lists.parquet", k=K)
    lists = pl.read_parquet(folder / "lists.parquet", columns=["user_id", "rank", "item_id"])
    users = pl.DataFrame({"user_id": [split.users[row] for row in split.test_users]}).with_row_index("row")
    found = split.test_events.join(users, on="user_id").join(lists, on=["user_id", "item_id"])
    hits = np.zeros((len(users), K), bool)
    hits[found["row"], found["rank"] - 1] = True
    return ndcg(hits, np.diff(split.test.indptr)[split.test_users])


def measure(split: Split, seeds: Sequence[int]) -> None:
    """Measure the log as it is, and with hostile events."""
    n_hostile = round(SHARE * len(split.train_events))
    values = {}
    for name, n_events in (("clean", 0), ("hostile", n_hostile)):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(shutil.copytree(CACHE / MOVIES.name, Path(temporary) / "shop"))
            said = store(folder, split, n_events)
            sys.stderr.write(f"{name}: refused {said.rejected}, left out {said.left_out}\n")
            values[name] = np.mean([quality(folder, split, seed) for seed in seeds], axis=0)
        report("hostile", f"NDCG@{K}, {name} log", float(values[name].mean()), "ndcg")
    ratio = values["hostile"].mean() / values["clean"].mean()
    case = f"NDCG@{K} with {n_hostile} hostile events over clean"
    report("hostile", case, float(ratio), "x", least=0.99)


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    for data_set in present(MOVIES):
        data_set.indexed().close()
        split = data_set.warm_split()
        measure(split, SEEDS[:1] if quick else SEEDS)


if __name__ == "__main__":
    main()
