"""What commands print: data on standard output, messages on standard error."""

from __future__ import annotations

from pathlib import Path

import pytest

from semrec.cli.printing import index_report_line, listed, print_recommendations, print_rejects
from semrec.indexer.index_report import IndexReport
from semrec.types import Recommendation, Recommendations


def test_long_lists_of_ids_are_cut():
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(n) for n in range(30)]).endswith("18, 19 …")


def test_the_most_frequent_reason_comes_first(capsys):
    print_rejects({"no id": 1, "no text": 1_200}, Path("rejects.jsonl"))
    assert capsys.readouterr().err.splitlines() == [
        "rejected 1,200: no text",
        "rejected 1: no id",
        "the rejected rows are listed in rejects.jsonl",
    ]


@pytest.mark.parametrize(
    ("device", "end"),
    [("cpu", ", 5 passages (2 of them from the cache) with toy on cpu."), ("", ".")],
)
def test_a_report_of_indexing_is_one_line(device, end):
    report = IndexReport(3, 9, 20, {}, None, 1.5, "toy", device, (), 3, 2, n_added=2, n_deleted=1)
    start = "2 new, 1 deleted: 9 items in generation 3, in 1.5 s"
    assert index_report_line(report) == start + end


def test_titles_are_not_read_as_markup(capsys):
    item = Recommendation("A", "[bold]x[/bold] :smile:", 1.0, {"text": 1.0})
    print_recommendations(Recommendations({}, (item,)))
    assert "[bold]x[/bold] :smile:" in capsys.readouterr().out
