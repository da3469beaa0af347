"""Results as a frame and as JSON."""

from __future__ import annotations

import json
import math

from semrec.evaluation.results import Evaluation, Measure, best_first

RESULT = Evaluation(
    (
        Measure("ours", "all", "all", "ndcg", 0.25, 0.2, 0.3, 10),
        Measure("ours", "items", "cold", "ndcg", 0.1, math.nan, math.nan, 5),
        Measure("other", "all", "all", "ndcg", 0.5, 0.4, 0.6, 10),
    ),
    k=10,
    split="random",
    notes=("a note",),
)


def test_measures_are_found_by_metric_and_group():
    assert [m.recommender for m in RESULT.find("ndcg")] == ["ours", "other"]
    assert [m.slice for m in RESULT.find("ndcg", "items")] == ["cold"]
    assert RESULT.recommenders == ("ours", "other")
    assert [m.recommender for m in best_first(RESULT.find("ndcg"))] == ["other", "ours"]


def test_a_frame_has_a_row_for_each_number():
    frame = RESULT.to_frame()
    assert frame.columns == ["recommender", "group", "slice", "metric", "value", "low", "high", "n_users"]
    assert frame["value"].to_list() == [0.25, 0.1, 0.5]


def test_in_json_undefined_numbers_are_null():
    read = json.loads(RESULT.to_json())
    assert (read["split"], read["k"], read["notes"]) == ("random", 10, ["a note"])
    assert read["measures"][1] == {
        "recommender": "ours",
        "group": "items",
        "slice": "cold",
        "metric": "ndcg",
        "value": 0.1,
        "low": None,
        "high": None,
        "n_users": 5,
    }
