"""A whole fine-tune of a tiny encoder: what it finds, what it refuses, and what is left after a kill."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from word_shop import OPTIONS, SETTINGS, word_shop

from semrec.encoder import load_encoder
from semrec.encoder.training import TrainingOptions
from semrec.encoder.training.trainer import last_checkpoint
from semrec.errors import ConfigError
from semrec.finetuning.tuning import Watch, finetune_encoder


def finetune(shop, folder, options=OPTIONS, watch=None):
    return finetune_encoder(shop, options, SETTINGS, run=folder / "run", result=folder / "tuned", watch=watch)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A shop, the report of its fine-tune, and the folder."""
    folder = tmp_path_factory.mktemp("tuned")
    shop = word_shop(folder)
    stages: list[str] = []
    return shop, finetune(shop, folder, watch=Watch(stage=stages.append)), folder, stages


def test_items_without_events_are_found_better(tuned):
    _, report, _, _ = tuned
    cold = report.verdict.cold
    assert report.objections == ()
    assert cold.after > 1.15 * cold.before
    assert cold.low > 0
    assert not report.verdict.warm.is_worse


def test_the_tuned_encoder_is_in_its_folder_with_a_card(tuned):
    _, report, folder, _ = tuned
    assert report.folder == str(folder / "tuned")
    assert load_encoder(report.folder, SETTINGS).dimension == 32
    card = (folder / "tuned" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: sentence-transformers\n")
    assert f"{report.verdict.cold.before:.4f} | {report.verdict.cold.after:.4f}" in card


def test_nothing_else_is_left(tuned):
    _, _, folder, _ = tuned
    assert sorted(path.name for path in folder.iterdir()) == ["tiny", "tiny-bert", "tuned"]


def test_the_stages_are_told_and_timed(tuned):
    _, report, _, stages = tuned
    assert stages == list(report.seconds) == ["training", "encoding the catalog", "comparing both encoders"]


def test_the_report_is_plain(tuned):
    _, report, _, _ = tuned
    assert json.loads(json.dumps(report.to_dict()))["verdict"]["cold"]["n_users"] > 0


@pytest.mark.slow
def test_shuffled_events_are_refused_and_leave_nothing(tmp_path):
    report = finetune(word_shop(tmp_path, shuffled=True), tmp_path)
    assert report.folder is None
    assert "another user" in report.objections[0]
    assert not (tmp_path / "tuned").exists()
    assert not (tmp_path / "run").exists()


class KilledError(Exception):
    """Stands for a kill."""


def kill_at(step):
    def training(progress):
        if progress.step == step:
            raise KilledError

    return Watch(training=training)


@pytest.mark.slow
def test_a_killed_fine_tune_goes_on_and_gives_what_it_would_have_given(tuned, tmp_path):
    shop, whole, _, _ = tuned
    with pytest.raises(KilledError):
        finetune(shop, tmp_path, watch=kill_at(60))
    assert not (tmp_path / "tuned").exists()
    steps = []
    report = finetune(shop, tmp_path, watch=Watch(training=lambda progress: steps.append(progress.step)))
    assert steps[0] == 41
    assert report.training.scores.keys() == whole.training.scores.keys()
    assert report.verdict.cold.after == pytest.approx(whole.verdict.cold.after, abs=0.05)


def test_another_fine_tune_does_not_go_on_from_these_checkpoints(tuned, tmp_path):
    shop, _, _, _ = tuned
    with pytest.raises(KilledError):
        finetune(shop, tmp_path, watch=kill_at(60))
    assert last_checkpoint(tmp_path / "run")
    steps = []

    def training(progress):
        steps.append(progress.step)
        raise KilledError

    with pytest.raises(KilledError):
        finetune(shop, tmp_path, replace(OPTIONS, seed=1), Watch(training=training))
    assert steps == [1]


@pytest.mark.parametrize("n_items", [10, 49])
def test_too_few_items_are_refused_before_anything_is_written(tuned, tmp_path, n_items):
    shop, _, _, _ = tuned
    few = np.zeros(shop.data.user_items.shape, np.float32)
    few[:, :n_items] = 1
    shop = replace(shop, data=replace(shop.data, user_items=csr_array(few)))
    with pytest.raises(ConfigError, match=f"50 items with events .* there are {n_items} and 300"):
        finetune(shop, tmp_path)
    assert not list(tmp_path.iterdir())


def test_too_few_users_for_the_gate_are_refused(tuned, tmp_path):
    shop, _, _, _ = tuned
    apart = np.zeros(shop.data.user_items.shape, np.float32)
    for user in range(80):
        apart[user, [2 * user, 2 * user + 1]] = 1
    shop = replace(shop, data=replace(shop.data, user_items=csr_array(apart)))
    with pytest.raises(ConfigError, match="needs 20 users to ask"):
        finetune(shop, tmp_path)


@pytest.mark.slow
def test_pairs_are_an_objective_too(tuned, tmp_path):
    shop, _, _, _ = tuned
    report = finetune(shop, tmp_path, replace(OPTIONS, objective="pairs"))
    assert report.verdict.cold.after > 1.1 * report.verdict.cold.before


@pytest.mark.slow
def test_the_bundled_encoder_learns_words_that_go_together(bundled, tmp_path):
    shop = word_shop(tmp_path)
    texts = [f"item of the kind {text}" for (text,) in shop.passages]
    data = replace(shop.data, text_vectors=bundled.encode_documents(texts))
    passages = [(text,) for text in texts]
    shop = replace(shop, encoder="bundled", fingerprint=bundled.fingerprint, passages=passages, data=data)
    options = TrainingOptions(minutes=5, n_texts=10 * 128, batch_items=128, max_tokens=16, n_validations=1)
    report = finetune(shop, tmp_path, replace(options, learning_rate=5e-4))
    assert report.verdict.cold.is_better
    assert report.folder == str(tmp_path / "tuned")
    assert load_encoder(report.folder, SETTINGS).dimension == bundled.dimension
