"""Honest evaluation: splits, metrics, baselines, intervals, and a report to look at.

`evaluate` asks recommenders for the test part of a `Split`; `render_report` draws what came out.
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
