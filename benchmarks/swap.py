"""Answers while another process builds generations and switches to them.

One process answers four threads from one recommender: histories, half of them on one shelf only. After a time
of peace another process builds the same catalog five times, verifies each build and makes it current. Every
generation has its number in all titles, so an answer says where each of its items comes from.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from report import announce, arguments, report
from synthetic import SyntheticCatalog

from semrec.config import Settings
from semrec.recommender import Recommender
from semrec.store import Point
from semrec.store.build import Build, building
from semrec.store.edge import EdgeStore
from semrec.types import Recommendations
from semrec.workspace.folder import make_workspace

THREADS = 4
SWITCHES = 5
SECONDS, PEACE_S = 60.0, 20.0
QUICK_SECONDS, QUICK_PEACE_S = 8.0, 3.0
N_ITEMS, QUICK_N_ITEMS = 20_000, 1_000
FOLLOW_S = 1.0
SEED = 7

_GENERATION = re.compile(r"gen (\d+) ")


@dataclass(frozen=True, slots=True)
class Answered:
    """One query: when it was asked and answered, in monotonic seconds, and what came.

    Parameters
    ----------
    generations : those that the titles of the answer name; empty when the query failed.
    failure : why it failed; empty when it did not.
    """

    asked: float
    answered: float
    generations: frozenset[int]
    failure: str


@dataclass(frozen=True, slots=True)
class Switched:
    """One build: when it began and when it was current, in monotonic seconds, the same in all processes."""

    generation: int
    began: float
    current: float


def named(points: Sequence[Point], generation: int) -> Iterator[Point]:
    """Put the number of the generation before all titles and passages."""
    for point in points:
        record = point.record
        title = f"gen {generation} {record.title}"
        yield replace(point, record=replace(record, title=title, passages=(title,)))


def build(folder: Path, catalog: SyntheticCatalog) -> Switched:
    """Build one generation as `semrec index` does: beside the one that answers, verified, then current."""
    store = EdgeStore(folder)
    current = store.current()
    with building(store, folder):
        began = time.monotonic()
        before = None if current is None else store.borrow(current)
        try:
            with Build(store, catalog.fields, before=before) as made:
                text_sum, gram = np.zeros(catalog.fields[0].dimension), np.zeros((128, 128))
                for block in catalog.blocks():
                    made.index.upsert(list(named(catalog.points(block), made.generation)))
                    text_sum += block.text.sum(axis=0)
                    gram += block.factors.T @ block.factors
                manifest = catalog.manifest(text_sum / catalog.n_items, gram.astype(np.float32))
                made.complete(manifest)
                return Switched(made.generation, began, time.monotonic())
        finally:
            if before:
                before.close()


def build_in_turn(folder: Path, n_items: int, every_s: float, told: Connection) -> None:
    """Build and switch again and again, in a process that leaves the processor to those who answer."""
    os.nice(10)
    catalog = SyntheticCatalog(n_items, SEED)
    began = time.monotonic()
    for turn in range(SWITCHES):
        time.sleep(max(0.0, began + turn * every_s - time.monotonic()))
        told.send(build(folder, catalog))


def ask_until(
    stopped: threading.Event, recommender: Recommender, histories: Sequence[list[str]], found: list[Answered]
) -> None:
    """Ask one query after the other."""
    for turn, history in enumerate(itertools.cycle(histories)):
        if stopped.is_set():
            return
        where: Mapping[str, str] | None = {"shelf": f"shelf {turn % 20}"} if turn % 2 else None
        asked = time.monotonic()
        generations, failure = frozenset[int](), ""
        try:
            answer = recommender.recommend(history=history, where=where)
            generations = frozenset(generations_of(answer))
            failure = "" if len(answer) == 10 and not answer.notes else f"{len(answer)} items, {answer.notes}"
        except Exception as error:  # whatever it is, the query failed
            failure = f"{type(error).__name__}: {error}"
        found.append(Answered(asked, time.monotonic(), generations, failure))


def generations_of(answer: Recommendations) -> Iterator[int]:
    """Yield the generations that an answer names: in its items, reasons, passages and interests."""
    for one in answer:
        yield from map(int, _GENERATION.findall(one.title))
        for because in one.because:
            yield from map(int, _GENERATION.findall(because.title))
        if one.passages:
            yield from map(int, _GENERATION.findall(f"{one.passages.item} {one.passages.history}"))
    for interest in answer.interests:
        yield from map(int, _GENERATION.findall(interest.name))


def switches_from(
    told: Connection, builder: multiprocessing.process.BaseProcess, until: float
) -> list[Switched]:
    """Wait until all builds are made and the time is over."""
    switches = []
    while builder.is_alive() or told.poll():
        if told.poll(0.1):
            switches.append(told.recv())
    builder.join()
    time.sleep(max(FOLLOW_S, until - time.monotonic()))
    return switches


def p99_ms(answers: Sequence[Answered]) -> float:
    """Return the time that 99 in 100 queries do not exceed, in milliseconds."""
    return 1000 * float(np.percentile([one.answered - one.asked for one in answers], 99))


def main() -> None:
    """Measure."""
    quick = arguments(__doc__).quick
    announce()
    n_items = QUICK_N_ITEMS if quick else N_ITEMS
    seconds, peace_s = (QUICK_SECONDS, QUICK_PEACE_S) if quick else (SECONDS, PEACE_S)
    catalog = SyntheticCatalog(n_items, SEED)
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_workspace(Path(temporary) / "shop", qdrant=None, collection=None).folder
        build(folder, catalog)
        found: list[Answered] = []
        stopped = threading.Event()
        with Recommender(folder, Settings()) as recommender:
            for history in catalog.histories(20, seed=1):
                recommender.recommend(history=history)
            threads = [
                threading.Thread(
                    target=ask_until, args=(stopped, recommender, catalog.histories(200, seed), found)
                )
                for seed in range(THREADS)
            ]
            started = time.monotonic()
            for thread in threads:
                thread.start()
            try:
                time.sleep(peace_s)
                began = time.monotonic()
                told, telling = multiprocessing.Pipe(duplex=False)
                builder = multiprocessing.get_context("spawn").Process(
                    target=build_in_turn, args=(folder, n_items, seconds / SWITCHES, telling)
                )
                builder.start()
                switches = switches_from(told, builder, began + seconds)
            finally:
                stopped.set()
                for thread in threads:
                    thread.join()
    report_answers(found, switches, started, began)


def report_answers(
    found: Sequence[Answered], switches: Sequence[Switched], started: float, began: float
) -> None:
    """Report what became of all queries."""
    case = f"{THREADS} threads"
    failures = [one.failure for one in found if one.failure]
    for failure in sorted(set(failures))[:5]:
        sys.stderr.write(f"failed: {failure}\n")
    report("swap", "switches", len(switches), "switches", least=SWITCHES)
    report("swap", f"queries of {case}", len(found), "queries")
    report("swap", "queries that failed", len(failures), "queries", most=0)
    mixed = sum(len(one.generations) > 1 for one in found)
    report("swap", "answers mixed from two generations", mixed, "answers", most=0)

    late = max(
        one.asked - switch.current
        for switch in switches
        for one in found
        if one.generations and min(one.generations) < switch.generation
    )
    report(
        "swap", "slowest switch: until none is answered by the old one", max(0.0, late), "s", most=FOLLOW_S
    )
    seen = {number for one in found for number in one.generations}
    unseen = len({switch.generation for switch in switches} - seen)
    report("swap", "generations that never answered", unseen, "generations", most=0)

    before = [one for one in found if one.answered <= began]
    during = [
        one
        for one in found
        if any(one.asked <= s.current + FOLLOW_S and one.answered >= s.began for s in switches)
    ]
    spent = [switch.current - switch.began for switch in switches]
    report("swap", "queries a second before", len(before) / (began - started), "queries/s")
    report("swap", "build and switch, median", float(np.median(spent)), "s")
    report("swap", f"p99 of {case} before the builds", p99_ms(before), "ms")
    report("swap", f"p99 of {case} during a build", p99_ms(during), "ms")
    report("swap", "p99 during a build over p99 before", p99_ms(during) / p99_ms(before), "x", most=3)
    worst = 1000 * max(one.answered - one.asked for one in during)
    report("swap", "slowest query during a build", worst, "ms")


if __name__ == "__main__":
    main()
