"""Tuning the encoder of a workspace on its events: the shop answers as before until it is indexed again."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest
from word_shop import CLUB_SIZE, N_CLUBS, OPTIONS, SETTINGS, open_word_shop, word_items

from semrec import Recommender
from semrec.errors import ConfigError, StoreLockedError
from semrec.finetuning.tuning import Watch
from semrec.workspace.own_encoder import LOCK, _alone


def club_share(shop) -> float:
    """Share of the answers that are of the club of the item asked with, over one item of each club."""
    shares = []
    for first in range(0, N_CLUBS * CLUB_SIZE, CLUB_SIZE):
        club = {f"i{number}" for number in range(first, first + CLUB_SIZE)}
        answers = shop.recommend(history=[f"i{first + 3}"])
        shares.append(sum(item.item_id in club for item in answers) / len(answers.recommendations))
    return sum(shares) / len(shares)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """An open shop, the report of its fine-tune, and its answer before."""
    with open_word_shop(tmp_path_factory.mktemp("own") / "shop") as shop:
        before = [item.item_id for item in shop.recommend(history=["i0"])]
        yield shop, shop.finetune(OPTIONS), before


def test_the_shop_answers_as_before(tuned):
    shop, report, before = tuned
    assert report.folder == str(shop.folder.resolve() / "encoders" / "tuned-1")
    assert [item.item_id for item in shop.recommend(history=["i0"])] == before
    assert shop.generation == 1


def test_index_builds_a_generation_with_the_tuned_encoder_and_rollback_returns(tuned):
    shop, report, before = tuned
    share = club_share(shop)
    shop.close()
    with Recommender(shop.folder, SETTINGS.using(model=report.folder)) as other:
        other.index(word_items())
        assert other.info()["encoder"] == report.folder
        assert club_share(other) > share + 0.2
    with Recommender(shop.folder, SETTINGS) as again:
        assert again.info()["encoder"] == report.folder
        again.rollback()
        assert [item.item_id for item in again.recommend(history=["i0"])] == before


def test_a_folder_that_exists_is_not_written_to(tuned, tmp_path):
    shop, _, _ = tuned
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        shop.finetune(OPTIONS, output=tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"


def test_two_fine_tunes_at_once_are_refused(tuned):
    shop, _, _ = tuned
    with _alone(shop.folder), pytest.raises(StoreLockedError, match=LOCK):
        shop.finetune(OPTIONS)


def test_ten_items_are_too_few(tmp_path):
    with open_word_shop(tmp_path / "shop", n_items=10) as shop:
        with pytest.raises(ConfigError, match="50 items with events"):
            shop.finetune(OPTIONS)
        assert not (shop.folder / "encoders").exists() or not list((shop.folder / "encoders").iterdir())
        assert len(shop.recommend(history=["i0"]).recommendations) > 0


def finetune_until_killed(folder, model):
    def training(progress):
        if progress.step == 60:
            os.kill(os.getpid(), signal.SIGKILL)

    with Recommender(folder, SETTINGS.using(model=model)) as shop:
        shop.finetune(OPTIONS, watch=Watch(training=training))


@pytest.mark.slow
def test_after_a_kill_the_shop_answers_and_the_same_fine_tune_goes_on(tmp_path):
    with open_word_shop(tmp_path / "shop") as shop:
        before = [item.item_id for item in shop.recommend(history=["i0"])]
    model = str(tmp_path / "tiny")
    process = multiprocessing.get_context("spawn").Process(
        target=finetune_until_killed, args=(tmp_path / "shop", model)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with Recommender(tmp_path / "shop", SETTINGS.using(model=model)) as shop:
        assert [item.item_id for item in shop.recommend(history=["i0"])] == before
        steps = []
        report = shop.finetune(OPTIONS, watch=Watch(training=lambda progress: steps.append(progress.step)))
        assert steps[0] == 41
        assert report.folder is not None
        assert not (shop.folder / "finetune").exists()
