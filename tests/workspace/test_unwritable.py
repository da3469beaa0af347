"""A workspace on a disk that is read-only or full can be asked; changes are refused and not stored."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from toy import ToyEncoder

from semrec import Event, Item, Recommender, Settings
from semrec.errors import SemrecError, StoreUnavailableError
from semrec.events.frame import frame_of

ITEMS = [
    Item("r", "red thing", "red red"),
    Item("g", "green thing", "green"),
    Item("b", "blue thing", "blue"),
]


def mount(folder, *options):
    return subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path):
    """A small disk with a shop of three items, whose user `u` has seen `r`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("mount") or not mount(folder, "-t", "tmpfs", "-o", "size=600m", "tmpfs"):
        pytest.skip("this user cannot mount a disk")
    try:
        with opened(folder) as shop:
            shop.index(ITEMS)
            shop.event_log().append(frame_of("u", [Event("r", "view", None, 1.7e9)]))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def opened(folder):
    return Recommender(folder / "shop", Settings(), encoder=ToyEncoder())


def test_a_read_only_disk(disk):
    assert mount(disk, "-o", "remount,ro")
    with opened(disk) as shop:
        assert shop.recommend(text="green")[0].item_id == "g"
        assert {item.item_id for item in shop.recommend(user="u")} == {"g", "b"}
        assert not [part for part in shop.check() if part.faults]
        with pytest.raises(SemrecError, match=r"cannot be written|only be read"):
            shop.put_items([Item("y", "yellow")])
        with pytest.raises(SemrecError, match="cannot be written: Read-only file system"):
            shop.index(ITEMS)
    assert mount(disk, "-o", "remount,rw")
    with opened(disk) as shop:
        assert shop.info()["items"] == 3
        shop.put_items([Item("y", "yellow")])
        assert shop.recommend(text="yellow")[0].item_id == "y"


def test_a_full_disk(disk):
    """Changes fail before they are in the journal, so they are not made later."""
    assert mount(disk, "-o", f"remount,size={used(disk) + 2**20}")
    with opened(disk) as shop:
        assert shop.recommend(text="green")[0].item_id == "g"
        with pytest.raises(StoreUnavailableError, match="only be read; nothing was changed"):
            shop.delete_items(["g"])
    assert mount(disk, "-o", "remount,size=600m")
    with opened(disk) as shop:
        assert shop.recommend(text="green")[0].item_id == "g"


def used(folder):
    disk = os.statvfs(folder)
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize
