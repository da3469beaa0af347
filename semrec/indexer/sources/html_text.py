"""The text of HTML, without tags, scripts and styles, and with entities as letters.

Tags are found by a regular expression: the parser of the standard library takes quadratic time on a text with
many open brackets, and a client can send such a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

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
_TOKEN = re.compile(
    r"""<!--|<!doctype[^<>]*>|<(/?)([a-zA-Z][a-zA-Z0-9]*)(?:\s(?:[^<>"']|"[^"<]*"|'[^'<]*')*)?/?>""",
    re.IGNORECASE,
)
_PASSES = 2
"""How often tags are removed: in some exports they are written as entities."""
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")


def is_html(text: str) -> bool:
    """Return whether a text holds tags of HTML, or entities such as `&amp;`."""
    return ("<" in text and bool(_TAG.search(text))) or ("&" in text and bool(_ENTITY.search(text)))


def html_to_text(text: str) -> str:
    """Return the text that a browser shows; blocks such as paragraphs start a new line.

    What is in angle brackets, but no tag of HTML, stays: `std::vector<int>`, `<name@example.org>`.
    """
    for _ in range(_PASSES):
        if "<" in text and _TAG.search(text):
            text = "".join(_shown(text))
        text = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    lines = (" ".join(line.split()) for line in text.replace("\r", "\n").split("\n"))
    return "\n".join(line for line in lines if line)


def _shown(text: str) -> Iterator[str]:
    """Yield what is shown of HTML; entities stay as they are."""
    at = 0
    unclosed: set[str] = set()
    while token := _TOKEN.search(text, at):
        yield text[at : token.start()]
        at = token.end()
        name = (token[2] or token[0]).lower()
        if name in (*_SILENT, "<!--") and not token[1] and name not in unclosed:
            end = _end_of(name, text, at)
            if end is None:
                unclosed.add(name)  # it is not looked for again
            at = end or at
        elif _BLOCKS.fullmatch(name):
            yield "\n"
        elif token[2] and name not in _SILENT and not _INLINE.fullmatch(name):
            yield token[0]
    yield text[at:]


def _end_of(name: str, text: str, at: int) -> int | None:
    """Return where an element that is not shown ends; None if it does not end."""
    pattern = "-->" if name == "<!--" else rf"</{name}\s*>"
    end = re.compile(pattern, re.IGNORECASE).search(text, at)
    return end.end() if end else None
