"""The map of the catalog."""

from __future__ import annotations

import pytest
from browsing import answered, cards

pytestmark = pytest.mark.slow


def test_a_group_of_the_map_is_a_filter(visit):
    page = visit("?text=library")
    cards(page)
    answered(page, lambda: page.locator("#legend").get_by_role("button", name="games").click())
    categories = page.locator(".card .meta li:first-child").all_inner_texts()
    assert set(categories) == {"games"}
    assert page.locator("#legend [aria-pressed=true]").inner_text() == "games"
    answered(page, lambda: page.get_by_role("button", name="Without the filter games").click())
    assert page.locator("#legend [aria-pressed=true]").count() == 0


def test_the_map_names_the_item_at_the_pointer(visit):
    page = visit("?text=plot+data")
    cards(page)
    page.locator(".marker.result").last.hover()
    assert "recommended, place" in page.locator("#map-tip").inner_text()


def test_the_map_is_also_a_table(visit):
    page = visit("?text=plot+data")
    cards(page)
    page.locator("summary", has_text="The map as a table").click()
    assert page.locator("#map-table tbody tr").count() == 10


def test_the_map_can_be_zoomed(visit):
    page = visit("?text=plot+data")
    cards(page)
    page.get_by_role("button", name="Zoom in").click()
    assert "zoomed" in page.locator("#map").get_attribute("class")
    page.get_by_role("button", name="Show all").click()
    assert "zoomed" not in page.locator("#map").get_attribute("class")
