"""The training of a tiny encoder: it learns, stops in time, goes on after a kill, and writes an encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from semrec.config import Settings
from semrec.encoder import load_encoder
from semrec.encoder.training import TrainingOptions
from semrec.encoder.training.objectives import HistoryObjective, PairObjective
from semrec.encoder.training.trainer import last_checkpoint, train_encoder
from semrec.errors import EncoderError

TEXTS = ["red round", "green square", "blue else", "something title", "red else", "blue square"]
TOGETHER = csr_array(np.array([[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]] * 2, np.float32))
"""Three pairs of items that the same users use; their texts share nothing."""

ALL = [np.arange(6)] * 30
OPTIONS = TrainingOptions(batch_items=6, n_texts=180, learning_rate=5e-3, kept_share=1.0, n_validations=3)


def closeness(encode) -> float:
    """Mean cosine of the pairs minus that of all items."""
    vectors = encode(TEXTS)
    vectors = vectors - vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    return float(np.mean([cosines[0, 1], cosines[2, 3], cosines[4, 5]]) - cosines.mean())


def train(folder, tmp_path, options=OPTIONS, batches=ALL, objective=None, validate=closeness, **extra):
    return train_encoder(
        str(folder),
        TEXTS,
        batches,
        objective or (lambda model: HistoryObjective(model, TOGETHER)),
        validate,
        options,
        tmp_path / "run",
        result=tmp_path / "tuned",
        device="cpu",
        **extra,
    )


def encoder(folder):
    return load_encoder(str(folder), Settings(encoder={"device": "cpu"}))


@pytest.mark.parametrize("rank", [0, 4])
def test_items_of_one_history_come_near_each_other(tiny, tmp_path, rank):
    options = TrainingOptions(
        **{**OPTIONS.to_dict(), "lora_rank": rank, "learning_rate": None if rank else 5e-3}
    )
    options = TrainingOptions(**{**options.to_dict(), "learning_rate": 2e-2}) if rank else options
    found = train(tiny, tmp_path, options)
    before, after = encoder(tiny), encoder(tmp_path / "tuned")
    assert closeness(after.encode_documents) > closeness(before.encode_documents) + 0.3
    assert found.scores[found.best_step] == max(found.scores.values())
    assert closeness(after.encode_documents) == pytest.approx(found.scores[found.best_step], abs=0.05)


def test_items_of_one_pair_come_near_each_other(tiny, tmp_path):
    together = csr_array(TOGETHER.T @ TOGETHER - csr_array(np.diag(TOGETHER.sum(axis=0))))
    train(tiny, tmp_path, objective=lambda model: PairObjective(model, together))
    before, after = encoder(tiny), encoder(tmp_path / "tuned")
    assert closeness(after.encode_documents) > closeness(before.encode_documents) + 0.3


def test_the_result_is_an_ordinary_folder_of_the_same_shape(tiny, tmp_path):
    from sentence_transformers import SentenceTransformer

    train(tiny, tmp_path)
    before, after = encoder(tiny), encoder(tmp_path / "tuned")
    assert (after.dimension, after.passage_tokens) == (before.dimension, before.passage_tokens)
    assert after.fingerprint != before.fingerprint
    assert SentenceTransformer(str(tmp_path / "tuned"), device="cpu").encode("red").shape == (32,)


def test_a_part_of_the_way_lies_between_the_old_and_the_trained_weights(tiny, tmp_path):
    from safetensors.torch import load_file

    halfway = replace(OPTIONS, kept_share=0.5, n_validations=1)
    train(tiny, tmp_path, halfway)
    checkpoint = load_file(last_checkpoint(tmp_path / "run") + "/model.safetensors")
    old, new = (load_file(folder / "model.safetensors") for folder in (tiny, tmp_path / "tuned"))
    name = next(name for name in new if name.endswith("layer.0.output.dense.weight"))
    trained = checkpoint["0.model." + name]
    np.testing.assert_allclose(new[name], (old[name] + trained) / 2, atol=1e-6)
    assert not np.allclose(old[name], trained, atol=1e-4)


def test_training_stops_when_the_time_is_over_and_still_gives_an_encoder(tiny, tmp_path):
    short = replace(OPTIONS, minutes=1e-6)
    found = train(tiny, tmp_path, short)
    assert found.steps == 1
    assert encoder(tmp_path / "tuned").dimension == 32


def test_training_stops_early_without_a_better_score_and_takes_the_best_step(tiny, tmp_path):
    scores = iter([0.5, 0.4, 0.3, 0.9])
    options = replace(OPTIONS, n_validations=6, patience=2)
    found = train(tiny, tmp_path, options, validate=lambda encode: next(scores))
    assert found.scores == {5: 0.5, 10: 0.4, 15: 0.3}
    assert found.best_step == 5


def test_a_killed_training_goes_on_from_its_last_checkpoint(tiny, tmp_path):
    class KilledError(Exception):
        pass

    def killed(progress):
        if progress.step == 17:
            raise KilledError

    with pytest.raises(KilledError):
        train(tiny, tmp_path, progress=killed)
    assert last_checkpoint(tmp_path / "run").endswith("checkpoint-10")
    steps = []
    found = train(tiny, tmp_path, progress=lambda progress: steps.append(progress.step))
    assert steps == list(range(11, 31))
    assert (found.steps, sorted(found.scores)) == (30, [10, 20, 30])


def test_a_checkpoint_without_its_last_file_is_not_used(tiny, tmp_path):
    train(tiny, tmp_path)
    last = last_checkpoint(tmp_path / "run")
    (tmp_path / "run" / "checkpoint-99").mkdir()
    assert last_checkpoint(tmp_path / "run") == last


def test_no_file_of_a_checkpoint_is_a_pickle_of_the_arguments(tiny, tmp_path):
    train(tiny, tmp_path)
    assert not list((tmp_path / "run").rglob("training_args.bin"))


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    (tmp_path / "no-encoder").mkdir()
    (tmp_path / "no-encoder" / "config.json").write_text("{}")
    with pytest.raises(EncoderError, match="cannot load the encoder"):
        train(tmp_path / "no-encoder", tmp_path)
    assert not (tmp_path / "tuned").exists()
