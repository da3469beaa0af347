"""What a user has used is not recommended again, whether or not the events count."""

from __future__ import annotations

import polars as pl
import pytest
from club_shop import START, ids, load, open_shop
from workspace_copies import copy_workspace

from semrec import Event
from semrec.config import EventSettings
from semrec.ranking.history import seen_items

USED = {
    "a kind without a weight": Event("0-1", "sniff", None, START),
    "a time after all": Event("0-1", "buy", None, 1e300),
    "a time before all": Event("0-1", "buy", None, -1e18),
    "outside the scale": Event("0-1", "rate", 99.0, START),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory, fitted_clubs):
    folder = copy_workspace(fitted_clubs, tmp_path_factory.mktemp("seen") / "shop")
    load(folder, {name: [event] for name, event in USED.items()})
    load(folder, {"shown": [Event("0-1", "Impression", None, START)], "gone": [Event("gone", "buy")]})
    with open_shop(folder) as shop:
        yield shop


@pytest.mark.parametrize("user", USED)
def test_what_was_used_is_not_recommended_and_the_reason_is_told(shop, user):
    answer = shop.recommend(user=user, k=100)
    assert "0-1" not in ids(answer)
    assert "0-1" in ids(shop.recommend(user=user, k=100, exclude_seen=False))
    assert shop.why_not("0-1", user=user).verdict == "seen"
    (note,) = answer.notes
    assert note.startswith(f"no event of user {user!r} counts (")
    assert "item '0-1'" in note
    assert note.endswith(": this is what is popular")


def test_the_notes_name_the_true_reason(shop):
    def note(user):
        return shop.recommend(user=user, k=1).notes[0]

    assert "kind has no weight: 1, for instance item '0-1', kind 'sniff'" in note("a kind without a weight")
    assert "kinds with a weight: buy, cart, click, dislike, like," in note("a kind without a weight")
    assert "rating is outside the scale: 1" in note("outside the scale")
    assert "item is not in the catalog: 1" in note("gone")
    assert note("nobody") == "user 'nobody' has no events: this is what is popular"


def test_a_user_who_has_muted_everything_is_told_so(own_fitted):
    with open_shop(own_fitted) as shop:
        interests = shop.user_profile("u1").interests
        shop.set_interests("u1", {interest.item_id: 0.0 for interest in interests})
        (note,) = shop.recommend(user="u1", k=3).notes
    assert note == "user 'u1' has muted all interests: this is what is popular"


def test_what_was_only_shown_can_be_recommended(shop):
    assert "0-1" in ids(shop.recommend(user="shown", k=100))


def test_all_users_are_answered_as_one(shop, tmp_path):
    shop.recommend_all(tmp_path / "all.parquet", k=100)
    rows = pl.read_parquet(tmp_path / "all.parquet")
    for user in (*USED, "shown"):
        found = rows.filter(pl.col("user_id") == user)["item_id"].to_list()
        assert found == ids(shop.recommend(user=user, k=100))


def test_the_profile_counts_what_is_left_out(shop):
    profile = shop.user_profile("a time after all")
    assert (profile.n_events, list(profile.left_out.values())) == (0, [1])
    assert shop.user_profile("u1").left_out == {}


def test_the_kinds_that_are_only_shown_are_a_setting():
    events = [Event("a", "purchase"), Event("b", "Teaser"), Event("a", "view"), Event("c", "impression")]
    assert seen_items(events, EventSettings()) == ("a", "b")
    assert seen_items(events, EventSettings(shown_kinds=("teaser",))) == ("a", "c")
