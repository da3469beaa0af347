"""Recommendations for every user of the event log, into one Parquet file.

Users go in blocks, as many at a time as there are cores, and every finished block is a file in a folder
beside the output. So a run that dies goes on with what is not finished, unless something that decides the
result has changed meanwhile; and the output itself appears in one step when everything is done.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from semrec.errors import ConfigError
from semrec.events.frame import ITEM, USER
from semrec.events.log import EventLog
from semrec.events.preferences import Preferences
from semrec.ranking.answer import fallback_signals
from semrec.ranking.catalog_lists import best_lists
from semrec.ranking.catalog_scores import Best, BlockSizes, CatalogScorer, map_catalog
from semrec.ranking.diversity import ListRules
from semrec.ranking.explanation import shares
from semrec.ranking.generation import Generation
from semrec.ranking.history import history_of, no_history
from semrec.store.protocol import Items
from semrec.types import Condition, Keys, Plain, to_plain


@dataclass(frozen=True, slots=True)
class Batch:
    """What every user gets.

    Parameters
    ----------
    k : recommendations for each user.
    where : conditions that the items must satisfy.
    popular : users of whom nothing is known get what `recommend` gives them: what is popular or new, or
        central items; else they are left out.
    rules : what each list must keep to; no diversity.
    sizes : how much is done at a time.
    """

    k: int
    where: tuple[Condition, ...] = ()
    popular: bool = True
    rules: ListRules = field(default_factory=ListRules)
    sizes: BlockSizes = field(default_factory=BlockSizes)


@dataclass(frozen=True, slots=True)
class BatchReport(Plain):
    """What a batch did.

    Parameters
    ----------
    output : the file.
    generation : the one that answered.
    n_users : users of the event log.
    n_rows : recommendations in the file.
    n_popular : users without events that say anything, who got what is popular, new or central.
    n_skipped : such users who got nothing.
    n_resumed : users that an earlier run had done already.
    seconds : of this run.
    notes : what a reader should know.
    """

    output: Path
    generation: int
    n_users: int
    n_rows: int
    n_popular: int
    n_skipped: int
    n_resumed: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def users_a_second(self) -> float:
        """Users that this run did itself, over its seconds."""
        return (self.n_users - self.n_resumed) / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, the users a second included."""
        return {**to_plain(self), "users_a_second": round(self.users_a_second, 1)}


def recommend_all(
    generation: Generation,
    log: EventLog,
    output: Path,
    batch: Batch,
    progress: Callable[[int, int], None] | None = None,
) -> BatchReport:
    """Recommend to every user of a log; see `Recommender.recommend_all`.

    Parameters
    ----------
    generation : what answers; it is read by this thread only.
    log : the events.
    output : the file to write.
    batch : what every user gets.
    progress : called with the number of users that are done, and of all.
    """
    started = time.monotonic()
    if not generation.index.count():
        raise ConfigError("the index holds no items to recommend; run: semrec index CATALOG")
    if not any(generation.weights({}, 1).is_active(signal.name) for signal in generation.signals):
        raise ConfigError("all signals have weight 0; change signal_weights (SEMREC_SIGNAL_WEIGHTS)")
    folder = output.with_name(output.name + ".parts")
    with _writable(output, folder):
        parts = _Parts(folder)
        notes = parts.begin(_decides(generation, batch))
        users = parts.users(log)
        to_unknown = fallback_signals(generation, {}) if batch.popular else ""
        catalog = map_catalog(generation, batch.where, folder, batch.sizes, group=batch.rules.group)
        scorer = CatalogScorer(generation, catalog, batch.sizes)
        if to_unknown:
            scorer.best([no_history(generation)], 1)  # fails at once if a fallback signal cannot answer
        rows_of = _Work(generation, log, scorer, batch, bool(to_unknown))
        step = scorer.block
        blocks = range(0, len(users), step)
        todo = [first for first in blocks if not parts.is_done(first)]
        n_resumed = sum(min(step, len(users) - first) for first in set(blocks) - set(todo))
        done = n_resumed

        def work(first: int) -> int:
            ids = users.slice(first, step).to_list()
            parts.write(first, *rows_of(ids))
            return len(ids)

        for n_done in _side_by_side(work, todo):
            done += n_done
            if progress:
                progress(done, len(users))
        counts = parts.counts(blocks)
        n_rows = parts.join(blocks, output, scorer.signals)
        shutil.rmtree(folder)
    return BatchReport(
        output=output,
        generation=generation.number,
        n_users=len(users),
        n_rows=n_rows,
        **counts,
        n_resumed=n_resumed,
        seconds=time.monotonic() - started,
        notes=(*notes, *_remarks(len(users), counts, to_unknown)),
    )


