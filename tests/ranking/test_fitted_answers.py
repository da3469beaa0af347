"""Answers of a fitted shop: items that are used together, new items, and users of whom little is known."""

from __future__ import annotations

import datetime
import re
import time
from dataclasses import replace

import numpy as np
import pytest
from club_shop import (
    CLUBS,
    DAY,
    EVENTS,
    LEARNED,
    club_catalog,
    club_of,
    ids,
    load,
    of_club,
    open_shop,
    repeated,
    scored,
    stored_vectors,
)
from workspace_copies import copy_workspace

from semrec.errors import ConfigError
from semrec.ranking.sentences import reason_sentence

CENTRAL = "central in the groups of the catalog"

# -- items ---------------------------------------------------------------------------------------------


def test_items_that_are_used_together_are_recommended(club_shop):
    for club in range(1, CLUBS):
        history = of_club(club)[:4]
        answer = club_shop.recommend(history=history, k=6)
        assert {club_of(item) for item in ids(answer)} == {str(club)}
        for item in answer:
            strongest = item.because[0]
            assert strongest.item_id in history
            assert strongest.signal in ("collaborative", "item_item")
            assert strongest.title in reason_sentence(item)
            assert {strongest.relation} <= {"", "used together with", "taken next after"}
            assert re.search("also use this|Often used together with|Often taken next", reason_sentence(item))
            assert set(item.signals) <= set(LEARNED)


def test_before_the_fit_the_text_decides(own_unfitted):
    with open_shop(own_unfitted) as shop:
        answer = shop.recommend(history=of_club(3)[:4], k=6)
        assert {reason.signal for item in answer for reason in item.because} == {"text"}
        assert {club_of(item) for item in ids(answer)} != {"3"}


def test_new_items_are_recommended_by_text_and_predicted_factors(club_shop):
    answer = club_shop.recommend(history=of_club(0)[:4], k=12)
    assert "new-round" in ids(answer)
    before = ids(answer)[: ids(answer).index("new-round")]
    assert not {"new-red", "new-other"} & set(before)
    new = answer[len(before)]
    read = sum(new.signals.get(signal, 0) for signal in ("text", "collaborative", "item_item"))
    assert read == pytest.approx(1)  # all that is known of it is predicted from its text
    assert new.signals.get("popularity", 0) <= 0
    assert new.because[0].item_id in of_club(0)[:4]
    factors = stored_vectors(club_shop, "collaborative", ["new-round", "0-5", "3-5"])
    assert factors[0].any()
    assert factors[0] @ factors[1] > factors[0] @ factors[2]


def test_similar_items_need_not_be_popular(club_shop):
    answer = club_shop.similar("3-3", k=20)
    assert all("popularity" not in item.signals for item in answer)
    assert ids(answer) == ids(club_shop.recommend(history=["3-3"], k=20, weights={"popularity": 0.0}))
    assert "popularity" in club_shop.recommend(history=["3-3"], k=1)[0].signals


# -- users ---------------------------------------------------------------------------------------------


def test_an_unknown_user_gets_what_is_popular(club_shop):
    answer = club_shop.recommend(user="unknown", k=5)
    counts = {}
    for history in EVENTS.values():
        for event in history:
            counts[event.item_id] = counts.get(event.item_id, 0) + 1
    assert sorted((counts[item] for item in ids(answer)), reverse=True) == sorted(counts.values())[:-6:-1]
    assert answer.notes == ("user 'unknown' has no events: this is what is popular",)
    assert all(item.signals == {"popularity": 1.0} and item.because == () for item in answer)
    assert {reason_sentence(item) for item in answer} == {"Many use this."}


def test_an_unknown_user_with_a_text_gets_the_text(club_shop):
    answer = club_shop.recommend(user="unknown", text="blue round", k=3)
    assert scored(answer) == scored(club_shop.recommend(text="blue round", k=3))
    assert answer.notes == ("user 'unknown' has no events",)
    assert set(answer[0].signals) <= {"text", "bm25"}


def test_a_user_and_a_text(club_shop):
    def rank(item_id, answer):
        return ids(answer).index(item_id)

    both = club_shop.recommend(user="u4", text="red square", k=60)
    alone, by_text = club_shop.recommend(user="u4", k=60), club_shop.recommend(text="red square", k=60)
    assert rank("new-red", both) < rank("new-red", alone)
    unseen = [item for item in of_club(4) if item in ids(both)]
    assert min(rank(item, both) for item in unseen) <= min(rank(item, by_text) for item in unseen)
    assert {"text", "item_item"} & set(both[0].signals)


