"""Several values in one cell."""

from __future__ import annotations

import pytest

from semrec.indexer.sources.list_cells import BRACES, BRACKETS, guess_separator, split_cell


@pytest.mark.parametrize(
    ("texts", "separator", "entries"),
    [
        (["Adventure|Animation", "Drama"], "|", ["Adventure", "Animation"]),
        (["a;b", "c"], ";", ["a", "b"]),
        (["a; b ;", "c"], ";", ["a", "b"]),
        (['["a","b, c"]', "[]"], BRACKETS, ["a", "b, c"]),
        (["['tea', 'kitchen']", "['x']"], BRACKETS, ["tea", "kitchen"]),
        (["['tea' 'kitchen']"], BRACKETS, ["tea", "kitchen"]),
        (["[tea, kitchen]"], BRACKETS, ["tea", "kitchen"]),
        (["[1, 2.5, null]"], BRACKETS, [1, 2.5]),
        (["{a,b}", "{}"], BRACES, ["a", "b"]),
        (['{"a, b",c,NULL}'], BRACES, ["a, b", "c"]),
    ],
)
def test_a_list_is_recognised_and_split(texts, separator, entries):
    assert guess_separator(texts) == separator
    assert split_cell(texts[0], separator) == entries


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["tea", "kitchen"],
        ["Smith, John", "Doe, Jane"],
        ["A name; but then a sentence follows that is much too long for an entry of a list of values", "b"],
        ["[sic]", "plain", "other"],
        ['{"a": 1}'],
        ["{title} by {author}"],
        ["[[1, 2]]"],
        [*["plain"] * 20, "one|two"],
    ],
)
def test_other_texts_are_no_lists(texts):
    assert guess_separator(texts) is None


def test_what_is_no_list_stays():
    assert split_cell("plain", BRACKETS) == "plain"
    assert split_cell("a|b", None) == "a|b"
    assert split_cell(5, "|") == 5
    assert split_cell(["a", "b"], "|") == ["a", "b"]
    assert split_cell("", "|") == []
