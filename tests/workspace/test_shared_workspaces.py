"""Two recommenders of one workspace in one process share what is open."""

from __future__ import annotations

import gc
import multiprocessing

import pytest

from semrec import Recommender
from semrec.config import RankingSettings, Settings
from semrec.errors import StoreLockedError

ITEMS = [
    {"id": "tea", "text": "green tea"},
    {"id": "pot", "text": "a teapot"},
    {"id": "car", "text": "a car"},
]


@pytest.fixture
def folder(tmp_path, one_encoder):
    with Recommender.open(tmp_path / "shop") as recommender:
        recommender.index(ITEMS)
    return tmp_path / "shop"


def ids(recommender, **query):
    return [item.item_id for item in recommender.recommend(**query)]


def test_a_cell_that_runs_again_finds_the_index_open(folder):
    first = Recommender.open(folder)
    assert ids(first, text="tea", k=1) == ["tea"]
    second = Recommender.open(folder)
    assert ids(second, text="tea", k=1) == ["tea"]
    assert second.put_items([{"id": "cup", "text": "a tea cup"}]).added == ("cup",)
    assert "cup" in ids(first, text="tea cup", k=2)
    second.index([*ITEMS, {"id": "jug", "text": "a milk jug"}])
    assert ids(first, text="milk jug", k=1) == ["jug"]
    first.close()


def test_the_same_folder_by_another_name_is_shared(folder):
    (folder.parent / "link").symlink_to(folder)
    with Recommender.open(folder) as first, Recommender.open(folder.parent / "link") as second:
        assert ids(first, text="tea", k=1) == ids(second, text="tea", k=1)


def test_closing_one_does_not_break_the_one_that_goes_on(folder):
    first, second = Recommender.open(folder), Recommender.open(folder)
    assert ids(first, text="tea", k=1) == ids(second, text="tea", k=1)
    second.close()
    assert ids(first, text="tea", k=1) == ["tea"]
    first.close()


def test_other_settings_are_refused_while_the_first_is_used_and_free_afterwards(folder):
    settings = Settings(ranking=RankingSettings(sharpness=7))
    used = Recommender.open(folder)
    assert ids(used, text="tea", k=1) == ["tea"]
    other = Recommender.open(folder, settings=settings)
    with pytest.raises(StoreLockedError, match="in use by another recommender of this process"):
        other.recommend(text="tea")
    del used
    gc.collect()
    assert ids(other, text="tea", k=1) == ["tea"]
    other.close()


def ask_in_fork(folder, answers):
    """Open a workspace of the parent in a new process."""
    try:
        answers.send(ids(Recommender.open(folder), text="tea", k=1))
    except StoreLockedError as error:
        answers.send(str(error))


def test_a_forked_process_does_not_share(folder):
    first = Recommender.open(folder)
    assert ids(first, text="tea", k=1) == ["tea"]
    processes = multiprocessing.get_context("fork")
    answers, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=ask_in_fork, args=(folder, sender))
    process.start()
    assert "in use by process" in answers.recv()
    process.join()
    first.close()
