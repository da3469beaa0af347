"""A first answer, always: before the first fit, for an unknown user, for an empty question."""

from __future__ import annotations

import pytest
from toy import ToyEncoder

from semrec import Event, Item, Recommender
from semrec.config import Settings

COLOURS = ("red", "green", "blue")
CENTRAL = "this is what is central in the groups of the catalog"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An unfitted shop with nine items of each colour; the round ones are not typical."""
    folder = tmp_path_factory.mktemp("first-answer") / "shop"
    with Recommender(folder, Settings(), encoder=ToyEncoder(20)) as recommender:
        recommender.index(
            [
                Item(f"{colour}{n}", "", f"{colour} " * 9 + "round " * n, {"colour": colour})
                for colour in COLOURS
                for n in range(9)
            ]
        )
        yield recommender


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({}, "the question is empty"),
        ({"text": "  "}, "the question is empty"),
        ({"user": "nobody"}, "user 'nobody' has no events"),
        ({"history": [Event("red8", "rate", 3.0)]}, "no event of the history counts"),
    ],
)
def test_the_answer_says_what_it_is_and_why(shop, question, why):
    answer = shop.recommend(**question, k=6)
    assert answer.notes == (f"{why}: {CENTRAL}",)
    assert {item.item_id[:-1] for item in answer} == set(COLOURS)
    assert all(item.signals == {"central": 1.0} for item in answer if item.score > 0)


def test_filters_exclusions_and_reasons_hold_there_too(shop):
    answer = shop.recommend(where={"colour": "red"}, exclude=["red0"], k=20)
    assert {item.item_id for item in answer} == {f"red{n}" for n in range(1, 9)}
    first = shop.recommend(k=1)[0].item_id
    assert shop.why_not(first, k=3).verdict == "recommended"
    assert shop.why_not(first, k=3, exclude=[first]).verdict == "excluded"


def test_a_text_that_is_asked_needs_no_last_resort(shop):
    answer = shop.recommend(text="red", user="nobody", k=3)
    assert answer.notes == ("user 'nobody' has no events",)
    assert "central" not in answer[0].signals
