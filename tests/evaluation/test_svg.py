"""SVG elements escape what is not markup."""

from __future__ import annotations

from semrec.evaluation import svg


def test_texts_and_attributes_are_escaped_once():
    assert svg.text(1, 2.25, '"', "<i>&") == '<text x="1.0" y="2.2" class="&#34;">&lt;i&gt;&amp;</text>'
    inside = svg.picture(4, 5, "<", svg.text(0, 0, "", "<"))
    assert inside.count("&lt;") == 2
    assert "&amp;" not in inside


def test_a_path_without_a_title_has_no_tooltip():
    assert svg.path("M0 0", "grid") == '<path d="M0 0" class="grid"></path>'
    assert "<title>a &lt; b</title>" in svg.path("M0 0", "line", "a < b")
