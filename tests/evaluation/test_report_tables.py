"""Tables of a report: order of the recommenders, best cells, and missing numbers."""

from __future__ import annotations

from dataclasses import replace

from semrec.evaluation.report_tables import Cell, all_numbers, temperatures
from semrec.evaluation.results import Evaluation, Measure


def measure(recommender, value, metric="ndcg", group="all", slice_="all"):
    return Measure(recommender, group, slice_, metric, value, value - 0.1, value + 0.1, 10)


RESULT = Evaluation(
    (
        measure("ours", 0.3),
        measure("bad", 0.1),
        measure("good", 0.5),
        measure("ours", 0.9, "gini"),
        measure("bad", 0.4, "gini"),
        measure("ours", 0.2, group="items", slice_="cold"),
    ),
    k=10,
    split="random",
)


def test_the_first_recommender_comes_first_and_the_others_by_ndcg():
    table = all_numbers(RESULT)
    assert [row.name for row in table.rows] == ["ours", "good", "bad"]
    assert table.columns == ("NDCG", "Gini")


def test_the_best_value_is_the_largest_or_the_smallest():
    cells = {row.name: row.cells for row in all_numbers(RESULT).rows}
    assert cells["good"] == (Cell("0.500", "0.400–0.600", True), None)
    assert [cell.is_best for cell in cells["ours"]] == [False, False]
    assert cells["bad"][1] == Cell("0.400", "0.300–0.500", True), "a small Gini index is better"


def test_slices_are_columns_with_their_users():
    table = temperatures(RESULT)
    assert table.heading == "NDCG@10 of hot, warm and cold"
    assert table.columns == ("cold items (10)",)


def test_training_times_are_the_last_column():
    table = all_numbers(replace(RESULT, training_s={"ours": 12.34, "good": 0.05}))
    assert table.columns[-1] == "Training, s"
    last = {row.name: row.cells[-1] for row in table.rows}
    assert last == {"ours": Cell("12.3", "", False), "good": Cell("0.1", "", False), "bad": None}


def test_without_numbers_there_is_no_table():
    empty = Evaluation((), 10, "random")
    assert all_numbers(empty) is None
    assert temperatures(empty) is None
