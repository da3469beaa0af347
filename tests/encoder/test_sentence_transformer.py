"""Sentence encoders on torch, tested with the bundled one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from semrec.config import Settings
from semrec.encoder import load_encoder
from semrec.encoder.sentence_transformer import (
    batch_tokens_of,
    computes_bfloat16,
    pick_device,
    tokens_that_fit,
)
from semrec.errors import EncoderError

SENTENCE = "A library to read and write JSON quickly."
FIRST_FIVE = [-0.0881532, -0.0200486, -0.0374854, 0.0010868, -0.0631153]
PROMPTS = {"prompts": {"query": "query: ", "document": "passage: "}}


def load(folder, **settings):
    return load_encoder(str(folder), Settings(encoder=settings))


def test_attributes_of_the_bundled_encoder(bundled):
    assert bundled.name == "bundled"
    assert bundled.dimension == 384
    assert bundled.passage_tokens == 256 - 2
    assert (bundled.query_prompt, bundled.document_prompt) == ("", "")
    assert bundled.device == pick_device(None)


def test_golden_numbers(bundled):
    np.testing.assert_allclose(bundled.encode_documents([SENTENCE])[0, :5], FIRST_FIVE, atol=1e-4)


def test_rows_have_unit_length_and_are_float32(bundled):
    vectors = bundled.encode_documents([SENTENCE, "", "中文", "a" * 2000, "x y " * 400])
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_an_empty_text_leaves_its_batch_float32(bundled):
    assert bundled.encode_queries([""]).dtype == np.float32
    with_empty = bundled.encode_documents(["", SENTENCE])
    assert with_empty.dtype == np.float32
    np.testing.assert_allclose(with_empty[1], bundled.encode_documents([SENTENCE])[0], atol=1e-5)


@pytest.mark.parametrize("method", ["encode_queries", "encode_documents"])
def test_no_texts_are_no_rows(bundled, method):
    vectors = getattr(bundled, method)([])
    assert vectors.shape == (0, 384)
    assert vectors.dtype == np.float32


def test_rows_are_in_the_order_of_the_texts_for_any_batches(model_copy):
    texts = ["gtk " * n for n in (30, 1, 12, 3, 25, 7)]
    small = load(model_copy(), batch_tokens=32)
    alone = np.vstack([small.encode_documents([text]) for text in texts])
    np.testing.assert_allclose(small.encode_documents(texts), alone, atol=1e-5)


def test_progress_is_called_for_every_text(bundled):
    heard: list[int] = []
    bundled.encode_documents(["one", "two " * 300, "three"], progress=heard.append)
    assert sum(heard) == 3


def test_tokens_are_counted_without_special_tokens_and_limit(bundled):
    assert bundled.count_tokens(["", "parse json", "a " * 1000, "科幻小说"]) == [0, 4, 1000, 4]
    assert bundled.count_tokens([]) == []


def test_counting_does_not_change_the_model(bundled):
    bundled.count_tokens(["a " * 1000, "b"])
    np.testing.assert_allclose(bundled.encode_documents([SENTENCE])[0, :5], FIRST_FIVE, atol=1e-4)


def test_prompts_of_the_model_are_used(bundled, model_copy):
    prompted = load(model_copy(config_sentence_transformers=PROMPTS))
    assert (prompted.query_prompt, prompted.document_prompt) == ("query: ", "passage: ")
    query, document = prompted.encode_queries([SENTENCE]), prompted.encode_documents([SENTENCE])
    assert float(query[0] @ document[0]) < 0.99
    np.testing.assert_allclose(query, bundled.encode_queries([f"query: {SENTENCE}"]), atol=1e-4)
    np.testing.assert_allclose(document, bundled.encode_documents([f"passage: {SENTENCE}"]), atol=1e-4)


def test_the_prompt_takes_its_tokens_from_the_passage(bundled, model_copy):
    prompted = load(model_copy(config_sentence_transformers=PROMPTS))
    assert prompted.passage_tokens == bundled.passage_tokens - 2  # "passage" and ":"


def test_another_name_for_the_document_prompt(model_copy):
    prompts = {"prompts": {"query": "q: ", "passage": "p: "}}
    assert load(model_copy(config_sentence_transformers=prompts)).document_prompt == "p: "


def test_a_folder_without_a_model_is_an_error(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(EncoderError, match=r"cannot load the encoder .*in safetensors format") as raised:
        load(tmp_path)
    assert "\n" not in str(raised.value)


def test_truncated_weights_are_an_error(model_copy):
    folder = model_copy()
    weights = (folder / "model.safetensors").read_bytes()[:1_000_000]
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(EncoderError, match="cannot load the encoder"):
        load(folder)


def test_pickled_weights_are_an_error(model_copy):
    folder = model_copy()
    (folder / "model.safetensors").unlink()
    torch.save({"embeddings.word_embeddings.weight": torch.zeros(2, 2)}, folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="safetensors"):
        load(folder)


def test_a_model_with_its_own_code_is_an_error(model_copy):
    folder = model_copy()
    ran = folder / "ran"
    (folder / "own.py").write_text(f"open({str(ran)!r}, 'w')\nclass Own: ...\n")
    modules = (folder / "modules.json").read_text()
    (folder / "modules.json").write_text(
        modules.replace("sentence_transformers.models.Transformer", "own.Own")
    )
    with pytest.raises(EncoderError, match="cannot load the encoder"):
        load(folder)
    assert not ran.exists()


def test_the_device_can_be_chosen():
    assert pick_device("cpu") == "cpu"
    with pytest.raises(EncoderError, match="cannot load the encoder"):
        load_encoder("bundled", Settings(encoder={"device": "abacus"}))


def test_a_model_without_a_tokenizer_is_an_error(model_copy):
    folder = model_copy()
    for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink()
    shutil.rmtree(folder / "1_Pooling")
    with pytest.raises(EncoderError, match="cannot load the encoder"):
        load(folder)


needs_bfloat16 = pytest.mark.skipif(
    not computes_bfloat16(torch.device("cpu")), reason="this processor has no bfloat16"
)


@needs_bfloat16
def test_bfloat16_has_nearly_the_same_vectors_and_another_fingerprint(bundled):
    half = load_encoder("bundled", Settings(encoder={"backend": "torch-bf16", "device": "cpu"}))
    assert (bundled.precision, half.precision) == ("float32", "bfloat16")
    assert half.fingerprint == f"{bundled.fingerprint}-bfloat16"
    vectors = half.encode_documents([SENTENCE, "中文", "x y " * 400])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    cosines = (vectors * bundled.encode_documents([SENTENCE, "中文", "x y " * 400])).sum(axis=1)
    assert cosines.min() > 0.99


def test_a_device_without_bfloat16_is_an_error():
    assert not computes_bfloat16(torch.device("meta"))
    with pytest.raises(EncoderError, match=r"this machine \(meta\) cannot run .* in bfloat16"):
        load_encoder("bundled", Settings(encoder={"device": "meta"}), precision="bfloat16")


def test_a_graphics_card_takes_what_fits_into_half_of_its_free_memory():
    # all-MiniLM: 6 x 384 + 2 x 1536 numbers a token, of 2 bytes each.
    assert tokens_that_fit(10_752_000 * 2, 384, 1536, 2) == 1000
    assert tokens_that_fit(80 * 2**30, 384, 1536, 2) == 262_144
    assert tokens_that_fit(0, 384, 1536, 4) == 0


def test_a_processor_uses_the_batch_size_of_the_settings(bundled):
    assert batch_tokens_of(bundled.model) == 0
