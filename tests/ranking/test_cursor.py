"""Pages of an answer: together they are one list, without repetition, whatever the diversity."""

from __future__ import annotations

import numpy as np
import pytest
from club_shop import CLUB_SIZE, CLUBS, club_catalog, ids, of_club, open_shop
from hypothesis import given
from hypothesis import strategies as st

from semrec.errors import QueryError
from semrec.ranking.cursor import MOST_SHOWN, read_cursor, write_cursor

QUERIES = {
    "history": {"history": of_club(2)[:3]},
    "text": {"text": "red round"},
    "text and history": {"text": "green", "history": of_club(1)[:4]},
    "filtered": {"history": of_club(2)[:3], "exclude": of_club(3)},
}


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_a_cursor_is_read_as_it_was_written(keys):
    shown = np.array(keys, np.uint64)
    assert read_cursor(write_cursor(shown)).tolist() == keys


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "%%%", "é", write_cursor(np.zeros(MOST_SHOWN + 1, np.uint64))]
)
def test_another_text_is_refused(cursor):
    with pytest.raises(QueryError, match="cursor"):
        read_cursor(cursor)


def pages_of(shop, k, **query):
    """Return the ids of all pages of an answer."""
    pages, after = [], None
    while True:
        page = shop.recommend(k=k, after=after, **query)
        pages.append(ids(page))
        after = page.next
        if after is None:
            return pages


@pytest.mark.parametrize("diversity", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_pages_show_every_item_once(club_shop, query, diversity):
    pages = pages_of(club_shop, 7, diversity=diversity, **query)
    shown = [item_id for page in pages for item_id in page]
    assert all(len(page) == 7 for page in pages[:-1])
    assert len(shown) == len(set(shown))
    everything = ids(club_shop.recommend(k=1000, **query))
    assert set(shown) == set(everything)
    assert shown == ids(club_shop.recommend(k=1000, diversity=diversity, **query)) or diversity
    assert pages == pages_of(club_shop, 7, diversity=diversity, **query)


def test_diversity_remembers_what_was_shown(club_shop):
    query = {"text": "red round", "diversity": 1.0}
    first = club_shop.recommend(k=1, **query)
    second = club_shop.recommend(k=1, after=first.next, **query)
    assert ids(first) + ids(second) == ids(club_shop.recommend(k=2, **query))
    assert ids(second) != ids(club_shop.recommend(k=2, text="red round"))[1:]


def test_the_last_page_has_no_next_one(club_shop):
    assert club_shop.recommend(text="red", k=1000).next is None
    assert club_shop.recommend(text="red", k=1).next is not None


def test_a_deleted_item_of_an_earlier_page_does_no_harm(own_fitted):
    with open_shop(own_fitted) as shop:
        first = shop.recommend(text="red round", k=3)
        rest = ids(shop.recommend(text="red round", k=4, after=first.next))
        shop.delete_items([first[0].item_id])
        assert ids(shop.recommend(text="red round", k=4, after=first.next)) == rest


def test_all_items_of_the_shop_can_be_paged_through(club_shop):
    pages = pages_of(club_shop, 10, text="red")
    assert sum(map(len, pages)) == len(club_catalog()) >= CLUBS * CLUB_SIZE


def test_similar_items_have_pages_too(club_shop):
    first = club_shop.similar("2-1", k=4)
    second = club_shop.similar("2-1", k=4, after=first.next)
    assert ids(first) + ids(second) == ids(club_shop.similar("2-1", k=8))
