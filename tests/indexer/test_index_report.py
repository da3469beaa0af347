"""The report of an indexing as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from semrec.indexer.index_report import IndexReport


def test_a_report_is_plain_json_with_the_number_of_rejected_rows():
    report = IndexReport(
        2, 10, 12, {"is empty": 2, "is NaN": 1}, Path("/x/rejects"), 1.5, "toy", "", ("a note",), n_added=3
    )
    read = json.loads(json.dumps(report.to_dict()))
    assert report.n_rejected == read["n_rejected"] == 3
    assert (read["rejects"], read["notes"], read["n_added"]) == ("/x/rejects", ["a note"], 3)
