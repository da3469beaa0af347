"""How items that are put after a fit are ranked, through the product: index, fit, `put_items`, recommend.

A fifth of the used items is kept back with all its events; the rest is indexed and fitted. Then the kept
items are put, and all items are candidates. What is to be found are the test events: those of new items, and
those of known ones, whose lists before the put are the bar. Several draws of kept items. With --sagas also
the last films of sagas, for histories of the earlier films.

The encoder looks up the stored text vectors of the catalog, so nothing is encoded. To compare with another
commit, run it with --save while PYTHONPATH names a work tree of that commit, then with --against.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
from measured_sets import DEBIAN, MOVIES, SEED, DataSet, present
from numpy.typing import NDArray
from report import announce, report

from semrec import Item
from semrec.config import Settings
from semrec.evaluation.bootstrap import bootstrap_interval
from semrec.evaluation.splits import Split
from semrec.mathematics.ndcg import discounts, ideal_gains
from semrec.recommender import Recommender
from semrec.types import Float2D, Precision, item_keys

K = 10
MOST_ASKED = 1_000
KEPT_BACK = 0.2
MOST_LOST = 0.005
"""Share of the NDCG@10 of known items that new ones may take, by the design of their scale."""

SAGAS = (
    "Star Wars: Episode",
    "Lord of the Rings: The",
    "Harry Potter and",
    "Pirates of the Caribbean",
    "Toy Story",
    "Matrix Re|Matrix, The",
    "Back to the Future",
    "Indiana Jones and",
    "^Die Hard",
    "X-Men",
    "^Batman",
    "^Bourne",
    "^Star Trek",
    "^Shrek",
    "^Ice Age",
    "^Hunger Games|^The Hunger Games",
    "^Mission: Impossible",
    "^Spider-Man",
    "^Terminator",
    "^Alien",
)
"""Title patterns; the last film of each is put after the fit."""

MOST_SHOWN = 100

Values = NDArray[np.float64]
Lists = Mapping[str, Sequence[str]]


class StoredVectors:
    """An encoder of texts that are item ids: it returns the vectors that an index holds."""

    precision: Precision = "float32"

    def __init__(self, ids: Sequence[str], vectors: Float2D) -> None:
        self.name = self.fingerprint = "stored vectors"
        self._rows = dict(zip(ids, vectors, strict=True))
        self.dimension = vectors.shape[1]
        self.passage_tokens = 256
        self.query_prompt = self.document_prompt = ""
        self.device = "none"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return 1 for every text: an id is one passage."""
        return [1] * len(texts)

    def encode_queries(self, texts: Sequence[str]) -> Float2D:
        """Return float32 (n, dimension), rows of unit length."""
        return self.encode_documents(texts)

    def encode_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> Float2D:
        """Return float32 (n, dimension), rows of unit length."""
        if progress:
            progress(len(texts))
        return np.array([self._rows[text] for text in texts], np.float32)


def stored_vectors(data_set: DataSet) -> StoredVectors:
    """Return the encoder of a data set."""
    ids = data_set.item_ids()
    with data_set.indexed() as recommender, recommender.reading() as generation:
        return StoredVectors(ids, generation.index.vectors("text", item_keys(ids)))


def ndcg(shown: Sequence[str], wanted: set[str]) -> float:
    """Return NDCG@10 of one list; NaN if nothing is wanted."""
    if not wanted:
        return np.nan
    gains = discounts(K)[: len(shown)] * [item in wanted for item in shown]
    return float(gains.sum() / ideal_gains(K)[min(len(wanted), K)])


def items_of(events: pl.DataFrame) -> dict[str, set[str]]:
    """Return the items of every user."""
    by_user = events.group_by("user_id").agg("item_id")
    return {user: set(items) for user, items in by_user.iter_rows()}


def answers(recommender: Recommender, users: Sequence[str]) -> Lists:
    """Return the list of every user."""
    return {user: [item.item_id for item in recommender.recommend(user=user, k=K)] for user in users}


