"""The text of HTML, without tags, scripts and styles, and with entities as letters."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

_BLOCKS = re.compile(
    "address|article|aside|blockquote|br|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|hr|li|"
    "main|nav|ol|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul"
)
_INLINE = re.compile(
    "a|abbr|acronym|b|bd[io]|big|body|button|caption|center|cite|code|col|colgroup|del|em|embed|font|head|html|i|"
    "iframe|img|input|ins|kbd|label|link|mark|meta|noscript|object|option|param|picture|q|s|samp|script|select|"
    "small|source|span|strike|strong|style|su[bp]|svg|time|title|tt|u|var|video|wbr"
)
_SILENT = ("script", "style", "head", "noscript", "iframe", "template", "svg")
"""Elements whose content is not shown, or not text."""
_SURE = (
    "b|body|br|center|div|em|font|h[1-6]|hr|html|i|img|li|ol|p|pre|script|span|strong|style|table|td|tr|u|ul"
)
"""Tags by which HTML is recognised; other names also stand in brackets elsewhere: `List<Object>`."""
_TAG = re.compile(rf"</?(?:{_SURE})(?:\s[^<>]*)?/?>|<a\s[^<>]*>|<!--|<!doctype", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")


def is_html(text: str) -> bool:
    """Return whether a text holds tags of HTML, or entities such as `&amp;`."""
    return ("<" in text and bool(_TAG.search(text))) or ("&" in text and bool(_ENTITY.search(text)))


def html_to_text(text: str) -> str:
    """Return the text that a browser shows; blocks such as paragraphs start a new line.

    What is in angle brackets, but no tag of HTML, stays: `std::vector<int>`, `<name@example.org>`.
    """
    if "<" in text and _TAG.search(text):
        reader = _Reader()
        reader.feed(text)
        reader.close()
        text = reader.text()
    text = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    if "<" in text and _TAG.search(text):  # tags that were written as entities
        return html_to_text(text)
    lines = (" ".join(line.split()) for line in text.replace("\r", "\n").split("\n"))
    return "\n".join(line for line in lines if line)


class _Reader(HTMLParser):
    """Collects the text of HTML; entities stay as they are."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self._parts: list[str] = []
        self._silent: list[str] = []

    def text(self) -> str:
        """Return the text so far."""
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in _SILENT:
            self._silent.append(tag)
        elif _BLOCKS.fullmatch(tag):
            self._parts.append("\n")
        elif not _INLINE.fullmatch(tag):
            self.handle_data(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read an element without content."""
        if tag not in _SILENT:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif _BLOCKS.fullmatch(tag):
            self._parts.append("\n")
        elif not _INLINE.fullmatch(tag):
            self.handle_data(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Read text."""
        if not self._silent:
            self._parts.append(data)

    def handle_entityref(self, name: str) -> None:
        """Read an entity by name."""
        self.handle_data(f"&{name};" if _ENTITY.fullmatch(f"&{name};") else f"&{name}")

    def handle_charref(self, name: str) -> None:
        """Read an entity by number."""
        self.handle_data(f"&#{name};")
