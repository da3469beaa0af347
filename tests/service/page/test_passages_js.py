"""Marks in passages, and excerpts of long ones."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.slow

HIGHLIGHTED = """async ([passage, other, whole]) => {
  const { highlighted } = await import("/page/passages.js");
  const shown = (node) => (node.nodeType ? `[${node.textContent}]` : node);
  return highlighted(passage, other, whole).map(shown).join("");
}"""


@pytest.mark.parametrize(
    ("passage", "other", "shown"),
    [
        ("Draws bar charts.", "a chart of bars", "Draws [bar charts]."),
        ("Parsing and parsers, parse <b>", "parse", "[Parsing] and [parsers], [parse] <b>"),
        ("The use of it with this", "use of the package with it", "The use of it with this"),
        ("高性能科学计算软件包", "科学计算", "高性能[科学计算]软件包"),
        ("nothing shared", "at all", "nothing shared"),
        ("", "anything", ""),
    ],
)
def test_common_words_are_marked(visit, passage, other, shown):
    assert visit().evaluate(HIGHLIGHTED, [passage, other, True]) == shown


def test_a_long_passage_is_cut_to_the_part_with_most_marks(visit):
    page = visit()
    passage = (
        "Dull words say little here. " * 30 + "It draws charts, and more charts. " + "Then it ends. " * 30
    )
    shown = page.evaluate(HIGHLIGHTED, [passage, "charts", False])
    assert shown.count("[charts]") == 2
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert 200 < len(shown) < 350
    assert re.match(r"… (Dull|It) ", shown)  # the start of a sentence
    assert page.evaluate(HIGHLIGHTED, [passage, "charts", True]).count("Dull") == 30
