"""The live index: each answer reads one generation, also during changes and switches in other threads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from semrec.errors import StoreError, WorkspaceError
from semrec.workspace.live_index import LiveIndex


@dataclass
class Shop:
    """Generations that only note whether they are open."""

    current: int | None = 1
    broken: set[int] = field(default_factory=set)
    opened: list = field(default_factory=list)
    slow: threading.Event | None = None

    def number(self):
        if self.current is None:
            raise WorkspaceError("nothing is indexed")
        return self.current

    def open(self, number):
        if self.slow:
            self.slow.wait(10)
        if number in self.broken:
            raise StoreError("it is damaged")
        generation = SimpleNamespace(number=number, is_open=True)
        generation.index = SimpleNamespace(close=lambda: setattr(generation, "is_open", False))
        self.opened.append(generation)
        return generation


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def live(shop):
    live = LiveIndex(shop.number, shop.open)
    live.look_s = 0.0
    yield live
    live.close()
    assert not any(generation.is_open for generation in shop.opened)


def until(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def number(live):
    with live.read() as generation:
        return generation.number


def test_the_first_answer_opens_the_generation_and_later_ones_use_it(shop, live):
    assert not live.is_open
    assert [number(live), number(live)] == [1, 1]
    assert len(shop.opened) == 1


def test_answers_follow_in_the_background_and_the_old_generation_is_closed(shop, live):
    assert number(live) == 1
    shop.current = 2
    until(lambda: number(live) == 2)
    assert [generation.is_open for generation in shop.opened] == [False, True]


def test_a_running_answer_keeps_its_generation(shop, live):
    with live.read() as generation:
        shop.current = 2
        assert live.follow()
        assert (generation.number, generation.is_open) == (1, True)
        assert number(live) == 2
    assert not generation.is_open
    assert not live.follow()


def test_answers_go_on_while_the_next_one_opens(shop, live):
    assert number(live) == 1
    shop.slow, shop.current = threading.Event(), 2
    assert [number(live) for _ in range(50)] == [1] * 50
    shop.slow.set()
    until(lambda: number(live) == 2)


def test_if_the_new_generation_cannot_be_opened_the_old_one_answers_with_a_note(shop, live):
    assert number(live) == 1
    shop.current, shop.broken = 2, {2}
    assert not live.follow()
    assert number(live) == 1
    assert live.note == "an older index answers, because the current one cannot be opened: it is damaged"
    shop.broken = set()
    assert live.follow()
    assert live.note is None


def test_if_the_current_number_is_not_known_the_old_generation_answers_with_a_note(shop, live):
    assert number(live) == 1
    shop.current = None
    assert number(live) == 1
    assert "nothing is indexed" in live.note


def test_without_any_generation_the_error_is_raised(shop, live):
    shop.current = None
    with pytest.raises(WorkspaceError):
        number(live)
    shop.current, shop.broken = 1, {1}
    with pytest.raises(StoreError, match="damaged"):
        live.follow()


def test_a_change_waits_for_reads_and_reads_wait_for_it(shop, live):
    seen = []

    def change():
        with live.pin() as handle, live.exclusive(handle):
            seen.append("begins")
            time.sleep(0.05)
            handle.generation = SimpleNamespace(**{**vars(handle.generation), "number": 1, "view": "new"})
            seen.append("ends")

    with live.read():
        changer = threading.Thread(target=change)
        changer.start()
        time.sleep(0.05)
        assert seen == []
    with live.read() as generation:
        assert seen in ([], ["begins", "ends"])
    changer.join()
    with live.read() as generation:
        assert generation.view == "new"
    shop.opened[0].is_open = False  # the view shares its index


def test_pins_do_not_delay_changes(live):
    with live.pin(), live.pin() as handle, live.exclusive(handle):
        assert handle.n_reads == 0


def test_closing_waits_for_answers_and_the_next_answer_opens_again(shop, live):
    with live.read() as generation:
        closer = threading.Thread(target=live.close)
        closer.start()
        until(lambda: not live.is_open)
        assert generation.is_open
    closer.join()
    assert not generation.is_open
    assert number(live) == 1
    assert len(shop.opened) == 2


def test_many_threads_and_many_switches(shop, live):
    stop, faults = threading.Event(), []

    def ask():
        while not stop.is_set():
            with live.read() as generation:
                was = generation.number
                time.sleep(0)
                if not generation.is_open or generation.number != was:
                    faults.append(was)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for switch in range(2, 60):
        shop.current = switch
        live.follow()
        with live.pin() as handle, live.exclusive(handle):
            pass
    stop.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert number(live) == 59
    assert sum(generation.is_open for generation in shop.opened) == 1
