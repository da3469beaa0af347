"""A fit writes a new generation: what was learned beside what was there, and nothing is encoded again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from club_shop import (
    LEARNED,
    N_USERS,
    SEED,
    club_catalog,
    ids,
    load,
    open_shop,
    predicted_factors,
    repeated,
    scored,
    stored,
    stored_vectors,
)

from semrec import Event, Item
from semrec.signals.learned import LearnedSettings
from semrec.store.edge import EdgeStore


def test_nothing_is_encoded_again(fitted_shop):
    assert fitted_shop.n_texts_of_fit == 0
    after = stored(fitted_shop.recommender)
    for item_id, point in fitted_shop.before.items():
        np.testing.assert_array_equal(after[item_id].vectors["text"], point.vectors["text"])


def test_everything_else_is_taken_over(fitted_shop):
    after = stored(fitted_shop.recommender)
    assert set(after) == set(fitted_shop.before)
    for item_id, point in fitted_shop.before.items():
        assert after[item_id].record == point.record
        assert set(after[item_id].vectors) == {*point.vectors, "collaborative", "item_item", "popularity"}
        np.testing.assert_array_equal(after[item_id].vectors["passages"], point.vectors["passages"])
        np.testing.assert_array_equal(after[item_id].vectors["bm25"].values, point.vectors["bm25"].values)


def test_the_manifest_is_that_of_before_with_the_models(own_fitted):
    store = EdgeStore(own_fitted)
    before, after = store.manifest(1), store.manifest(2)
    assert LearnedSettings.of(before) is None
    assert replace(after, vectors=(), models={}, arrays={}, built_at=0) == replace(
        before, vectors=(), models={}, arrays={}, built_at=0
    )


def test_the_new_generation_answers(fitted_shop):
    assert fitted_shop.report.generation == 2
    assert fitted_shop.recommender.info()["current"] == 2
    assert set(LEARNED) <= set(fitted_shop.recommender.info()["signals"])


def test_the_report_says_what_was_learned(fitted_shop):
    report = fitted_shop.report
    assert (report.n_users, report.n_items, report.n_events) == (N_USERS, len(club_catalog()), 7 * N_USERS)
    assert set(report.learning["warm"]) == {*LEARNED, "blend"}
    assert report.learning["warm"]["blend"] >= 0.95 * max(report.learning["warm"].values())
    assert report.cleaning["dropped"] == {}
    json.dumps(report.to_dict())


def test_new_items_have_the_factors_that_the_stored_map_predicts(club_shop):
    new = ["new-round", "new-red", "new-other"]
    expected = predicted_factors(club_shop, stored_vectors(club_shop, "text", new))
    np.testing.assert_allclose(stored_vectors(club_shop, "collaborative", new), expected, atol=1e-5)


def test_both_engines_learn_and_answer_alike(fitted_shops):
    edge, memory = (fitted_shops[engine].recommender for engine in ("edge", "memory"))
    for query in ({"user": "u5"}, {"history": ["0-1", "4-2"]}, {"user": "u5", "text": "red"}, {"user": "x"}):
        one, other = edge.recommend(**query, k=30), memory.recommend(**query, k=30)
        assert ids(one) == ids(other)
        np.testing.assert_allclose([s for _, s in scored(one)], [s for _, s in scored(other)], atol=1e-3)


def test_the_same_seed_gives_the_same_answers(embedded_club_shop, own_fitted):
    store = EdgeStore(own_fitted)
    with open_shop(own_fitted) as again:
        for user in ("u0", "u7", "u33"):
            answer = again.recommend(user=user, k=20)
            assert scored(answer) == scored(embedded_club_shop.recommend(user=user, k=20))
        first = store.manifest(2)
        assert again.fit(seed=SEED).generation == 3
        second = store.manifest(3)
    assert second.models == first.models
    assert second.arrays.keys() == first.arrays.keys()
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(second.arrays[name], array)


def test_two_events_are_enough_to_answer(own_unfitted):
    """Nothing can be validated: the report says so, and the defaults answer."""
    for path in own_unfitted.glob("events.db*"):
        path.unlink()
    load(own_unfitted, {"a": [Event("1-1")], "b": [Event("1-2")]})
    with open_shop(own_unfitted) as shop:
        report = shop.fit()
        assert any("defaults" in note for note in report.learning["notes"])
        assert len(shop.recommend(user="a", k=5)) == 5
        assert len(shop.recommend(user="unknown", k=5)) == 5


def test_ratings_that_are_all_alike_are_likes(own_unfitted):
    """Their scale has no room: a rating only says that the item was used."""
    load(own_unfitted, {f"r{n}": repeated(f"5-{n}", n, kind="rate", value=4.0) for n in range(5)})
    with open_shop(own_unfitted) as shop:
        report = shop.fit()
        assert list(report.cleaning["rating_scale"]) == [4.0, 4.0]
        assert len(shop.recommend(user="r1", k=5)) == 5


def test_a_history_longer_than_the_weights_of_an_item(tmp_path):
    """An item keeps 200 weights; users with more items get answers, too."""
    catalog = [Item(f"i{n}", f"Title {n}", "red" if n % 2 else "green") for n in range(230)]
    with open_shop(tmp_path / "shop") as shop:
        shop.index(catalog)
        load(tmp_path / "shop", {f"u{user}": most_of(catalog, user) for user in range(20)})
        shop.fit()
        assert max(len(point.vectors["item_item"].indices) for point in stored(shop).values()) == 200
        seen = {event.item_id for event in most_of(catalog, 7)}
        assert len(seen) > 200
        answer = shop.recommend(user="u7", k=20)
        assert len(answer) == 20
        assert not seen & set(ids(answer))


def most_of(catalog, user):
    """Return events on all items but every tenth, starting with another one for each user."""
    return [Event(item.item_id) for place, item in enumerate(catalog) if (place + user) % 10]
