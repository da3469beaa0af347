"""Reasons in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.ranking.sentences import named, quote, reason_sentence, signal_shares
from semrec.types import Because, Passages, Recommendation


def because(title, share):
    return Because(f"id-of-{title}", title, share, contribution=3 * share)


def test_one_two_and_three_items_are_named_as_people_would():
    a, b, c = because("Dune", 0.62), because("Solaris", 0.21), because("", 0.07)
    assert named((a,)) == "Dune (62 %)"
    assert named((a, b)) == "Dune (62 %) and Solaris (21 %)"
    assert named((a, b, c)) == "Dune (62 %), Solaris (21 %) and id-of- (7 %)"


def test_a_percent_sign_in_a_title_stays():
    assert named((because("100% wool", 0.5),)) == "100% wool (50 %)"


def test_the_sentence_for_a_history():
    item = Recommendation(
        "f", "Foundation", 2.0, because=(because("Dune", 1.0),), passages=Passages("an empire", "a  desert\n")
    )
    assert reason_sentence(item) == "Because of Dune (100 %). “an empire” is close to “a desert”"


def test_the_sentence_for_a_text():
    item = Recommendation("f", "Foundation", 2.0, passages=Passages("an empire falls"))
    assert reason_sentence(item) == "It matches your words: “an empire falls”"


@pytest.mark.parametrize("passages", [None, Passages("an empire falls")])
def test_what_only_fills_the_list_says_so(passages):
    item = Recommendation("f", "Foundation", -0.6, signals={"text": -1.0}, passages=passages)
    assert reason_sentence(item) == "No reason; it only fills the list."


def test_without_reasons_there_is_no_sentence():
    assert reason_sentence(Recommendation("f", "Foundation", 2.0)) == ""


@pytest.mark.parametrize(
    ("signals", "sentence"),
    [
        ({"popularity": 1.0}, "Many use this."),
        ({"popularity": 0.6, "freshness": 0.4}, "Many use this. It is new."),
        ({"popularity": -0.1, "freshness": 1.0}, "It is new."),
        ({"text": 0.9, "popularity": 0.1}, ""),
    ],
)
def test_what_is_said_to_all_is_said_where_nothing_else_is(signals, sentence):
    assert reason_sentence(Recommendation("f", "F", 2.0, signals=signals)) == sentence
    item = Recommendation("f", "F", 2.0, signals=signals, because=(because("Dune", 1.0),))
    assert reason_sentence(item) == "Because of Dune (100 %)."


@pytest.mark.parametrize(
    ("share", "named_items"), [(0.02, "Dune (98 %) and Emma (2 %)"), (0.006, "Dune (98 %)")]
)
def test_a_reason_below_one_percent_is_not_worth_a_word(share, named_items):
    item = Recommendation("f", "F", 2.0, because=(because("Dune", 0.98), because("Emma", share)))
    assert reason_sentence(item) == f"Because of {named_items}."


@pytest.mark.parametrize(("share", "sentence"), [(0.3, "Many use this."), (0.2, "")])
def test_popularity_is_a_reason_from_a_quarter(share, sentence):
    item = Recommendation("f", "F", 2.0, signals={"text": 1 - share, "popularity": share})
    assert reason_sentence(item) == sentence


def test_items_that_are_used_together_have_a_sentence_of_their_own():
    reasons = (
        Because("a", "Dune", 0.5, 1.0, "text"),
        Because("b", "Emma", 0.2, 0.6, "item_item", "used together with"),
        Because("c", "Kim", 0.15, 0.4, "collaborative"),
        Because("d", "Lear", 0.15, 0.4, "item_item", "taken next after"),
    )
    item = Recommendation("f", "F", 2.0, because=reasons)
    assert reason_sentence(item) == (
        "Often used together with Emma (20 %). People who use Kim (15 %) also use this. "
        "Often taken next after Lear (15 %). Because of Dune (50 %)."
    )


def test_signals_are_listed_by_share():
    item = Recommendation("f", "F", 2.0, signals={"bm25": 0.294, "text": 0.706})
    assert signal_shares(item) == "text 71 %, words 29 %"


def test_a_long_passage_is_cut_at_a_word():
    assert quote("one two three four", 10) == "one two…"
    assert quote("one two", 7) == "one two"


def test_a_passage_without_spaces_is_cut_between_characters():
    chinese = "这是一本科幻小说，讲述了人类和外星文明之间的冲突。"
    assert quote(chinese, 10) == "这是一本科幻小说，…"
    assert quote("Debian 专用杂项工具专用杂项工具", 12) == "Debian 专用杂项…"


@given(st.text(), st.integers(2, 40))
def test_a_quote_is_short_and_on_one_line(passage, characters):
    quoted = quote(passage, characters)
    assert len(quoted) <= characters
    assert "\n" not in quoted
    whole = " ".join(passage.split())
    assert whole == quoted or whole.startswith(quoted.removesuffix("…"))


@pytest.mark.parametrize("passage", ["", "   ", "\n"])
def test_nothing_to_quote(passage):
    assert quote(passage) == ""
