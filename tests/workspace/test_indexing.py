"""Two builds at the same time, and a damaged generation: a clear message, and the old index answers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from toy import ToyEncoder

from semrec import Event, Item, Recommender
from semrec.config import Settings
from semrec.errors import SemrecError, StoreLockedError
from semrec.events.frame import frame_of


def many_items(n_items):
    return [Item(f"i{n}", f"red {n}", "red round" if n % 2 else "green square") for n in range(n_items)]


ITEMS = many_items(30)

INDEXING = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/.."]
from test_indexing import many_items, open_shop

def items():
    yield from many_items(3000)  # the first ones are read before the build begins
    print("reading", flush=True)
    sys.stdin.readline()

with open_shop(sys.argv[2]) as shop:
    print(shop.index(items(), rebuild=True).n_items)
"""


def open_shop(folder):
    return Recommender(Path(folder), Settings(encoder={"model": "toy"}), encoder=ToyEncoder())


@pytest.fixture
def folder(tmp_path):
    with open_shop(tmp_path / "shop") as shop:
        shop.index(ITEMS)
        for user in range(40):
            seen = [Event(f"i{(user + step) % 30}", "view", None, 1.7e9 + step) for step in range(5)]
            shop.event_log().append(frame_of(f"u{user}", seen))
    return tmp_path / "shop"


@pytest.fixture
def indexing(folder):
    """Another process that is in the middle of `index`."""
    command = [sys.executable, "-c", INDEXING, str(Path(__file__).parent), str(folder)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline().strip() == "reading"
        yield child
    finally:
        child.kill()
        child.communicate()


def names(shop):
    return [found.item_id for found in shop.recommend(text="red", k=20)]


WRITES = {
    "index": lambda shop: shop.index(ITEMS[:5]),
    "rebuild": lambda shop: shop.index(ITEMS[:5], rebuild=True),
    "fit": lambda shop: shop.fit(),
    "rollback": lambda shop: shop.rollback(1),
}


def test_a_second_build_names_the_process_that_builds(folder, indexing):
    with open_shop(folder) as shop:
        before = names(shop)
    for name, write in WRITES.items():
        with open_shop(folder) as shop:
            with pytest.raises(StoreLockedError, match=rf"being built by process {indexing.pid} \("):
                write(shop)
            assert names(shop) == before, name
    output, _ = indexing.communicate("go on\n")
    assert output.strip() == "3000"
    with open_shop(folder) as shop:
        assert shop.info()["items"] == 3000


def test_a_generation_without_points_is_reported_and_can_be_built_again(folder):
    shutil.rmtree(folder / "generations" / "1" / "edge")
    with open_shop(folder) as shop, pytest.raises(SemrecError, match=r"generation 1 .* is damaged"):
        shop.recommend(text="red")
    with open_shop(folder) as shop:
        assert shop.index(ITEMS, rebuild=True).n_items == 30
        assert len(names(shop)) == 20