def _remarks(n_users: int, counts: dict[str, int], to_unknown: str) -> list[str]:
    remarks = []
    if not n_users:
        remarks.append("the event log has no users; the file has no rows.")
    if counts["n_popular"]:
        remarks.append(f"{counts['n_popular']:,} users without events that count got what is {to_unknown}.")
    if counts["n_skipped"]:
        remarks.append(f"{counts['n_skipped']:,} users without events that count got nothing.")
    return remarks


@dataclass(frozen=True)
class _Work:
    """What is done for one block of users, by any thread."""

    generation: Generation
    log: EventLog
    scorer: CatalogScorer
    batch: Batch
    serves_unknown: bool

    def __call__(self, user_ids: Sequence[str]) -> tuple[pl.DataFrame, dict[str, int]]:
        """Return the rows of some users, and how many of them got fallback items or nothing."""
        stored = self.log.histories(user_ids, limit=self.generation.settings.events.max_user_events)
        preferences = Preferences(self.log).of_many(user_ids)
        histories = [
            history_of(stored[user_id], preferences.get(user_id, {}), self.generation, self._read)
            for user_id in user_ids
        ]
        unknown = np.array([history.is_empty for history in histories], bool)
        chosen = np.flatnonzero(~unknown | self.serves_unknown).tolist()
        best = best_lists(self.scorer, [histories[row] for row in chosen], self.batch.k, self.batch.rules)
        item_ids = self.scorer.catalog.item_ids
        rows = _frame([user_ids[row] for row in chosen], best, item_ids, self.scorer.signals)
        n_unknown = int(unknown.sum())
        return rows, {
            "n_popular": n_unknown if self.serves_unknown else 0,
            "n_skipped": 0 if self.serves_unknown else n_unknown,
        }

    def _read(self, keys: Keys) -> Items:
        return cast(Items, self.scorer.catalog.fetch(keys))  # a history reads vectors only


def _frame(user_ids: Sequence[str], best: Best, item_ids: pl.Series, signals: Sequence[str]) -> pl.DataFrame:
    """Return a row for each recommendation, users in order and best first."""
    user, place = np.nonzero(best.items >= 0)
    by_signal = shares(best.parts[user, place])
    return pl.DataFrame(
        {
            USER: pl.Series(user_ids, dtype=pl.String).gather(user),
            "rank": pl.Series(place + 1, dtype=pl.Int32),
            ITEM: item_ids.gather(best.items[user, place]),
            "score": pl.Series(best.scores[user, place], dtype=pl.Float32),
            **{
                f"share_{name}": pl.Series(by_signal[:, column], dtype=pl.Float32)
                for column, name in enumerate(signals)
            },
        }
    )


def _side_by_side(work: Callable[[int], int], todo: Sequence[int]) -> Iterator[int]:
    """Do all the work on all cores, and yield what each piece returns, in the order in which they end."""
    n_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(n_threads, thread_name_prefix="semrec-batch") as pool:
        running: set[Future[int]] = {pool.submit(work, first) for first in todo}
        try:
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for one in ended:
                    yield one.result()
        finally:
            pool.shutdown(cancel_futures=True)


# Files -----------------------------------------------------------------------------------------------


