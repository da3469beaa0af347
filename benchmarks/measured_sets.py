"""The data sets that quality is measured on: which column is what, and how each is split.

Only debian_deps comes with semrec. The others may be measured with but not shipped; where they are not on
the machine, they are left out and that is said.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from report import ROOT, SHARED_DATA

from semrec.cli import demo_data as demo
from semrec.evaluation import SPLITS, Split
from semrec.indexer.read import FieldMapping
from semrec.recommender import Recommender

CACHE = ROOT / ".cache" / "benchmarks"
SEED = 42
MOST_USERS = 10_000


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set.

    Parameters
    ----------
    name : its folder.
    mapping : which column of the catalog is what; nothing else is chosen for the set.
    split : how the test part is held out.
    """

    name: str
    mapping: FieldMapping
    split: str = "random"

    @property
    def folder(self) -> Path:
        """Where its two files are."""
        return demo.FOLDER if self.name == "debian_deps" else SHARED_DATA / self.name

    def events(self) -> pl.DataFrame:
        """Return what counts as liked: user_id, item_id, value, time; of stars those from 4 on."""
        events = pl.read_parquet(self.folder / "interactions.parquet").rename(
            {"rating": "value", "timestamp": "time"}
        )
        events = events.filter(pl.col("value").is_null() | (pl.col("value") >= 4))
        events = events.with_columns(value=pl.lit(1.0)).unique(
            ["user_id", "item_id"], keep="last", maintain_order=True
        )
        users = events["user_id"].unique().sort()
        if len(users) > MOST_USERS and self.name == "goodbooks":
            events = events.filter(pl.col("user_id").is_in(users.sample(MOST_USERS, seed=SEED).implode()))
        return events

    def warm_split(self, seed: int = SEED) -> Split:
        """Return the split that every method is measured on; a split by time has no other seed."""
        return SPLITS[self.split](self.events(), share=0.2, seed=seed, items=self.item_ids())

    def item_ids(self) -> list[str]:
        """Return the ids of the catalog."""
        return pl.read_parquet(self.folder / "items.parquet", columns=["item_id"])["item_id"].to_list()

    def indexed(self) -> Recommender:
        """Return a recommender on its catalog, which is indexed once and kept for the next run."""
        folder = CACHE / self.name
        recommender = Recommender.open(folder)
        if not (folder / "current").exists():
            sys.stderr.write(f"indexing {self.name} …\n")
            recommender.index(self.folder / "items.parquet", mapping=self.mapping)
        return recommender


DEBIAN = DataSet("debian_deps", demo.MAPPING)
MOVIES = DataSet(
    "ml_latest_small",
    FieldMapping(
        "item_id",
        "title",
        "text",
        metadata=("categories", "keywords"),
        template="{title}. {categories}. {keywords}\n{text}",
    ),
    "time",
)
PAPERS = DataSet(
    "citeulike_a", FieldMapping("item_id", "title", "text", metadata=("tags",), template="{title}. {tags}")
)
BOOKS = DataSet(
    "goodbooks",
    FieldMapping(
        "item_id",
        "title",
        "text",
        metadata=("authors", "categories"),
        template="{title} by {authors}. {categories}\n{text}",
    ),
)


def present(*data_sets: DataSet) -> Iterator[DataSet]:
    """Yield the data sets that are on this machine; say which are not."""
    for data_set in data_sets:
        if data_set.folder.is_dir():
            yield data_set
        else:
            sys.stderr.write(f"{data_set.name} is not on this machine: left out\n")
