"""What `fit` learned besides vectors: the manifest keeps it, numbers in its JSON and arrays beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from club_shop import LEARNED, stored_vectors

from semrec.signals.blend import BlendWeights
from semrec.signals.learned import LearnedSettings
from semrec.store.edge import EdgeStore
from semrec.store.manifests import dump_manifest, load_manifest
from semrec.store.protocol import Manifest

WEIGHTS = BlendWeights(
    LEARNED, (0, 4), (0, 1), (((0.1, 0.2, 0.3, 0.4), (1, 0, 0, 0.5)), ((0, 0.5, 0.5, 0), (0.25,) * 4))
)
GRAM = np.arange(4, dtype=np.float32).reshape(2, 2)
LEFT_OUT = np.array([3, 2**64 - 1], np.uint64)
EVERYTHING = LearnedSettings(
    WEIGHTS,
    12.5,
    (0.5, 5.0),
    {
        "collaborative": {
            "gram": GRAM,
            "alpha": 0.1,
            "n_items": 5,
            "text_centre": np.ones(2, np.float32),
            "text_weights": np.ones((3, 2), np.float32),
        },
        "item_item": {"left_out": LEFT_OUT},
        "popularity": {},
    },
)


@pytest.fixture
def manifest():
    """The manifest of a generation from a catalog alone."""
    return Manifest(
        encoder="toy",
        encoder_fingerprint="toy",
        dimension=2,
        query_prompt="",
        document_prompt="",
        template="{title}",
        vectors=(),
        fields={},
    )


def read_again(manifest):
    """Write a manifest and read it, as a store does."""
    text, arrays = dump_manifest(manifest)
    return load_manifest(text, lambda digest: arrays, "here")


def test_before_the_first_fit_there_is_nothing(manifest):
    assert LearnedSettings.of(manifest) is None


def test_what_was_learned_survives_the_files_of_a_store(manifest):
    after = LearnedSettings.of(read_again(EVERYTHING.stored_in(manifest)))
    assert after.weights == WEIGHTS
    assert (after.half_life_events, after.rating_scale) == (12.5, (0.5, 5.0))
    assert after.parameters.keys() == EVERYTHING.parameters.keys()
    for signal, parameters in EVERYTHING.parameters.items():
        assert after.parameters[signal].keys() == parameters.keys()
        for name, value in parameters.items():
            np.testing.assert_array_equal(after.parameters[signal][name], value)
    assert after.parameters["item_item"]["left_out"].dtype == np.uint64
    assert after.parameters["collaborative"]["gram"].dtype == np.float32


def test_without_order_ratings_or_clashes(manifest):
    no_keys = np.empty(0, np.uint64)
    before = LearnedSettings(WEIGHTS, None, None, {"item_item": {"left_out": no_keys}})
    after = LearnedSettings.of(read_again(before.stored_in(manifest)))
    assert (after.half_life_events, after.rating_scale) == (None, None)
    assert after.parameters["item_item"]["left_out"].shape == (0,)


def test_arrays_lie_beside_the_json(manifest):
    stored = EVERYTHING.stored_in(manifest)
    assert set(stored.arrays) == {
        "collaborative.gram",
        "collaborative.text_centre",
        "collaborative.text_weights",
        "item_item.left_out",
    }
    assert stored.models["learned"]["parameters"]["collaborative"] == {"alpha": 0.1, "n_items": 5}
    json.dumps(stored.models)


def test_another_fit_replaces_everything(manifest):
    later = LearnedSettings(WEIGHTS, None, None, {"popularity": {}})
    stored = later.stored_in(EVERYTHING.stored_in(manifest))
    assert stored.arrays == {}
    assert LearnedSettings.of(stored) == later


def test_another_encoder_loses_what_is_predicted_from_text():
    kept, notes = EVERYTHING.without_text()
    assert set(kept.parameters["collaborative"]) == {"gram", "alpha", "n_items"}
    assert kept.parameters["item_item"].keys() == {*EVERYTHING.parameters["item_item"], "other_texts"}
    assert len(notes) == 1
    assert "until the next run of: semrec fit" in notes[0]
    assert replace(kept, parameters={}) == replace(EVERYTHING, parameters={})
    assert kept.without_text()[0].parameters["collaborative"].keys() == {"gram", "alpha", "n_items"}


def test_the_manifest_of_a_fitted_shop_holds_what_answers(embedded_club_shop):
    store = EdgeStore(embedded_club_shop.folder)
    read = LearnedSettings.of(store.manifest(2))
    with embedded_club_shop.reading() as generation:
        served = generation.learned
    assert (read.weights, read.half_life_events) == (served.weights, served.half_life_events)
    gram = read.parameters["collaborative"]["gram"]
    np.testing.assert_array_equal(gram, served.parameters["collaborative"]["gram"])
    assert len(gram) == stored_vectors(embedded_club_shop, "collaborative", ["0-0"]).shape[1]
    assert store.manifest(1).models == {}
