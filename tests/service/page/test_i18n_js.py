"""The languages of the page."""

from __future__ import annotations

import re

import pytest
from browsing import cards, save_screenshot

from semrec.service.static_page import FOLDER


@pytest.mark.slow
def test_the_language_can_be_changed_and_is_remembered(visit):
    page = visit("?use=python3-numpy")
    cards(page)
    page.get_by_label("Language").select_option("zh")
    assert page.get_by_role("heading", name="推荐").is_visible()
    assert "python3-numpy（" in cards(page).first.inner_text()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.reload()
    assert "语义" in cards(page).first.inner_text()
    save_screenshot(page, "desktop-zh")


@pytest.mark.slow
def test_the_first_choice_is_the_language_of_the_browser(visit):
    page = visit(language="zh-CN")
    page.get_by_role("heading", name="说出您的需要").wait_for()


def test_both_languages_have_the_same_texts():
    """Every key exists in every language, with the same placeholders."""
    source = (FOLDER / "i18n.js").read_text(encoding="utf-8")
    blocks = re.split(r"^  (en|zh): \{$", source.split("const STRINGS = {")[1], flags=re.M)
    texts = {}
    for name, block in zip(blocks[1::2], blocks[2::2], strict=True):
        body = block.split("\n  },")[0]
        entries = re.findall(r'^    "?([\w.]+)"?: (.+),$', body, flags=re.M)
        texts[name] = {key: set(re.findall(r"\{(\w+)\}", value)) for key, value in entries}
        assert len(entries) == len(body.strip().splitlines())
    assert texts["en"] == texts["zh"]
    used = set(re.findall(r'data-i18n(?:-\w+)?="([\w.]+)"', (FOLDER / "index.html").read_text()))
    assert used <= set(texts["en"])
