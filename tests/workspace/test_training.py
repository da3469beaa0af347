"""A fit that breaks or is killed leaves the models of before; the next one leaves nothing of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from club_shop import open_shop, scored
from toy import ToyEncoder

from semrec import Recommender, Settings
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

    def create(self, fields):
        number, index = super().create(fields)

        def upsert(points):
            raise RuntimeError("out of memory")

        index.upsert = upsert
        return number, index


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
