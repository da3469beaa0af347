"""Use of the page by keyboard, on a telephone, and with a screen reader."""

from __future__ import annotations

import pytest
from browsing import answered, cards, ids, save_screenshot, wait_for_start

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}


def test_cards_can_be_used_by_keyboard(visit):
    page = visit()
    wait_for_start(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "text"
    answered(page, lambda: page.keyboard.type("plot data"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.closest('.card').dataset.item")
    assert second == ids(page)[1]
    answered(page, lambda: page.keyboard.press("Enter"))
    assert page.locator("#history .chip").count() == 1
    # The focus stays at its place: on the card that is now second.
    assert page.evaluate("document.activeElement.closest('.card').dataset.item") == ids(page)[1]
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "text"
    answered(page, lambda: page.keyboard.press("Escape"))
    assert page.get_by_label("What are you looking for?").input_value() == ""


def test_markers_can_be_used_by_keyboard(visit):
    page = visit("?text=plot+data")
    cards(page)
    markers = page.locator(".marker")
    markers.first.wait_for()
    assert page.locator(".marker[tabindex='0']").count() == 1
    page.locator(".marker[tabindex='0']").focus()
    names = set()
    for key in ("ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp") * 3:
        page.keyboard.press(key)
        names.add(page.evaluate("document.activeElement.dataset.item"))
    assert len(names) > 2
    assert page.locator("#map-tip").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#map-tip").is_hidden()


def test_the_page_fits_a_telephone(visit):
    page = visit("?text=plot+data&use=python3-numpy", size=PHONE)
    cards(page)
    page.locator("summary", has_text="Fine-tune").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    small = page.locator("button:visible").evaluate_all(
        "buttons => buttons.filter(b => !b.closest('.markers') && b.getBoundingClientRect().height < 24)"
        ".map(b => b.textContent)"
    )
    assert small == []
    save_screenshot(page, "phone")


@pytest.mark.parametrize(("theme", "language"), [("light", "en-US"), ("dark", "zh-CN")])
def test_axe_finds_no_serious_fault(visit, theme, language):
    page = visit(theme=theme, language=language)
    page.locator(".start").first.wait_for()
    assert faults(page) == []

    page = visit("?text=plot+data&user=user-3&use=python3-numpy", theme=theme, language=language)
    cards(page)
    page.locator("#interests .name").first.wait_for()
    page.locator("#whynot-item").fill("python3-scipy")
    page.locator("#whynot-item").press("Enter")
    page.locator("#whynot-answer strong").wait_for()
    for summary in page.locator("summary").all():
        summary.click()
    page.locator(".marker").first.hover()
    assert faults(page) == []
    save_screenshot(page, f"desktop-{theme}")


def faults(page):
    """Return the serious faults that axe finds on the page as it is: rule and elements."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        (fault["id"], [node["html"][:120] for node in fault["nodes"]][:3])
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
