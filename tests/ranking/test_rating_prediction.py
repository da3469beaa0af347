"""Predicted ratings of one user: the number, its interval, its reasons, and ratings inside answers."""

from __future__ import annotations

import numpy as np
import pytest
from club_shop import load, open_shop

from semrec import Event, Item
from semrec.errors import ConfigError, QueryError, UnknownItemError
from semrec.signals.predicted_ratings import RATING
from semrec.types import item_keys

ARTICLE = [[3, 4, 2], [2, 3, 4], [4, 2, 3], [1, 2, 4], [3, None, 3]]
"""Five users and three items: what does user 5 give to item 2?"""

TASTES = {"red": "red square", "blue": "blue round"}


def rated(rows):
    """Return rating events by user: users and items are counted from 1."""
    return {
        str(user): [Event(str(item), "rate", float(stars)) for item, stars in enumerate(row, 1) if stars]
        for user, row in enumerate(rows, 1)
    }


@pytest.fixture(scope="module")
def article(tmp_path_factory):
    """The example of the article, fitted."""
    folder = tmp_path_factory.mktemp("article") / "shop"
    with open_shop(folder) as shop:
        shop.index([Item("1", "One", "red"), Item("2", "Two", "green"), Item("3", "Three", "blue")])
        load(folder, rated(ARTICLE))
        shop.fit()
        yield shop


@pytest.fixture(scope="module")
def fans(tmp_path_factory):
    """60 users who give red things 5 and blue things 1, or the other way round; `new` has no ratings."""
    folder = tmp_path_factory.mktemp("fans") / "shop"
    items = [Item(f"{kind}{n}", f"{kind} {n}", TASTES[kind]) for kind in TASTES for n in range(12)]
    rng = np.random.default_rng(0)
    users = {}
    for user in range(60):
        chosen = rng.permutation(len(items))[:12]
        users[f"u{user}"] = [
            Event(items[i].item_id, "rate", 5.0 if (i < 12) == (user % 2 == 0) else 1.0) for i in chosen
        ]
    with open_shop(folder) as shop:
        shop.index([*items, Item("new", "New", "red square")])
        load(folder, {**users, "quiet": [Event("red1")]})
        shop.fit()
        yield shop


def test_the_case_of_the_article_can_be_asked(article):
    found = article.predict("2", user="5")
    assert 2 < found.rating < 4
    assert 1 <= found.low < found.rating < found.high <= 5
    assert (found.n_user_ratings, found.n_item_ratings, found.given) == (2, 4, None)
    assert found.scale == (1, 5)
    assert "The average rating is 2.9." in found.reason


def test_middle_ratings_are_neutral_and_seen(article):
    """User 5 gave 3 of 5 twice: no like, no dislike, yet known and not recommended again."""
    answer = article.recommend(user="5", exclude_seen=True)
    assert [item.item_id for item in answer] == ["2"]
    assert "user '5' has given 2 neutral ratings, in the middle of 1 to 5" in answer.notes[0]
    assert article.user_profile("5").n_events == 2
    assert not article.user_profile("5").left_out


def test_middle_ratings_are_used_not_left_out(tmp_path):
    with open_shop(tmp_path / "shop") as shop:
        shop.index([Item("1", "One", "red"), Item("2", "Two", "green"), Item("3", "Three", "blue")])
        load(tmp_path / "shop", rated(ARTICLE))
        report = shop.fit()
    assert report.cleaning["dropped"] == {}
    assert report.n_events == 14


def test_ratings_follow_the_taste_of_the_user(fans):
    red, blue = fans.predict("red1", user="u0"), fans.predict("blue1", user="u0")
    assert red.rating > 4.3
    assert blue.rating < 1.7
    assert fans.predict("red1", user="u1").rating < 1.7


def test_mean_item_and_ratings_add_up(fans):
    found = fans.predict("red3", user="u3")
    whole = found.mean + found.item_effect + found.user_effect
    assert found.rating == pytest.approx(np.clip(whole, 1, 5), abs=1e-3)
    effects = [abs(one.effect) for one in found.because]
    assert effects == sorted(effects, reverse=True)
    assert all(one.title for one in found.because)


def test_an_own_rating_of_the_item_does_not_count(fans):
    with fans.reading() as generation:
        assert RATING in {field.name for field in generation.manifest.vectors}
    known = {event.item_id for event in fans.event_log().history("u0", limit=100)}
    item = sorted(item_id for item_id in known if item_id.startswith("red"))[0]
    found = fans.predict(item, user="u0")
    assert found.given == 5
    assert found.n_user_ratings == len(known) - 1
    assert any("rated 5 already" in note for note in found.notes)
    assert item not in {one.item_id for one in found.because}


