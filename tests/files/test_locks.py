"""Waiting for a lock ends, and says which process holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from toy import ToyEncoder

from semrec import Item, Recommender, Settings
from semrec.encoder.passage_cache import PassageCache
from semrec.errors import StoreLockedError
from semrec.files.locks import lock_within

HOLD = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def stopped():
    """Start processes that lock a file or a folder, and stop them."""
    started = []

    def start(path):
        command = [sys.executable, "-c", HOLD, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGSTOP)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def descriptor(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_a_free_lock_is_taken_at_once_and_without_a_word(tmp_path, descriptor, caplog):
    lock_within(descriptor, tmp_path, wait_s=0, notice_s=0)
    assert not caplog.text


def test_a_stopped_process_is_named_after_a_while_and_then_in_an_error(tmp_path, descriptor, stopped, caplog):
    holder = stopped(tmp_path)
    started = time.monotonic()
    with pytest.raises(
        StoreLockedError, match=rf"{tmp_path} is locked by process {holder.pid} \(python"
    ) as raised:
        lock_within(descriptor, tmp_path, wait_s=0.3, notice_s=0.1)
    assert 0.3 <= time.monotonic() - started < 5
    assert os.uname().nodename in str(raised.value)
    assert f"waiting for process {holder.pid} (python" in caplog.text
    holder.kill()
    holder.wait()
    lock_within(descriptor, tmp_path, wait_s=5)


def test_asking_does_not_wait_for_a_process_that_changes_items(tmp_path, stopped):
    settings = Settings(event_log={"wait_s": 0.2}, encoder={"model": "toy"})
    with Recommender(tmp_path / "shop", settings, encoder=ToyEncoder()) as shop:
        shop.index([Item("r", "red thing", "red"), Item("g", "green thing", "green")])
        shop.put_items([Item("b", "blue thing", "blue")])
        stopped(tmp_path / "shop")
        shop.close()
        started = time.monotonic()
        assert next(iter(shop.recommend(text="blue"))).item_id == "b"
        assert shop.why_not("b", text="blue", k=1).item_id == "b"
        assert shop.info()["items"] == 3
        assert time.monotonic() - started < 5
        for change in (lambda: shop.put_items([Item("x", "red")]), lambda: shop.delete_items(["r"])):
            with pytest.raises(StoreLockedError, match="is locked by process"):
                change()


def test_without_the_lock_of_the_cache_encoding_goes_on(tmp_path, stopped, monkeypatch):
    monkeypatch.setattr("semrec.files.locks.WAIT_S", 0.1)
    monkeypatch.setattr(lock_within, "__defaults__", (0.1, 0.05))
    (tmp_path / "passages.lock").touch()
    stopped(tmp_path / "passages.lock")
    cache = PassageCache(tmp_path, 10)
    assert "is locked by process" in cache.notes[0]
    cache.close()
