"""Markup in a catalog stays text."""

from __future__ import annotations

import pytest
from browsing import MARKUP, answered, cards, ids, search, wait_for_start

from semrec.service.static_page import FOLDER


@pytest.mark.slow
def test_markup_in_the_catalog_is_text(visit):
    page = visit()
    wait_for_start(page)
    search(page, "plotting of scientific curves <script>alert(4)</script>")
    assert MARKUP.item_id in ids(page)
    card = page.locator(".card").filter(has_text="</h3><script>alert('title')</script> plotting")
    assert "<svg onload=alert(2)>" in card.inner_text()
    assert "<i>python</i>" in card.inner_text()
    answered(page, card.locator(".main").click)
    assert "<script>" in page.locator("#history .chip").inner_text()
    page.locator("summary", has_text="The map as a table").click()
    assert "<script>" in page.locator("#map-table").inner_text()
    for tag in ("h3 script", "main img", "main i", "main u", "blockquote svg", "blockquote b"):
        assert page.locator(tag).count() == 0, tag
    page.reload()
    assert page.locator("#history .chip").count() == 1
    cards(page)


def test_no_script_makes_markup_from_text():
    for script in FOLDER.glob("*.js"):
        source = script.read_text(encoding="utf-8")
        for way in ("innerHTML", "outerHTML", "AdjacentHTML", "document.write", "eval(", "Function("):
            assert way not in source, (script.name, way)