def test_an_item_without_ratings_is_predicted_by_its_text(fans):
    found = fans.predict("new", user="u0")
    assert found.n_item_ratings == 0
    assert found.rating > 3.8
    assert fans.predict("new", user="u1").rating < 2.2
    assert "compared with the texts of rated items" in " ".join(found.notes)


def test_an_item_that_was_put_after_the_fit_is_predicted_too(fans):
    fans.put_items([Item("later", "Later", "blue round")])
    assert fans.predict("later", user="u1").rating > 3.8
    fans.delete_items(["later"])


def test_a_user_without_ratings_gets_the_average_of_the_item(fans):
    for user in ("quiet", "nobody"):
        found = fans.predict("red1", user=user)
        assert found.user_effect == 0
        assert found.rating == pytest.approx(found.mean + found.item_effect, abs=1e-5)
        assert f"user '{user}' has no other ratings" in found.notes[0]


def test_a_history_counts_like_stored_ratings(fans):
    stored = fans.event_log().history("u0", limit=100)
    assert fans.predict("new", history=stored).rating == pytest.approx(
        fans.predict("new", user="u0").rating, abs=1e-6
    )


def test_four_of_five_new_ratings_lie_in_the_interval(tmp_path):
    """Ratings with noise: the interval is as wide as the noise asks for."""
    rng = np.random.default_rng(1)
    items = [Item(str(n), f"Item {n}", "red round") for n in range(40)]
    levels = rng.normal(3, 0.6, len(items))
    stars = np.clip(levels + rng.normal(0, 0.5, (80, len(items))), 1, 5)
    known = rng.random(stars.shape) < 0.5
    with open_shop(tmp_path / "shop") as shop:
        shop.index(items)
        load(
            tmp_path / "shop",
            {
                f"u{user}": [
                    Event(str(n), "rate", float(stars[user, n])) for n in np.flatnonzero(known[user])
                ]
                for user in range(len(stars))
            },
        )
        shop.fit()
        inside = []
        for user in range(0, len(stars), 8):
            for n in np.flatnonzero(~known[user]):
                found = shop.predict(str(n), user=f"u{user}")
                inside.append(found.low <= stars[user, n] <= found.high)
    assert len(inside) > 150
    assert 0.7 < np.mean(inside) < 0.9


def test_answers_hold_predicted_ratings(fans):
    answer = fans.recommend(user="u0", k=5, exclude_seen=False)
    for item in answer:
        if item.item_id not in {e.item_id for e in fans.event_log().history("u0", limit=100)}:
            assert item.predicted_rating == pytest.approx(
                fans.predict(item.item_id, user="u0").rating, abs=1e-5
            )
    plain = fans.recommend(user="u0", k=5, exclude_seen=False, explain=False)
    assert [item.predicted_rating for item in plain] == pytest.approx(
        [item.predicted_rating for item in answer]
    )
    assert answer.to_dict()["recommendations"][0]["predicted_rating"] == answer[0].predicted_rating
    assert all(item.predicted_rating is None for item in fans.recommend(text="red"))


def test_a_log_without_ratings_has_no_predicted_ratings(embedded_club_shop):
    assert all(item.predicted_rating is None for item in embedded_club_shop.recommend(user="u0"))
    with pytest.raises(ConfigError, match=r"no ratings were learned.*kind 'rate'"):
        embedded_club_shop.predict("0-1", user="u0")


def test_before_the_fit_the_way_is_told(own_unfitted):
    with open_shop(own_unfitted) as shop, pytest.raises(ConfigError, match="semrec fit"):
        shop.predict("0-1", user="u0")


def test_questions_that_cannot_be_answered_say_why(fans):
    with pytest.raises(UnknownItemError, match="'nowhere' is not in the index"):
        fans.predict("nowhere", user="u0")
    with pytest.raises(QueryError, match="give a user"):
        fans.predict("red1")


def test_only_ratings_are_stored_as_vectors(fans):
    """No search graph and no user is stored: an item has its count, its bias and its factor."""
    with fans.reading() as generation:
        field = next(field for field in generation.manifest.vectors if field.name == RATING)
        vector = generation.index.vectors(RATING, item_keys(["new"]))[0]
    assert not field.searched
    assert vector[0] == 0
