"""What tests of the page do in a browser, as a user would."""

from __future__ import annotations

import os
from pathlib import Path

from semrec import Item

MARKUP = Item(
    "<img src=x onerror=alert(1)>\"'&",
    "</h3><script>alert('title')</script> plotting",
    "<b>plotting</b> of scientific curves <svg onload=alert(2)> & javascript:alert(3) {{7*7}} ‮gnp",
    {"categories": "<i>python</i>", "tags": ("<u>tag</u>",), "size": 10},
)
"""An item with markup in every field."""

SHOTS = Path(os.environ.get("SEMREC_TEST_SCREENSHOTS", ".ci-artifacts"))
START = "Say what you need"
"""Heading of the page before the first question."""


def wait_for_start(page):
    """Wait until the page shows how to start."""
    page.get_by_role("heading", name=START).wait_for()


def cards(page):
    """Wait for an answer and return its cards."""
    page.locator("#results[aria-busy=false] .card:not(.ghost)").first.wait_for()
    return page.locator("#results .card")


def ids(page):
    """Return the ids of the recommendations, best first."""
    return cards(page).evaluate_all("cards => cards.map(card => card.dataset.item)")


def answered(page, action):
    """Do something that sends a query, and wait until its answer is shown."""
    with page.expect_response(lambda response: response.url.endswith("/recommend")) as response:
        action()
    response.value.finished()
    page.locator("#results[aria-busy=false]").wait_for()
    page.wait_for_timeout(50)


def search(page, text):
    """Type a text and wait for its answer."""
    answered(page, lambda: page.get_by_label("What are you looking for?").fill(text))


def use(page, item_id):
    """Add a recommended item to the history and wait for the new answer."""
    answered(page, lambda: cards(page).nth(ids(page).index(item_id)).locator(".main").click())


def set_dial(page, name, value):
    """Move a slider and wait for the new answer."""
    answered(page, lambda: page.get_by_label(name, exact=True).fill(str(value)))


def save_screenshot(page, name):
    """Save a picture of the page for people."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(150)
    page.screenshot(path=SHOTS / f"{name}.png")
