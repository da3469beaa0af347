"""Draft manifests of new and of updated indexes."""

from __future__ import annotations

import pytest
from stub_index import manifest
from toy import ToyEncoder

from semrec.encoder.truncated import truncate_encoder
from semrec.indexer.drafts import draft_manifest, updated_manifest
from semrec.indexer.read import open_catalog


def catalog(**values):
    return open_catalog([{"id": "a", "title": "A", **values}], max_text_bytes=100)


def test_a_draft_describes_the_encoder_and_the_texts():
    draft = draft_manifest(ToyEncoder(), "{title}", 8, {"year": "integer"}, journal=5)
    assert (draft.encoder, draft.encoder_fingerprint, draft.dimension) == ("toy", "toy-fingerprint", 6)
    assert (draft.template, draft.passage_tokens, draft.fields) == ("{title}", 8, {"year": "integer"})
    assert draft.journal == 5
    assert (draft.n_items, draft.text_mean) == (0, ())


@pytest.mark.parametrize("quantized", [False, True])
def test_only_the_text_vector_is_quantized(quantized):
    draft = draft_manifest(ToyEncoder(), "{title}", None, {}, quantized=quantized)
    assert {field.name for field in draft.vectors if field.quantized} == ({"text"} if quantized else set())


def test_an_update_adds_fields_and_keeps_the_rest():
    before = manifest(year="integer")
    updated = updated_manifest(before, catalog(colour="red"), None)
    assert updated.fields == {"year": "integer", "colour": "keyword"}
    assert (updated.vectors, updated.encoder_fingerprint) == (before.vectors, before.encoder_fingerprint)


def test_quantization_stays_unless_it_is_given():
    before = draft_manifest(ToyEncoder(), "{title}", None, {}, quantized=True)
    assert updated_manifest(before, catalog(), None).vectors == before.vectors
    changed = updated_manifest(before, catalog(), None, quantized=False)
    assert not any(field.quantized for field in changed.vectors)


def test_another_encoder_has_its_own_vectors():
    other = truncate_encoder(ToyEncoder(), 3)
    updated = updated_manifest(manifest(), catalog(), other, template="{text}", passage_tokens=4)
    assert (updated.dimension, updated.encoder_fingerprint) == (3, "toy-fingerprint-3d")
    assert (updated.template, updated.passage_tokens) == ("{text}", 4)
    assert {field.dimension for field in updated.vectors if field.name == "text"} == {3}
