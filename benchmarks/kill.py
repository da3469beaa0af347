"""Processes are killed at random moments; then the same is run again, and all must be as if nothing had been.

For every operation an undisturbed run tells how long it takes and what the shop is after it. Then, each time
on a fresh copy of the shop, a process that runs it gets `kill -9` after a random share of that time. The shop
is looked at (every item is as before or as after, none is there twice, what was acknowledged is there), the
same is run again by another process, and the shop must be what the undisturbed run left: items, counts and
answers.

The engine, the event log and the processes are real; vectors come from a stand-in for the encoder.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

from report import announce, arguments, report
from word_encoder import WordEncoder

from semrec.config import Settings
from semrec.errors import WorkspaceError
from semrec.events.frame import frame_of
from semrec.indexer.read import FieldMapping
from semrec.recommender import Recommender
from semrec.store import Record
from semrec.store.copying import copy_folder
from semrec.store.edge import EdgeStore
from semrec.types import Event, Item, Value

KILLS, QUICK_KILLS = 200, 14
N_ITEMS = 700
N_PUT = 60
ENCODER = WordEncoder(24, passage_tokens=12)
SEED = 4
WORDS = [f"word{number}" for number in range(60)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a shop holds and answers.

    Parameters
    ----------
    items : id -> what is stored of it; empty when nothing is indexed.
    n_stored : points of the engine.
    n_items, n_passages : as `info` tells them.
    n_read : passages of the items.
    answers : of some questions: item ids and rounded scores.
    """

    items: Mapping[str, Record] = field(default_factory=dict)
    n_stored: int = 0
    n_items: int = 0
    n_passages: int = 0
    n_read: int = 0
    answers: tuple[tuple[tuple[str, float], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """What is killed.

    Parameters
    ----------
    run : does it, and tells what it has done that must not be lost: id -> the item, None when it is gone.
    start : the shop it starts from.
    in_place : items change one by one; else all of them at once.
    between : a shop that it may be like on the way.
    """

    name: str
    run: Callable[[Recommender, Callable[[Mapping[str, Item | None]], None]], None]
    start: str
    in_place: bool = False
    between: str | None = None


def catalog(n_items: int = N_ITEMS, *, first: int = 0, edition: int = 0) -> list[Item]:
    """Return items; those of another edition have other texts."""
    items = []
    for number in range(first, first + n_items):
        chosen = random.Random(f"{number} {edition}").choices(WORDS, k=18)
        metadata: dict[str, Value] = {"shelf": f"shelf {number % 5}", "price": number + edition}
        items.append(Item(f"i{number}", f"Title {number} {edition}", " ".join(chosen), metadata))
    return items


def few_changes() -> list[Item]:
    """Return the catalog with 20 other texts, 20 other prices, 10 items more and 10 less."""
    items = catalog()
    dearer = [replace(item, metadata={**item.metadata, "price": 9}) for item in items[20:40]]
    return [*catalog(20, edition=1), *dearer, *items[40:-10], *catalog(10, first=N_ITEMS)]


def many_changes() -> list[Item]:
    """Return the catalog with another text for every second item, 50 items more and 50 less."""
    items = [*catalog()[::2], *catalog(edition=2)[1::2]]
    return [*items[50:], *catalog(50, first=N_ITEMS)]


def index_file(shop: Recommender, items: Sequence[Item], *, sync: bool = False) -> None:
    """Index items from a file: when nothing has changed since, it is not read again."""
    file = shop.folder.parent / "catalog.jsonl"
    with file.open("w") as rows:
        for item in items:
            row = {"id": item.item_id, "title": item.title, "text": item.text, **item.metadata}
            rows.write(json.dumps(row) + "\n")
    shop.index(file, mapping=FieldMapping("id", "title", "text", ("shelf", "price")), sync=sync)


def put_all(shop: Recommender, acknowledge: Callable[[Mapping[str, Item | None]], None]) -> None:
    """Put items two by two: some are there, some are not."""
    items = [*catalog(N_PUT // 2, edition=3), *catalog(N_PUT // 2, first=N_ITEMS)]
    for start in range(0, N_PUT, 2):
        pair = items[start : start + 2]
        shop.put_items(pair)
        acknowledge({item.item_id: item for item in pair})


def delete_all(shop: Recommender, acknowledge: Callable[[Mapping[str, Item | None]], None]) -> None:
    """Delete items two by two."""
    for start in range(0, N_PUT, 2):
        pair = [f"i{start}", f"i{start + 1}"]
        shop.delete_items(pair)
        acknowledge(dict.fromkeys(pair))


def roll_back(shop: Recommender, acknowledge: Callable[[Mapping[str, Item | None]], None]) -> None:
    """Go back to the generation before, as `semrec rollback` does."""
    shop.rollback(EdgeStore(shop.folder).generations()[0])


def fill_cache(shop: Recommender, acknowledge: Callable[[Mapping[str, Item | None]], None]) -> None:
    """Index other texts into a shop beside this one: only the cache of vectors is shared."""
    with open_shop(shop.folder.parent / "neighbour") as neighbour:
        neighbour.index(catalog(edition=5))


def switch(shop: Recommender, acknowledge: Callable[[Mapping[str, Item | None]], None]) -> None:
    """Go back to the generation before and forward again, often."""
    store = EdgeStore(shop.folder)
    old, new = store.generations()[-2:]
    for _ in range(200):
        store.make_current(old)
        store.make_current(new)


OPERATIONS = (
    Operation("index, first", lambda shop, _: ignore(shop.index(catalog())), "empty"),
    Operation("index, few changes", lambda shop, _: index_file(shop, few_changes()), "indexed", True),
    Operation("index, many changes", lambda shop, _: ignore(shop.index(many_changes())), "indexed"),
    Operation(
        "sync, few changes", lambda shop, _: index_file(shop, few_changes(), sync=True), "indexed", True
    ),
    Operation("sync, many changes", lambda shop, _: ignore(shop.index(many_changes(), sync=True)), "indexed"),
    Operation("rebuild", lambda shop, _: ignore(shop.index(catalog(edition=1), rebuild=True)), "indexed"),
    Operation("fit", lambda shop, _: ignore(shop.fit()), "indexed"),
    Operation("switch", switch, "fitted", between="indexed"),
    Operation("rollback", roll_back, "fitted", between="fitted"),
    Operation("cache", fill_cache, "indexed"),
    Operation("put_items", put_all, "indexed", True),
    Operation("put_items after fit", put_all, "fitted", True),
    Operation("delete_items", delete_all, "indexed", True),
)


def ignore(_: object) -> None:
    """Forget a report."""


def open_shop(folder: Path) -> Recommender:
    """Open a shop, with a cache of its own beside it."""
    settings = Settings(encoder={"model": ENCODER.name}, cache={"folder": folder.parent / "cache"})
    return Recommender(folder, settings, encoder=ENCODER)


def look(folder: Path) -> Seen:
    """Return what a shop holds and answers."""
    with open_shop(folder) as shop:
        try:
            shop.warm_up()
        except WorkspaceError:
            return Seen()
        with shop.reading() as generation:
            records = [point.record for page in generation.index.scan() for point in page]
            n_points = generation.index.count()
        told = shop.info()
        asked = [
            {"text": "word1 word2"},
            {"text": "word7", "where": {"shelf": "shelf 3"}},
            {"history": ["i101", "i202", "i303"]},
            {"history": ["i150", "i151"], "where": {"price": {"gte": 300}}},
        ]
        answers = tuple(
            tuple((found.item_id, round(found.score, 3)) for found in shop.recommend(**question))  # type: ignore[arg-type]
            for question in asked
        )
    items = {record.item_id: record for record in records}
    twice = [item_id for item_id, n in Counter(record.item_id for record in records).items() if n > 1]
    if twice or n_points != len(records):
        raise AssertionError(f"{n_points} points, {len(records)} read, there twice: {twice[:5]}")
    n_read = sum(len(record.passages) for record in records)
    return Seen(items, n_points, told["items"], told["passages"], n_read, answers)


def run_operation(name: str, folder: Path, told: Connection) -> None:
    """Run an operation in a process of its own; tell when it begins, what it acknowledges, and its end."""
    operation = next(one for one in OPERATIONS if one.name == name)
    with open_shop(folder) as shop:
        told.send("began")
        operation.run(shop, told.send)
        told.send("done")


@dataclass(frozen=True, slots=True)
class Run:
    """What a process said before it ended.

    Parameters
    ----------
    seconds : from its beginning to its end.
    acknowledged : what it has done.
    """

    done: bool
    seconds: float
    acknowledged: Mapping[str, Item | None]


def run(operation: Operation, folder: Path, kill_after_s: float | None = None) -> Run:
    """Run an operation in another process, and kill it so many seconds after it began."""
    told, telling = multiprocessing.Pipe(duplex=False)
    process = _processes.Process(target=run_operation, args=(operation.name, folder, telling))
    process.start()
    telling.close()
    try:
        told.recv()
        began = time.monotonic()
        if kill_after_s is not None:
            process.join(kill_after_s)
            process.kill()  # does nothing when it has ended
        said = list(_said(told))
        seconds = time.monotonic() - began
    finally:
        process.join()
        told.close()
    acknowledged = {key: item for one in said if isinstance(one, dict) for key, item in one.items()}
    return Run("done" in said, seconds, acknowledged)


def _said(told: Connection) -> Iterator[object]:
    try:
        while True:
            yield told.recv()
    except (EOFError, OSError):  # also half of a message
        return


_processes = multiprocessing.get_context("forkserver")


def prepare(folder: Path) -> None:
    """Make the shops that operations start from: `empty`, `indexed` with events, and `fitted`."""
    (folder / "empty" / "shop").mkdir(parents=True)
    with open_shop(folder / "indexed" / "shop") as shop:
        shop.index(catalog())
        for user in range(80):
            shop.event_log().append(frame_of(f"u{user}", list(events_of(user))))
    (folder / "fitted").mkdir()
    copy_folder(folder / "indexed", folder / "fitted")
    with open_shop(folder / "fitted" / "shop") as shop:
        shop.fit()


def events_of(user: int) -> Iterator[Event]:
    """Yield what a user viewed: items of one of four clubs."""
    choose = random.Random(user)
    for place in range(8):
        number = user % 4 * 40 + choose.randrange(40)
        yield Event(f"i{number}", "view", None, 1.7e9 + 1e5 * place + user)


@contextmanager
def fresh_copy(source: Path) -> Iterator[Path]:
    """Copy a shop and its cache; what a killed run started may still write there when it is removed."""
    with tempfile.TemporaryDirectory(dir=source.parent, ignore_cleanup_errors=True) as folder:
        copy_folder(source, Path(folder))
        yield Path(folder) / "shop"


def faults_after(operation: Operation, killed: Run, found: Seen, may_be: Sequence[Seen]) -> Iterator[str]:
    """Yield what is wrong in a shop whose process was killed: it may be as before, as after, or between."""
    before, after = may_be[:2]
    if (found.n_items, found.n_passages) != (found.n_stored, found.n_read):
        told, there = (found.n_items, found.n_passages), (found.n_stored, found.n_read)
        yield f"it tells of items and passages {told}, there are {there}"
    if not operation.in_place:
        if found not in may_be:
            yield "it is neither what it was nor what it should become"
        return
    for item_id in before.items.keys() | after.items.keys() | found.items.keys():
        if found.items.get(item_id) not in (before.items.get(item_id), after.items.get(item_id)):
            yield f"{item_id} is neither what it was nor what it should become"
    for item_id in killed.acknowledged:
        if found.items.get(item_id) != after.items.get(item_id):
            yield f"{item_id} was acknowledged and is not there"


def differences(found: Seen, wanted: Seen) -> Iterator[str]:
    """Yield what differs from the undisturbed run, after the same was run again."""
    if found.items != wanted.items:
        there = found.items.keys() | wanted.items.keys()
        ids = sorted(key for key in there if found.items.get(key) != wanted.items.get(key))
        yield f"{len(ids)} items differ: {ids[:5]}"
    if found.n_stored != wanted.n_stored:
        yield f"{found.n_stored} points instead of {wanted.n_stored}"
    counted, really = (found.n_items, found.n_passages), (wanted.n_items, wanted.n_passages)
    if counted != really:
        yield "the manifest counts {} items with {} passages instead of {} with {}".format(*counted, *really)
    if found.answers != wanted.answers:
        yield f"answers differ: {found.answers} instead of {wanted.answers}"


def kill_and_repeat(
    operation: Operation, shop: Path, may_be: Sequence[Seen], kill_after_s: float
) -> tuple[Run, list[str]]:
    """Kill one run, look, run again, look again; return what became of it, and all that is wrong."""
    killed = run(operation, shop, kill_after_s)
    faults = [f"after the kill: {fault}" for fault in faults_after(operation, killed, look(shop), may_be)]
    again = run(operation, shop)
    if not again.done:
        faults.append("it cannot be run again")
    faults += [f"after the next run: {fault}" for fault in differences(look(shop), may_be[1])]
    return killed, faults


def kill_often(operation: Operation, folder: Path, n_kills: int) -> int:
    """Kill an operation at moments spread over its time; return how many kills left a fault."""
    start = folder / operation.start
    with fresh_copy(start) as shop:
        undisturbed = run(operation, shop)
        if not undisturbed.done:
            raise RuntimeError(f"{operation.name} fails even when nobody kills it")
        may_be = [look(start / "shop"), look(shop)]
    if operation.between:
        may_be.append(look(folder / operation.between / "shop"))
    moments = random.Random(f"{operation.name} {SEED}")
    n_ended = n_faulty = 0
    for turn in range(n_kills):
        kill_after_s = undisturbed.seconds * (turn + moments.random()) / n_kills
        with fresh_copy(start) as shop:
            killed, faults = kill_and_repeat(operation, shop, may_be, kill_after_s)
        n_ended += killed.done
        n_faulty += bool(faults)
        for fault in faults:
            sys.stderr.write(f"{operation.name}, killed after {kill_after_s:.3f} s: {fault}\n")
    report("kill", f"{operation.name}: undisturbed", undisturbed.seconds, "s")
    report("kill", f"{operation.name}: killed", n_kills - n_ended, "runs")
    report("kill", f"{operation.name}: ended before the kill", n_ended, "runs")
    report("kill", f"{operation.name}: kills that left a fault", n_faulty, "kills", most=0)
    return n_faulty


def main() -> None:
    """Kill."""
    n_kills = QUICK_KILLS if arguments(__doc__).quick else KILLS
    announce()
    _processes.set_forkserver_preload(
        ["kill", "semrec.indexer.update", "semrec.indexer.upsert", "semrec.learning.fit"]
    )
    n_faulty = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        prepare(folder)
        for place, operation in enumerate(OPERATIONS):
            share = n_kills * (place + 1) // len(OPERATIONS) - n_kills * place // len(OPERATIONS)
            n_faulty += kill_often(operation, folder, share)
    report("kill", "kills in all", n_kills, "kills")
    report("kill", "kills that left a fault", n_faulty, "kills", most=0)


if __name__ == "__main__":
    main()
