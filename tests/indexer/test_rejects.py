"""Rejected rows: reasons that are counted together, and texts that can be printed."""

from __future__ import annotations

import json

import pytest

from semrec.indexer.rejects import Reject, RejectsFile, kind_of_reason, reject
from semrec.indexer.sources.textfile import RawRow


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("\"price\" is the text 'cheap', not a number (line 7)", '"price" is the text …, not a number'),
        (
            "text of 1,001 bytes is longer than the limit of 1,000",
            "text of … bytes is longer than the limit of …",
        ),
        ("is not valid JSON: Expecting ',' delimiter: line 1 column 5 (char 4)", "is not valid JSON"),
        ('"price (2020): net" is NaN', '"price (2020): net" is NaN'),
    ],
)
def test_reasons_differ_only_in_details(reason, kind):
    assert kind_of_reason(reason) == kind


def test_a_reject_has_a_position_and_valid_utf8():
    row = RawRow(3, {}, where="line 4")
    assert reject("x.csv", row, "is bad: \ud800", "a\ud800") == Reject(
        "x.csv", 3, "a\\ud800", "is bad: \\ud800 (line 4)"
    )


def test_rows_are_listed_and_counted(tmp_path):
    file = RejectsFile(tmp_path / "rejects.jsonl")
    for number in (1, 2):
        file.add(Reject("x.csv", number, None, f"has {number} fields"))
    assert file.counts == {"has … fields": 2}
    assert [json.loads(line)["row"] for line in file.path.read_text().splitlines()] == [1, 2]
