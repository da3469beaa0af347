"""Evaluation: splits, metrics, baselines, intervals, and a report.

`evaluate` measures recommenders on the test part of a `Split`; `render_report` shows the result as a page.
"""

from semrec.evaluation.report import render_report
from semrec.evaluation.results import Evaluation, Measure
from semrec.evaluation.run import evaluate, evaluate_ratings
from semrec.evaluation.splits import SPLITS, Split
from semrec.evaluation.top_k import TopK

__all__ = [
    "SPLITS",
    "Evaluation",
    "Measure",
    "Split",
    "TopK",
    "evaluate",
    "evaluate_ratings",
    "render_report",
]
