"""Queries and their answers on the page."""

from __future__ import annotations

import re

import pytest
from browsing import answered, cards, ids, save_screenshot, search, set_dial, use, wait_for_start


def test_a_sentence_two_clicks_and_the_reasons(visit):
    """The path of a new user in one go; the only test of the page that is not marked as slow."""
    page = visit()
    wait_for_start(page)
    search(page, "plot scientific data")

    first = cards(page).first
    assert "plot" in first.inner_text().lower()
    assert first.locator("mark").count()
    assert first.locator(".why").inner_text() == "It matches your words."
    assert re.search(r"meaning \d+%", first.inner_text())
    assert page.locator("#status").inner_text() == "10 recommendations"
    assert page.locator(".marker.result").count()

    chosen = ids(page)[:2]
    for item_id in chosen:
        use(page, item_id)
    assert page.locator("#history .chip").count() == 2
    assert not set(chosen) & set(ids(page))
    search(page, "")

    reason = cards(page).first.locator(".why").inner_text()
    assert reason.startswith(("Like ", "People who use "))
    assert any(item_id in reason for item_id in chosen)
    assert page.locator("#interests li").count()
    save_screenshot(page, "first-answers")


@pytest.mark.slow
def test_the_address_holds_the_query(visit):
    page = visit("?text=plot+data&use=python3-numpy&not=python3-scipy&diversity=30")

    assert "python3-scipy" not in ids(page)
    assert page.get_by_label("What are you looking for?").input_value() == "plot data"
    assert page.locator("#diversity-says").inner_text() == "30%"
    chips = page.locator("#history .chip").all_inner_texts()
    assert [chip.split("\n")[0] for chip in chips] == ["python3-numpy", "not for you: python3-scipy"]
    before = ids(page)
    page.reload()
    assert ids(page) == before


@pytest.mark.slow
def test_items_can_be_removed_from_the_history(visit):
    page = visit("?use=python3-numpy&use=python3-scipy")
    cards(page)
    answered(page, lambda: page.get_by_role("button", name="Remove python3-numpy").click())
    assert "python3-scipy" in page.locator("#history").inner_text()
    page.get_by_role("button", name="Remove python3-scipy").click()
    wait_for_start(page)
    assert page.url.endswith("/")


@pytest.mark.slow
def test_diversity_changes_the_order(visit):
    page = visit("?use=python3-numpy&use=libgtk-3-dev")
    before = ids(page)
    page.locator("summary", has_text="Fine-tune").click()
    set_dial(page, "Diversity", 90)
    assert ids(page) != before
    set_dial(page, "Diversity", 0)
    assert ids(page) == before


@pytest.mark.slow
def test_more_results_on_demand(visit):
    page = visit("?text=plot+data")
    assert cards(page).count() == 10
    answered(page, lambda: page.get_by_role("button", name="Show more").click())
    assert cards(page).count() == 20


@pytest.mark.slow
def test_unknown_items_of_the_history_are_named(visit):
    page = visit("?use=no+such+package", allowed=["404"])
    page.get_by_role("alert").wait_for()
    assert "in this index" in page.get_by_role("alert").inner_text()

    page = visit("?use=python3-numpy&use=no+such+package")
    cards(page)
    assert "not in the index" in page.locator("#notices").inner_text()
    assert "not in the index: no such package" in page.locator("#history").inner_text()
