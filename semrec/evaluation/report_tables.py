"""The tables of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from semrec.evaluation.results import Evaluation, Measure, best_first

METRIC_NAMES = {
    "ndcg": "NDCG",
    "recall": "Recall",
    "precision": "Precision",
    "f1": "F1",
    "map": "MAP",
    "mrr": "MRR",
    "hit_rate": "Hit rate",
    "auc": "AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "coverage": "Coverage",
    "novelty": "Novelty, bits",
    "diversity": "Diversity",
    "gini": "Gini",
    "tail_share": "Tail share",
}
LOWER_IS_BETTER = ("rmse", "mae", "gini")


@dataclass(frozen=True, slots=True)
class Cell:
    """One number with its interval; `is_best` in its column."""

    value: str
    interval: str
    is_best: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One recommender; a cell for every column, None where it was not measured."""

    name: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Recommenders by columns of measures."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def all_numbers(evaluation: Evaluation) -> Table | None:
    """Return every metric over all users, and the training times; None if there is no metric."""
    columns = {
        name: {m.recommender: m for m in evaluation.find(metric)} for metric, name in METRIC_NAMES.items()
    }
    lower_is_better = tuple(METRIC_NAMES[metric] for metric in LOWER_IS_BETTER)
    table = _table("All numbers", evaluation, columns, lower_is_better)
    return _with_training(table, evaluation.training_s) if table and evaluation.training_s else table


def _with_training(table: Table, training_s: Mapping[str, float]) -> Table:
    """Return the table with a column of the training times."""
    rows = tuple(replace(row, cells=(*row.cells, _seconds(training_s.get(row.name)))) for row in table.rows)
    return replace(table, columns=(*table.columns, "Training, s"), rows=rows)


def _seconds(value: float | None) -> Cell | None:
    return None if value is None else Cell(f"{value:.1f}", "", is_best=False)


def temperatures(evaluation: Evaluation) -> Table | None:
    """Return NDCG of hot, warm and cold users and items; None if there is none."""
    columns: dict[str, dict[str, Measure]] = {}
    for group in ("users", "items"):
        for m in evaluation.find("ndcg", group):
            columns.setdefault(f"{m.slice} {m.group} ({m.n_users:,})", {})[m.recommender] = m
    return _table(f"NDCG@{evaluation.k} of hot, warm and cold", evaluation, columns)


def _table(
    heading: str,
    evaluation: Evaluation,
    columns: Mapping[str, Mapping[str, Measure]],
    lower_is_better: Sequence[str] = (),
) -> Table | None:
    """Return a table of the columns that have numbers; None if no column has."""
    filled = {name: cells for name, cells in columns.items() if cells}
    if not filled:
        return None
    best = {
        name: (min if name in lower_is_better else max)(m.value for m in cells.values())
        for name, cells in filled.items()
    }
    rows = [
        Row(name, tuple(_cell(cells.get(name), best[column]) for column, cells in filled.items()))
        for name in _in_order(evaluation)
    ]
    return Table(heading, tuple(filled), tuple(rows))


def _in_order(evaluation: Evaluation) -> list[str]:
    """Return the first recommender, then the others by NDCG, then those without one."""
    ranked = [m.recommender for m in best_first(evaluation.find("ndcg"))]
    return list(dict.fromkeys([*evaluation.recommenders[:1], *ranked, *evaluation.recommenders]))


def _cell(measure: Measure | None, best: float) -> Cell | None:
    if measure is None:
        return None
    interval = f"{measure.low:.3f}–{measure.high:.3f}"
    return Cell(f"{measure.value:.3f}", interval, measure.value == best)
