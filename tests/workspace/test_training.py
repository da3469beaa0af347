"""Events are added with a report. A fit that breaks or is killed leaves the models of before."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from club_shop import START, open_shop, scored
from toy import ToyEncoder

from semrec import Event, EventLog, Recommender, Settings
from semrec.store.edge import EdgeStore

WRITING = "writing the new generation"
USERS = ("u4", "u8", "unknown")

FIT = """
import sys
from pathlib import Path
from club_shop import open_shop
with open_shop(Path(sys.argv[1])) as shop:
    print("ready", flush=True)
    shop.fit(seed=int(sys.argv[2]), progress=lambda step: print(step, flush=True))
    print("done", flush=True)
"""


class BreakingStore(EdgeStore):
    """The first write into a generation that it creates fails."""

    def create(self, fields, key=""):
        number, index = super().create(fields, key)

        def upsert(points):
            raise RuntimeError("out of memory")

        index.upsert = upsert
        return number, index


MISSING = object()


def row(**changes):
    values = {"user": "ann", "item": "0-1", "kind": "rate", "value": 4.0, "time": 1.6e9, **changes}
    return {name: value for name, value in values.items() if value is not MISSING}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(value=float("nan")), '"value" is NaN or infinite'),
        (row(value="NULL"), '"value" is not a number'),
        (row(value="4,5"), '"value" is not a number'),
        (row(value=1e20), '"value" is too large'),
        (row(value=10**400), '"value" is not a number'),
        (row(value=10**5000), '"value" is not a number'),
        (row(time=10**5000), '"time" is a number with too many digits'),
        (row(value=[4]), '"value" is not a number'),
        (row(time={"at": 1}), '"time" is neither a unix time nor a date in a usual spelling'),
        (row(time="NULL"), '"time" is neither a unix time nor a date in a usual spelling'),
        (row(user=pd.NA), '"user" is missing'),
        (row(item=pd.NaT), '"item" is missing'),
        (row(item="x" * 10**6), '"item" is too long'),
        (row(user=10**5000), '"user" is a number with too many digits'),
        (row(kind=["view"]), '"kind" is a list, not text'),
    ],
)
def test_a_row_that_is_no_event_is_in_the_report_with_its_reason(own_unfitted, bad, reason):
    with open_shop(own_unfitted) as shop:
        report = shop.add_events([row(), bad, row(item="0-2")])
        assert (report.added, report.repeated, dict(report.rejected)) == (2, 0, {reason: 1})
        assert report.examples[reason].startswith("items, row 2: ")


def test_what_is_obviously_meant_is_understood(own_unfitted):
    with open_shop(own_unfitted) as shop:
        rows = [
            row(time="2019-10-01 00:00:00 UTC"),
            row(item="0-2", value=pd.NA, time=pd.NaT, kind=pd.NA),
            row(item="0-3", value="", time=None, kind=MISSING),
        ]
        assert shop.add_events(rows).added == 3
        frame = pd.DataFrame({"user": ["ann"], "item": ["0-4"], "value": pd.array([pd.NA], dtype="Int64")})
        assert shop.add_events(frame).added == 1
        stored = shop.event_log().history("ann")
    assert [(event.item_id, event.kind, event.value, event.time) for event in stored] == [
        ("0-2", "view", None, None),
        ("0-3", "view", None, None),
        ("0-4", "view", None, None),
        ("0-1", "rate", 4.0, 1_569_888_000.0),
    ]


def test_the_report_says_what_will_not_count(own_fitted):
    with open_shop(own_fitted) as shop:
        report = shop.add_events([row(kind="sniff"), row(time=1.6e300), row(kind="view")])
    assert report.added == 3
    assert list(report.left_out.values()) == [1, 1]
    assert "item '0-1', kind 'sniff', value 4" in " ".join(report.examples.values())


IMPOSSIBLE = {"ann": "1e19", "bob": "-1e20", "cat": "3.5e38", "dan": "1e308", "eve": "9e999"}
"""Values of users that an older version stored, which refused nothing."""


def old_log_with(folder, values):
    """Store four events of every user with a value."""
    with EventLog.open(folder) as log:
        for user, value in values.items():
            log.record(user, [Event(item, "buy", 2.0, START) for item in ("0-1", "1-2", "2-3", "4-5")])
            with log.transaction(write=True) as connection:
                statement = f"UPDATE semrec_events SET value = {value} WHERE user_id = '{user}'"
                connection.exec_driver_sql(statement)


def test_fit_leaves_old_values_out_and_names_a_user(own_unfitted):
    old_log_with(own_unfitted, IMPOSSIBLE)
    with open_shop(own_unfitted) as shop:
        report = shop.fit(seed=3)
        assert report.cleaning["dropped"] == {"impossible_value": 4 * len(IMPOSSIBLE)}
        example = report.cleaning["examples"]["impossible_value"]
        assert example.startswith("user 'ann', item '0-1', kind 'buy', value ")
        for user in IMPOSSIBLE:
            answer = shop.recommend(user=user, k=100)
            assert "value is NaN, infinite or beyond" in answer.notes[0]
            assert not {"0-1", "1-2", "2-3", "4-5"} & {item.item_id for item in answer}
            assert shop.user_profile(user).n_events == 0
        assert shop.recommend(user="u1", k=3).notes == ()


def test_the_largest_values_do_not_stop_a_fit(own_unfitted):
    items = ("0-1", "1-2", "2-3", "4-5")
    with open_shop(own_unfitted, events={"kind_weights": {"buy": 1000.0, "view": 1.0}}) as shop:
        for name, value in (("mallory", 1e6), ("eve", 1e-300), ("bob", -1e6)):
            shop.event_log().record(name, [Event(item, "buy", value, START) for item in items])
        report = shop.fit(seed=3)
        assert "are cut to that" in " ".join(report.notes)
        for user in ("mallory", "eve", "bob", "u1"):
            assert all(math.isfinite(item.score) for item in shop.recommend(user=user, k=20))


def answers(shop):
    return {user: scored(shop.recommend(user=user)) for user in USERS}


def test_a_fit_that_breaks_leaves_the_old_models(own_fitted):
    store = BreakingStore(own_fitted)
    with Recommender(own_fitted, Settings(), store=store, encoder=ToyEncoder()) as shop:
        before = answers(shop)
        with pytest.raises(RuntimeError, match="out of memory"):
            shop.fit()
        assert shop.info()["generations"] == [1, 2]
        assert answers(shop) == before
        shop.follow()
        assert answers(shop) == before


def start_fit(folder, seed):
    """Start a fit in another process, which writes its steps to its output."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", FIT, str(folder), str(seed)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def kill_at(child, step, wait_s):
    """Kill a fit so long after a step began; return what it wrote after that."""
    try:
        while (line := child.stdout.readline().strip()) != step:
            assert line, "the fit ended early"
        time.sleep(wait_s)
        os.kill(child.pid, signal.SIGKILL)
    finally:
        child.kill()
        output = child.communicate()[0]
    return output


@pytest.mark.slow
def test_a_fit_killed_at_any_moment_leaves_the_old_models(own_fitted):
    with open_shop(own_fitted) as shop:
        before = answers(shop)
    moments = random.Random(time.time_ns())
    for attempt, step in enumerate(["hide events", WRITING, WRITING]):
        output = kill_at(start_fit(own_fitted, attempt), step, moments.random() * 0.2 * attempt)
        with open_shop(own_fitted) as shop:
            if "done" not in output and shop.info()["current"] == 2:
                assert answers(shop) == before
            else:  # the switch came first: then the new models answer, whole
                assert all(len(found) == 10 for found in answers(shop).values())
                break
    with open_shop(own_fitted) as shop:
        generation = shop.fit(seed=3).generation
        complete = shop.info()["generations"]
    assert complete[-1] == generation
    left = {int(path.name) for path in (own_fitted / "generations").iterdir() if path.name.isdecimal()}
    assert left == set(complete)
