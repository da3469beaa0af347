"""Exploring: a share of the places for items of which little is known, marked as such."""

from __future__ import annotations

import pytest
from club_shop import ids, open_shop

from semrec import Item
from semrec.errors import QueryError
from semrec.ranking.sentences import reason_sentence

NEW = [Item(f"later-{n}", f"Later {n}", "red square") for n in range(4)]


@pytest.fixture
def shop(own_fitted):
    """The clubs, with items that were put after the fit."""
    with open_shop(own_fitted) as shop:
        shop.put_items(NEW)
        yield shop


def is_little_known(item_id):
    return item_id.startswith(("later", "new-"))


@pytest.mark.parametrize(("share", "least"), [(0.1, 1), (0.25, 3), (0.5, 5)])
def test_little_known_items_get_their_share_and_are_marked(shop, share, least):
    plain, found = shop.recommend(user="u1", k=10), shop.recommend(user="u1", k=10, explore=share)
    marked = [item.item_id for item in found if item.explored]
    assert len(found) == 10
    assert len(marked) >= least
    assert marked == [item_id for item_id in ids(found) if is_little_known(item_id)]
    assert not any(item.explored for item in plain)
    known = [item_id for item_id in ids(plain) if not is_little_known(item_id)]
    assert [item_id for item_id in ids(found) if not is_little_known(item_id)] == known[: 10 - len(marked)]


def test_reasons_and_json_say_so(shop):
    found = shop.recommend(user="u1", k=10, explore=0.2)
    explored = next(item for item in found if item.explored)
    assert "Little is known of it yet" in reason_sentence(explored)
    assert [item["explored"] for item in found.to_dict()["recommendations"]] == [i.explored for i in found]


def test_pages_do_not_repeat_explored_items(shop):
    first = shop.recommend(user="u1", k=5, explore=0.2)
    second = shop.recommend(user="u1", k=5, explore=0.2, after=first.next)
    assert not set(ids(first)) & set(ids(second))


def test_without_reasons_the_same_items_are_marked(shop):
    found = [shop.recommend(user="u1", explore=0.3, explain=explain) for explain in (True, False)]
    assert [item.explored for item in found[0]] == [item.explored for item in found[1]]


def test_before_the_fit_it_is_not_known_which_items_have_few_events(own_unfitted):
    with open_shop(own_unfitted) as shop:
        found = shop.recommend(user="u1", explore=0.5)
    assert not any(item.explored for item in found)
    assert "explore does nothing before `semrec fit`" in found.notes[-1]


@pytest.mark.parametrize("share", [-0.1, 1.5, "much", True])
def test_the_share_is_checked(shop, share):
    with pytest.raises(QueryError, match="explore is a number from 0 to 1"):
        shop.recommend(user="u1", explore=share)
