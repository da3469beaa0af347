"""Which events count in a workspace: by its settings and by what `fit` learned."""

from __future__ import annotations

import pytest
from club_shop import START, load, open_shop

from semrec import Event

OUTSIDE = "rating is outside the scale"


def rating(value):
    return [{"user": "ann", "item": "0-1", "rating": value, "time": START}]


def test_before_the_first_fit_every_rating_counts(own_unfitted):
    with open_shop(own_unfitted) as shop:
        assert shop.add_events(rating(99)).left_out == {}


def test_the_scale_of_the_settings_holds(own_unfitted):
    with open_shop(own_unfitted, events={"rating_scale": (1.0, 10.0)}) as shop:
        assert shop.add_events(rating(9)).left_out == {}
        assert shop.add_events(rating(99)).left_out == {OUTSIDE: 1}


@pytest.mark.parametrize("is_open", [False, True], ids=["closed index", "open index"])
def test_the_scale_that_fit_learned_holds(own_unfitted, is_open):
    ratings = {f"r{n}": [Event(f"0-{n}", "rate", 1.0 + n % 5, START)] for n in range(10)}
    load(own_unfitted, ratings)
    with open_shop(own_unfitted) as shop:
        assert shop.fit(seed=3).cleaning["rating_scale"] == [1, 5]
    with open_shop(own_unfitted) as shop:
        if is_open:
            shop.warm_up()
        report = shop.add_events(rating(9))
    assert report.left_out == {OUTSIDE: 1}
    assert report.examples[OUTSIDE].endswith("[the scale is 1 to 5]")


def test_events_are_stored_whatever_the_state_of_the_index(own_fitted):
    for manifest in (own_fitted / "generations").glob("*/manifest.json"):
        manifest.write_text("{")
    with open_shop(own_fitted) as shop:
        assert shop.add_events(rating(4)).added == 1