@contextmanager
def fitted_without(new: Collection[str], split: Split, encoder: StoredVectors) -> Iterator[Recommender]:
    """Open a shop that has indexed all items but the new ones, and was fitted on their training events."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Recommender(Path(folder), Settings(), encoder=encoder) as recommender,
    ):
        recommender.index([as_item(item_id) for item_id in split.items if item_id not in new])
        recommender.add_events(without(split.train_events, new).select("user_id", "item_id", "time"))
        fitted = recommender.fit()
        sys.stderr.write(f"{len(new)} items kept back: {fitted.learning['chosen']}\n")
        yield recommender


def as_item(item_id: str) -> Item:
    """Return an item whose text is its id, for `StoredVectors`."""
    return Item(item_id, "", item_id)


def without(events: pl.DataFrame, items: Collection[str]) -> pl.DataFrame:
    """Return the events on other items."""
    return events.filter(~pl.col("item_id").is_in(list(items)))


def measured_draw(split: Split, encoder: StoredVectors, draw: int, n_users: int) -> dict[str, Values]:
    """Return NDCG@10 of every asked user: of known items before and after the put, of new ones, of all."""
    train, test = split.train_events, split.test_events
    used = np.array(train["item_id"].unique().sort().to_list(), object)
    rng = np.random.default_rng((SEED, draw))
    new = set(rng.permutation(used)[: int(KEPT_BACK * len(used))])
    kept = without(train, new)
    able = sorted(set(kept["user_id"]) & set(test["user_id"]))
    users = sorted(rng.permutation(np.array(able, object))[:n_users])
    with fitted_without(new, split, encoder) as recommender:
        before = answers(recommender, users)
        recommender.put_items([as_item(item_id) for item_id in sorted(new)])
        after = answers(recommender, users)
    seen, targets = items_of(kept), items_of(test)
    rows = []
    for user in users:
        wanted = targets[user] - seen[user]
        known = wanted - new
        rows.append(
            (
                ndcg(before[user], known),
                ndcg(after[user], known),
                ndcg(after[user], wanted & new),
                ndcg(before[user], wanted),
                ndcg(after[user], wanted),
            )
        )
    names = ("known before", "known", "new", "all before", "all")
    return dict(zip(names, np.array(rows).T, strict=True))


def measure_sagas(split: Split, encoder: StoredVectors) -> None:
    """Report which place the last film of each saga has for a history of the earlier ones."""
    films = pl.read_parquet(MOVIES.folder / "items.parquet", columns=["item_id", "title"])
    year = pl.col("title").str.extract(r"\((\d{4})\)").cast(pl.Int64)
    used = split.train_events["item_id"].unique().implode()
    films = films.filter(pl.col("item_id").is_in(used)).sort(year, "item_id")
    sagas = [films.filter(pl.col("title").str.contains(name))["item_id"].to_list() for name in SAGAS]
    with fitted_without({saga[-1] for saga in sagas}, split, encoder) as recommender:
        recommender.put_items([as_item(saga[-1]) for saga in sagas])
        places = []
        for *earlier, last in sagas:
            shown = [item.item_id for item in recommender.recommend(history=earlier, k=MOST_SHOWN)]
            places.append(shown.index(last) + 1 if last in shown else MOST_SHOWN + 1)
    sys.stderr.write(f"places: {dict(zip(SAGAS, places, strict=True))}\n")
    report(
        "new_items",
        "last film of a saga, share in the first 3",
        float(np.mean(np.array(places) <= 3)),
        "share",
        least=0.9,
    )
    report("new_items", "last film of a saga, median place", float(np.median(places)), "place")


def tell(case: str, values: Values, **bar: float | None) -> float:
    """Report a mean over users, and its interval on standard error."""
    mean, (low, high) = float(np.nanmean(values)), bootstrap_interval(values, SEED)
    report("new_items", case, mean, "ndcg", **bar)
    sys.stderr.write(f"{case}: {mean:.5f}, 95 % interval {low:.5f} to {high:.5f}\n")
    return mean


def measure(data_set: DataSet, options: argparse.Namespace) -> dict[str, Values]:
    """Measure one data set, all draws together."""
    name, encoder, split = data_set.name, stored_vectors(data_set), data_set.warm_split()
    started = time.monotonic()
    draws = [measured_draw(split, encoder, draw, options.users) for draw in options.draws]
    values = {key: np.concatenate([draw[key] for draw in draws]) for key in draws[0]}
    before = tell(f"{name}, known items before the put, NDCG@10", values["known before"])
    tell(f"{name}, known items after the put, NDCG@10", values["known"], least=(1 - MOST_LOST) * before)
    tell(f"{name}, known items, change by the put", values["known"] - values["known before"])
    tell(f"{name}, new items, NDCG@10", values["new"])
    tell(f"{name}, all items, change by the put", values["all"] - values["all before"])
    sys.stderr.write(f"{name}: {time.monotonic() - started:.0f} s\n")
    return values


def compare(name: str, values: Mapping[str, Values], saved: Mapping[str, Values]) -> None:
    """Report how new and known items are found, against another commit."""
    old = float(np.nanmean(saved[f"{name} new"]))
    tell(f"{name}, new items, against the other commit", values["new"], least=3 * old)
    tell(f"{name}, new items, minus the other commit", values["new"] - saved[f"{name} new"])
    tell(
        f"{name}, known items after the put, minus the other commit", values["known"] - saved[f"{name} known"]
    )


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one draw of the small set, 100 users")
    parser.add_argument("--sets", nargs="*", help="names of the data sets; all")
    parser.add_argument("--draws", nargs="*", type=int, default=[0, 1, 2], help="seeds of the kept items")
    parser.add_argument("--sagas", action="store_true", help="the last films of sagas, too")
    parser.add_argument("--users", type=int, default=MOST_ASKED, help="most users that are asked, a draw")
    parser.add_argument("--save", type=Path, help="write the values of all users to this JSON file")
    parser.add_argument("--against", type=Path, help="what --save wrote on another commit")
    options = parser.parse_args()
    if options.quick:
        options.draws, options.users, options.sets = [0], 100, [MOVIES.name]
    return options


def read_values(path: Path) -> dict[str, Values]:
    """Return what `--save` wrote."""
    return {key: np.array(column) for key, column in json.loads(path.read_text()).items()}


def main() -> None:
    """Measure."""
    options = arguments()
    announce()
    everything: dict[str, Values] = {}
    saved = read_values(options.against) if options.against else None
    sets = [one for one in (MOVIES, DEBIAN) if not options.sets or one.name in options.sets]
    if options.sagas and MOVIES in sets:
        measure_sagas(MOVIES.warm_split(), stored_vectors(MOVIES))
    for data_set in present(*(sets if options.draws else ())):
        values = measure(data_set, options)
        everything |= {f"{data_set.name} {key}": column for key, column in values.items()}
        if saved is not None:
            compare(data_set.name, values, saved)
        if options.save:
            options.save.write_text(json.dumps({key: column.tolist() for key, column in everything.items()}))


if __name__ == "__main__":
    main()
