"""Indexing after a fit: what was learned goes into the next generation, and new items get their part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from club_shop import club_catalog, ids, open_shop, predicted_factors, stored
from toy import ToyEncoder

from semrec import Item
from semrec.signals.item_item import MAX_ENTRIES

LATER = Item("later", "", "round green")


def test_what_was_learned_goes_into_a_new_generation(own_fitted):
    with open_shop(own_fitted) as shop:
        before, learned = ids(shop.recommend(user="u4")), stored(shop)
        added = [replace(LATER, item_id=f"later-{n}") for n in range(len(club_catalog()))]
        report = shop.index([*club_catalog(), *added])
        assert (report.generation, report.n_added) == (3, len(added))
        assert set(before) & set(ids(shop.recommend(user="u4")))
        after = stored(shop)
        for item_id, point in learned.items():
            vectors = after[item_id].vectors
            for name in ("collaborative", "popularity"):
                np.testing.assert_array_equal(vectors[name], point.vectors[name])
            for part in ("indices", "values"):
                np.testing.assert_array_equal(
                    getattr(vectors["item_item"], part), getattr(point.vectors["item_item"], part)
                )
        check_new(shop, after["later-0"])


def test_a_new_item_gets_the_factors_of_its_text_and_a_changed_one_keeps_its_own(own_fitted):
    with open_shop(own_fitted) as shop:
        known = club_catalog()[0]
        own = stored(shop)[known.item_id].vectors
        shop.put_items([LATER, replace(known, text=f"{known.text} square")])
        after = stored(shop)
        check_new(shop, after["later"])
        changed = after[known.item_id].vectors
        np.testing.assert_array_equal(changed["collaborative"], own["collaborative"])
        np.testing.assert_array_equal(changed["popularity"], own["popularity"])
        assert not np.array_equal(changed["text"], own["text"])


def assert_learned_are_equal(vectors, expected):
    for name in ("collaborative", "popularity"):
        np.testing.assert_array_equal(vectors[name], expected[name])
    for part in ("indices", "values"):
        np.testing.assert_array_equal(
            getattr(vectors["item_item"], part), getattr(expected["item_item"], part)
        )


@pytest.mark.parametrize("reopened", [False, True])
def test_an_item_that_comes_back_has_what_was_learned_of_it(own_fitted, reopened):
    gone = [item for item in club_catalog() if item.item_id in ("1-2", "3-4")]
    with open_shop(own_fitted) as shop:
        learned = stored(shop)
        shop.delete_items([item.item_id for item in gone])
        if reopened:
            shop.close()
        shop.put_items([*gone, LATER])
        after = stored(shop)
        for item in gone:
            assert_learned_are_equal(after[item.item_id].vectors, learned[item.item_id].vectors)
        check_new(shop, after["later"])
        assert "1-2" in ids(shop.recommend(history=["1-1", "1-3"], k=10))


def test_an_item_that_a_catalog_left_out_comes_back_as_it_was(own_fitted):
    catalog = club_catalog()
    with open_shop(own_fitted) as shop:
        learned = stored(shop)
        assert shop.index(catalog[1:], sync=True).n_deleted == 1
        assert shop.index(catalog, sync=True).n_added == 1
        back = catalog[0].item_id
        assert_learned_are_equal(stored(shop)[back].vectors, learned[back].vectors)


def test_another_fit_knows_nothing_of_what_was_deleted(own_fitted):
    gone = club_catalog()[12]
    with open_shop(own_fitted) as shop:
        shop.delete_items([gone.item_id])
        shop.fit(seed=5)
        shop.put_items([gone])
        check_new(shop, stored(shop)[gone.item_id])


def check_new(shop, point):
    """Check the learned vectors of an item that came after the fit."""
    (predicted,) = predicted_factors(shop, point.vectors["text"][None])
    assert predicted.any()
    np.testing.assert_allclose(point.vectors["collaborative"], predicted, atol=1e-6)
    assert point.vectors["popularity"].tolist() == [-1]  # its events are not known
    assert 0 < len(point.vectors["item_item"].values) <= MAX_ENTRIES


def test_the_weights_of_a_new_item_are_those_of_an_item_without_events(own_fitted):
    """The fit has predicted the weights of `new-round`, which has no events; the same text gets the same."""
    with open_shop(own_fitted) as shop:
        (known,) = (item for item in club_catalog() if item.item_id == "new-round")
        shop.put_items([replace(known, item_id="later")])
        points = stored(shop)
        later, at_fit = (points[name].vectors["item_item"] for name in ("later", "new-round"))
        weights = dict(zip(later.indices.tolist(), later.values.tolist(), strict=True))
        expected = dict(zip(at_fit.indices.tolist(), at_fit.values.tolist(), strict=True))
        assert weights == pytest.approx(expected, abs=1e-4)
        found = [item.item_id for item in shop.recommend(user="u0", k=20)]
        assert "later" in found


def test_what_a_catalog_brings_later_gets_the_same(own_fitted):
    with open_shop(own_fitted) as shop:
        (known,) = (item for item in club_catalog() if item.item_id == "new-round")
        more = [Item(f"more-{n}", "", "blue") for n in range(200)]  # so many make a new generation
        report = shop.index([*club_catalog(), replace(known, item_id="later"), *more])
        assert report.generation == 3
        points = stored(shop)
        later, at_fit = (points[name].vectors["item_item"] for name in ("later", "new-round"))
        assert sorted(later.indices) == sorted(at_fit.indices)


def test_another_encoder_says_that_new_items_have_no_factors_until_the_next_fit(own_fitted):
    other = ToyEncoder()
    other.name = other.fingerprint = "other"
    with open_shop(own_fitted, encoder=other) as shop:
        report = shop.index([*club_catalog(), LATER])
        assert "new items have no taste until the next run of: semrec fit" in report.notes[-1]
        assert not stored(shop)["later"].vectors["collaborative"].any()
        shop.fit()
        assert stored(shop)["later"].vectors["collaborative"].any()
