"""The interests of a stored user, and their weights."""

from __future__ import annotations

import pytest
from browsing import answered, cards, ids, wait_for_start

pytestmark = pytest.mark.slow


def test_interests_of_a_stored_user_can_be_muted(visit):
    page = visit("?user=user-3")
    before = ids(page)
    interests = page.locator("#interests li")
    assert page.get_by_role("heading", name="What user-3 is interested in").is_visible()
    assert interests.count() > 1
    largest = interests.first.locator(".name").inner_text()

    answered(page, lambda: interests.first.get_by_role("button", name="Mute").click())
    page.locator("#interests .muted").wait_for()
    assert page.locator("#interests .muted .name").inner_text() == largest
    assert ids(page) != before
    assert page.evaluate("document.activeElement.textContent") == "Unmute"

    answered(page, lambda: page.get_by_role("button", name=f"Unmute the interest {largest}").click())
    page.wait_for_timeout(100)
    assert page.locator("#interests .muted").count() == 0
    assert ids(page) == before

    page.get_by_role("button", name="Without user user-3").click()
    wait_for_start(page)
    assert page.locator("#interests-panel").is_hidden()


def test_an_unknown_user_gets_popular_items(visit):
    page = visit("?user=stranger")
    cards(page)
    assert "popular" in page.locator("#notices").inner_text()
    assert "no events of this user" in page.locator("#interests").inner_text()
