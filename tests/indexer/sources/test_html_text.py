"""HTML as text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.indexer.sources.html_text import html_to_text, is_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>A <b>red</b> violin</p><p>with bow</p>", "A red violin\nwith bow"),
        ("Tea &amp; coffee", "Tea & coffee"),
        ("5&nbsp;kg &#8364; &#x20ac;", "5 kg € €"),
        ("<style>p {color: red}</style><script>alert('x < 1')</script>seen", "seen"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
        ('<a href="x?a=1&b=2">link</a> <img src="x"/>', "link"),
        ("<!-- hidden -->shown <span>too", "shown too"),
        ("<P CLASS='x'>upper</P>", "upper"),
        ("<p>std::vector<int> & more</p>", "std::vector<int> & more"),
    ],
)
def test_what_a_browser_shows_is_kept(html, text):
    assert is_html(html)
    assert html_to_text(html) == text


@pytest.mark.parametrize(
    "text",
    [
        "a < b > c",
        "std::vector<int>",
        "List<Object> <name@example.org>",
        "AT&T; R&D",
        "x <3",
        "",
        "&copy",
    ],
)
def test_plain_texts_are_no_html(text):
    assert not is_html(text)


@pytest.mark.parametrize(
    "part",
    ["<b ", "<!--", "<", "</b ", "<b a='", "<![CDATA[", "<?", "<script>", "&", "&#1", "&amp;", "<div>"],
)
@pytest.mark.parametrize("end", ["", ">" * 20_000])
def test_broken_html_takes_no_time(part, end):
    started = time.process_time()
    html_to_text("<b>" + part * 20_000 + end)
    assert time.process_time() - started < 2


def test_an_element_without_an_end_hides_nothing():
    assert html_to_text("<b>a</b><!-- b <script>c") == "a b c"


@given(st.text(st.characters(exclude_characters="<&")))
def test_words_without_brackets_stay(text):
    assert html_to_text(f"<p>{text}</p>").split() == text.split()