def test_a_user_without_an_opinion(own_unfitted):
    """Only neutral ratings: neither for nor against, but seen; with a text and without."""
    scale = {f"r{n}": repeated("5-5", n, kind="rate", value=1.0 + n % 5) for n in range(10)}
    load(own_unfitted, {"neutral": repeated("1-1", 1, kind="rate", value=3.0), **scale})
    with open_shop(own_unfitted, ranking={"text_pooling": "centred_mean"}) as shop:
        shop.fit()
        popular = shop.recommend(user="neutral", k=5)
        assert "this is what is popular" in popular.notes[0]
        assert "1-1" not in ids(popular)
        answer = shop.recommend(user="neutral", text="red", k=60)
        assert all(np.isfinite(score) for _, score in scored(answer))


def test_a_user_before_the_first_fit(own_unfitted):
    with open_shop(own_unfitted) as shop:
        assert len(shop.recommend(user="u1", k=5)) == 5
        answer = shop.recommend(user="unknown", k=5)
        assert answer.notes == ("user 'unknown' has no events: this is what is " + CENTRAL,)


# -- new and popular -----------------------------------------------------------------------------------


def dated_catalog():
    """Items of four ages: by a half life of 30 days their freshness is 0, -1, -2 and -3."""
    now = time.time()
    for place, item in enumerate(club_catalog()):
        added = datetime.datetime.fromtimestamp(now - 30 * DAY * (2 ** (place % 4) - 1), datetime.UTC)
        yield replace(item, metadata={"added": added.isoformat(), "place": place})


@pytest.fixture
def dated(fitted_clubs, tmp_path):
    """A fitted workspace of this test alone whose items have dates."""
    folder = copy_workspace(fitted_clubs, tmp_path / "dated")
    with open_shop(folder) as shop:
        assert len(shop.put_items(dated_catalog()).metadata) == len(club_catalog())
    return folder


def test_an_unknown_user_gets_what_is_popular_and_new(dated):
    used = [event.item_id for history in EVENTS.values() for event in history]
    popular = np.log1p([used.count(item.item_id) for item in club_catalog()])
    fresh = -(np.arange(len(popular)) % 4)
    by_popularity, by_freshness = ((term - term.mean()) / term.std() for term in (popular, fresh))
    by_freshness *= 0.5  # its weight
    with open_shop(dated, ranking={"freshness_field": "added", "freshness_half_life_days": 30}) as shop:
        answer = shop.recommend(user="unknown", k=60)
        assert answer.notes == ("user 'unknown' has no events: this is what is popular and new",)
        for item in answer:
            place = item.metadata["place"]
            parts = np.array([by_popularity[place], by_freshness[place]])
            assert item.score == pytest.approx(parts.sum(), abs=1e-3)
            if parts.min() > 0.1:
                assert item.signals["popularity"] == pytest.approx(parts[0] / parts.sum(), abs=1e-3)
                assert item.signals["freshness"] == pytest.approx(parts[1] / parts.sum(), abs=1e-3)
        assert scored(answer) == sorted(scored(answer), key=lambda pair: -pair[1])
        sentences = {reason_sentence(item) for item in answer}
        assert {"It is new.", "Many use this. It is new."} <= sentences


def test_freshness_counts_only_where_nothing_else_is_known(dated):
    with open_shop(dated, ranking={"freshness_field": "added", "freshness_half_life_days": 30}) as shop:
        assert "freshness" not in shop.recommend(user="u0", k=3)[0].signals
        assert "freshness" not in shop.recommend(user="unknown", text="red", k=3)[0].signals
        only_popular = shop.recommend(user="unknown", k=3, weights={"freshness": 0})
        assert only_popular.notes[0].endswith("this is what is popular")
        assert only_popular[0].signals == {"popularity": 1.0}
        neither = shop.recommend(user="unknown", weights={"freshness": 0, "popularity": 0})
        assert neither.notes[0].endswith(CENTRAL)
        assert neither[0].signals == {"central": 1.0}


def test_before_the_first_fit_an_unknown_user_gets_what_is_new(own_unfitted):
    with open_shop(own_unfitted, ranking={"freshness_field": "added"}) as shop:
        shop.index(dated_catalog())
        answer = shop.recommend(user="unknown", k=20, where={"place": {"lt": 40}})
        assert answer.notes == ("user 'unknown' has no events: this is what is new",)
        assert [item.metadata["place"] % 4 for item in answer] == [0] * 10 + [1] * 10
        assert reason_sentence(answer[0]) == "It is new."
        empty = shop.recommend(k=20, where={"place": {"lt": 40}})
        assert empty.notes == ("the question is empty: this is what is new",)
        assert [item.item_id for item in empty] == [item.item_id for item in answer]


def test_freshness_by_a_field_that_is_not_there(dated):
    with (
        open_shop(dated, ranking={"freshness_field": "born"}) as shop,
        pytest.raises(ConfigError, match=r"'born' is not in the index. Fields .*: added, place;"),
    ):
        shop.recommend(user="unknown")
