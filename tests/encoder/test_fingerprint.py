"""Fingerprints change with every file that determines the vectors, and with no other."""

from __future__ import annotations

from semrec.config import Settings
from semrec.encoder import load_encoder
from semrec.encoder.fingerprint import known_fingerprint

PROMPTS = {"prompts": {"query": "query: ", "document": "passage: "}}


def load(folder):
    return load_encoder(str(folder), Settings())


def test_the_fingerprint_of_a_folder_is_known_without_loading(bundled):
    assert known_fingerprint("bundled", "float32") == bundled.fingerprint
    assert known_fingerprint("bundled", "int8") == f"{bundled.fingerprint}-int8"
    assert known_fingerprint("owner/model", "float32") is None


def test_the_fingerprint_changes_with_any_file_that_determines_the_vectors(bundled, model_copy):
    same = load(model_copy("same"))
    prompted = load(model_copy("prompted", config_sentence_transformers=PROMPTS))
    shorter = load(model_copy("shorter", sentence_bert_config={"max_seq_length": 128}))
    assert same.fingerprint == bundled.fingerprint
    assert len({bundled.fingerprint, prompted.fingerprint, shorter.fingerprint}) == 3
    assert shorter.passage_tokens == 126


def test_the_fingerprint_changes_with_the_weights(bundled, model_copy):
    folder = model_copy()
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(weights)
    assert load(folder).fingerprint != bundled.fingerprint


def test_other_files_do_not_change_the_fingerprint(bundled, model_copy):
    folder = model_copy()
    (folder / "NOTES.md").write_text("bought on Tuesday")
    assert load(folder).fingerprint == bundled.fingerprint
