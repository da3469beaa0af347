"""The page when the service fails, needs a key, or answers late."""

from __future__ import annotations

import pytest
from browsing import answered, cards, ids, search, wait_for_start

pytestmark = pytest.mark.slow


def test_a_query_can_be_sent_again_after_a_failure(visit):
    page = visit("?text=plot+data", allowed=["ERR_FAILED", "Failed to load"])
    cards(page)
    page.route("**/recommend", lambda route: route.abort())
    page.get_by_label("What are you looking for?").fill("plot more data")
    page.get_by_role("alert").wait_for()
    assert "does not respond" in page.get_by_role("alert").inner_text()
    page.unroute("**/recommend")
    answered(page, lambda: page.get_by_role("button", name="Try again").click())
    assert cards(page).count() == 10


def test_a_service_with_keys_asks_for_one(visit, address_and_key):
    at, key = address_and_key
    page = visit(at=at, allowed=["401"])
    page.get_by_role("heading", name="This service needs a key").wait_for()
    page.get_by_label("API key").fill("not a key")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("alert").filter(has_text="not valid").wait_for()
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Open").click()
    wait_for_start(page)
    search(page, "plot scientific data")
    assert cards(page).count() == 10
    assert key not in page.url


def test_a_late_answer_to_an_old_query_is_not_shown(visit):
    page = visit()
    wait_for_start(page)
    held = []
    page.route(
        "**/recommend",
        lambda route: held.append(route) if "games" in (route.request.post_data or "") else route.continue_(),
    )
    page.get_by_label("What are you looking for?").fill("games")
    page.wait_for_timeout(400)
    assert held
    search(page, "plot scientific data")
    expected = ids(page)
    for route in held:
        route.abort()
    page.wait_for_timeout(200)
    assert ids(page) == expected
