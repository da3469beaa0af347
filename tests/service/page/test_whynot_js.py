"""The panel "Why not …?"."""

from __future__ import annotations

import re

import pytest
from browsing import answered, search, wait_for_start

pytestmark = pytest.mark.slow


@pytest.fixture
def ask(visit):
    """A page, a function that asks why an item is missing, and the answer."""
    page = visit()
    wait_for_start(page)
    field = page.get_by_label("Item", exact=True)

    def ask(words):
        field.fill(words)
        field.press("Enter")

    return page, ask, page.locator("#whynot-answer")


def test_without_a_query_there_is_nothing_to_explain(ask):
    _, why_not, answer = ask
    why_not("python3-numpy")
    answer.get_by_text("First say what you are looking for").wait_for()


def test_the_verdict_has_words_and_figures(ask):
    page, why_not, answer = ask
    search(page, "mail server")
    why_not("python3-numpy")
    answer.get_by_text(re.compile("was not considered|it is on place")).wait_for()
    assert re.search(r"meaning\s+−?-?\d", answer.locator("tbody").inner_text())
    item, last_shown = answer.locator("tr.total td").all_inner_texts()
    assert float(item) < float(last_shown)


def test_words_instead_of_an_id_offer_items(ask):
    page, why_not, answer = ask
    search(page, "mail server")
    why_not("arrays of numbers in python")
    answer.get_by_text("Which one?").wait_for()
    assert page.evaluate("document.activeElement.closest('.choices') !== null")
    page.keyboard.press("Enter")
    answer.locator("table").wait_for()


def test_a_filter_is_a_reason(ask):
    page, why_not, answer = ask
    search(page, "mail server")
    answered(page, lambda: page.locator("#legend").get_by_role("button", name="games").click())
    why_not("python3-numpy")
    answer.get_by_text("does not belong to “games”").wait_for()
