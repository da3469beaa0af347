"""The map of a catalog: where its items are, and to which groups they belong."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from workspace_copies import copy_workspace

from semrec import Recommender, Settings
from semrec.catalog_map.layout import LANDMARKS
from semrec.catalog_map.map import draw_map, grouping_field, place_items
from semrec.store import Record
from semrec.types import item_keys


@pytest.fixture(scope="module")
def shop(indexed, bundled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("map") / "shop"
    copy_workspace(indexed, folder)
    with Recommender(folder, Settings(), encoder=bundled) as recommender:
        yield recommender


@pytest.fixture(scope="module")
def generation(shop):
    with shop.reading() as generation:
        yield generation


def test_every_item_of_a_small_catalog_is_on_the_map(shop, catalog):
    found = shop.map()

    assert sorted(found.item_ids) == sorted(catalog["item_id"])
    assert dict(zip(found.item_ids, found.titles, strict=True)) == dict(
        zip(catalog["item_id"], catalog["title"], strict=True)
    )
    assert found.places.shape == (len(catalog), 2)
    assert np.isfinite(found.places).all()
    assert np.all(np.abs(found.places) <= 1.0001)


def test_items_are_grouped_by_the_field_that_groups_most(shop, catalog):
    found = shop.map()

    assert found.field == "categories"
    counts = Counter(catalog["categories"])
    assert sorted(found.groups) == sorted(counts)
    assert [counts[group] for group in found.groups] == sorted(counts.values(), reverse=True)
    category = dict(zip(catalog["item_id"], catalog["categories"], strict=True))
    assert [found.groups[group] for group in found.group] == [category[item] for item in found.item_ids]


def test_like_things_are_near_each_other(shop):
    """The nearest neighbour on the map is of the same category twice as often as by chance."""
    found = shop.map()
    distances = np.linalg.norm(found.places[:, None] - found.places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    group = np.array(found.group)

    same = float((group == group[distances.argmin(axis=1)]).mean())
    by_chance = float((group[:, None] == group[None]).mean())
    assert same > 2 * by_chance


def test_an_item_is_where_the_map_shows_it(shop):
    found = shop.map()
    wanted = ["python3-numpy", "no such item", "python3-scipy", "python3-numpy"]

    places = shop.places(wanted)

    assert list(places) == ["python3-numpy", "python3-scipy"]
    for item_id, place in places.items():
        assert place == pytest.approx(tuple(found.places[found.item_ids.index(item_id)]), abs=1e-6)
    assert shop.places([]) == {}


def test_a_map_is_bounded(generation):
    found = draw_map(generation.index, generation.manifest, n_items=20)

    assert len(found.item_ids) == len(found.titles) == len(found.places) == len(found.group) == 20
    np.testing.assert_array_equal(np.sort(item_keys(found.item_ids)), generation.index.sample(20))


def test_landmarks_are_a_sample_of_the_catalog_and_are_kept_in_the_manifest(generation, catalog):
    keys = [key for key, _, _ in generation.manifest.landmarks]

    assert keys == generation.index.sample(LANDMARKS).tolist()
    assert len(keys) == len(catalog)
    assert len(json.dumps(generation.manifest.landmarks)) < 50 * len(keys)


def test_a_generation_without_landmarks_has_no_map(generation):
    old = replace(generation.manifest, landmarks=())

    assert draw_map(generation.index, old) is None
    assert place_items(generation.index, old, ["python3-numpy"]) is None


def test_deleted_landmarks_are_left_out(generation):
    gone = (int(item_keys(["deleted since"])[0]), 1.0, 1.0)
    marked = replace(generation.manifest, landmarks=(gone, *generation.manifest.landmarks))

    before = place_items(generation.index, generation.manifest, ["python3-numpy"])
    assert place_items(generation.index, marked, ["python3-numpy"]) == before


def records(**values):
    """Records with one metadata field for each argument, a list of values each."""
    by_item = defaultdict(dict)
    for name, column in values.items():
        for number, value in enumerate(column):
            if value is not None:
                by_item[number][name] = value
    return [Record(str(number), "", (), metadata) for number, metadata in by_item.items()]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, None),
        ({"kind": ["a", "a", "b", "b"], "colour": ["red", "red", "blue", None]}, "kind"),
        ({"same": ["a"] * 4, "kind": ["a", "a", "b", None]}, "kind"),  # one value groups nothing
        ({"id": ["a", "b", "c", "d"]}, None),  # nor do values of one item each
        ({"size": [1, 1, 2, 2], "new": [True, True, False, False]}, None),
        ({"tags": [("x", "y"), ("x",), ("z", "x"), ()], "kind": ["a", "b", "c", "d"]}, "tags"),
    ],
)
def test_the_field_that_groups(values, field):
    assert grouping_field(records(**values)) == field
