"""Honest evaluation: splits, metrics, baselines, intervals, and a report to look at.

`evaluate` asks recommenders for the test part of a `Split`; `render_report` draws what came out.
"""

from semrec.evaluation.metrics import TopK
from semrec.evaluation.report import render_report
from semrec.evaluation.run import Evaluation, Measure, evaluate, evaluate_ratings
from semrec.evaluation.splits import SPLITS, Split

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