class _Parts:
    """The folder with what is done: for every block of users a Parquet file, and one with its counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, decides: dict[str, Any]) -> list[str]:
        """Keep what an earlier run did when all that decides the result is as it was then; return notes."""
        about = self._folder / "about.json"
        try:
            before = json.loads(about.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = None
        if before == decides:
            return []
        for path in self._folder.iterdir():
            if path.name != "lock":
                path.unlink()
        _write(about, json.dumps(decides))
        if not isinstance(before, dict):
            return []
        changed = ", ".join(sorted(name for name in decides if before.get(name) != decides[name]))
        return [f"an unfinished run was started again, because this has changed since: {changed}."]

    def users(self, log: EventLog) -> pl.Series:
        """Return all users, in the order of the first run."""
        path = self._folder / "users.parquet"
        if not path.exists():
            ids, pages = log.users(), [pl.Series(USER, [], dtype=pl.String)]
            while page := list(islice(ids, 100_000)):
                pages.append(pl.Series(USER, page, dtype=pl.String))
            pl.concat(pages).to_frame().write_parquet(_new(path))
            _new(path).replace(path)
        return pl.read_parquet(path)[USER]

    def is_done(self, first: int) -> bool:
        """Tell whether the block that begins with this user is done."""
        return self._counts(first).exists()

    def write(self, first: int, rows: pl.DataFrame, counts: dict[str, int]) -> None:
        """Write a block; it is done when its counts are there."""
        rows.write_parquet(self._rows(first))
        _write(self._counts(first), json.dumps(counts))

    def counts(self, blocks: Sequence[int]) -> dict[str, int]:
        """Return the counts of all blocks together."""
        total = {"n_popular": 0, "n_skipped": 0}
        for first in blocks:
            for name, count in json.loads(self._counts(first).read_text(encoding="utf-8")).items():
                total[name] += count
        return total

    def join(self, blocks: Sequence[int], output: Path, signals: Sequence[str]) -> int:
        """Make one file of all blocks in one step; return the number of its rows."""
        none = _frame([], Best.none(0, len(signals)), pl.Series(ITEM, [], dtype=pl.String), signals)
        whole = pl.concat([none.lazy(), *(pl.scan_parquet(self._rows(first)) for first in blocks)])
        joined = self._folder / "joined.parquet"
        whole.sink_parquet(joined)
        n_rows = pl.scan_parquet(joined).select(pl.len()).collect().item()
        joined.replace(output)
        return int(n_rows)

    def _rows(self, first: int) -> Path:
        return self._folder / f"{first:012}.parquet"

    def _counts(self, first: int) -> Path:
        return self._folder / f"{first:012}.json"


def _decides(generation: Generation, batch: Batch) -> dict[str, Any]:
    """Return all that decides the result but the events, as plain values."""
    chosen = generation.settings.model_dump(mode="json", include={"events", "ranking"})
    asked = {
        "k": batch.k,
        "where": [repr(one) for one in batch.where],
        "popular": batch.popular,
        "rules": to_plain(batch.rules),
    }
    index = {
        "block": batch.sizes.block(generation.settings.ranking.sample_items),
        "generation": generation.number,
        "built_at": generation.manifest.built_at,
        "n_items": generation.index.count(),
    }
    return json.loads(json.dumps({**index, **asked, **chosen}))


@contextmanager
def _writable(output: Path, folder: Path) -> Iterator[None]:
    """Make the folder of the parts and hold its lock.

    Raises
    ------
    ConfigError
        The output cannot be written, or another process is writing it.
    """
    if output.is_dir():
        raise ConfigError(
            f"cannot write {output}: it is a folder. Give the name of a file: {output}/recs.parquet"
        )
    try:
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise ConfigError(
            f"another process is writing {output}; wait for it, or name another file."
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {error.strerror or error}.") from error


def _write(path: Path, text: str) -> None:
    _new(path).write_text(text, encoding="utf-8")
    _new(path).replace(path)


def _new(path: Path) -> Path:
    return path.with_name(path.name + ".new")
