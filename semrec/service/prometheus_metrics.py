"""Metrics of the service, for Prometheus."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from semrec.types import Recommendations

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DRIFT_SCORES = 1000
"""Number of best scores on each side of a drift comparison."""
DRIFT_BINS = 10


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter("semrec_requests", "Requests.", ["route", "method", "status"], registry=own)
        self.request_s = Histogram(
            "semrec_request_seconds", "Seconds of a request.", ["route"], buckets=SECONDS, registry=own
        )
        self.stage_s = Histogram(
            "semrec_stage_seconds",
            "Seconds of one stage of an answer.",
            ["stage"],
            buckets=SECONDS,
            registry=own,
        )
        self.waiting = Gauge("semrec_waiting", "Queries that wait or are being answered.", registry=own)
        self.ready = Gauge("semrec_ready", "1 if queries can be answered.", registry=own)
        self.generation = Gauge("semrec_generation", "Number of the generation in use.", registry=own)
        self.stale = Gauge("semrec_stale", "1 if a newer generation could not be opened.", registry=own)
        self.kept_texts = Gauge("semrec_kept_texts", "Query texts whose vectors are cached.", registry=own)
        self.store_errors = Counter("semrec_store_errors", "Errors of the store.", ["code"], registry=own)
        self.events = Counter("semrec_events", "Posted events.", ["result"], registry=own)
        self.text_vectors = Counter(
            "semrec_text_vectors", "Query texts, cached or encoded.", ["result"], registry=own
        )
        self.text_batch = Histogram(
            "semrec_text_batch", "Texts encoded together.", buckets=(1, 2, 4, 8, 16), registry=own
        )
        self.answers = Counter(
            "semrec_answers", "Answers, for known users and for cold ones.", ["kind"], registry=own
        )
        self.shares = Summary(
            "semrec_signal_share", "Share of a signal in the best item.", ["signal"], registry=own
        )
        self.drift = Gauge(
            "semrec_score_drift",
            f"Population stability index of the last {DRIFT_SCORES} best scores against the first ones "
            "of this process; above 0.25 the scores have changed.",
            ["kind"],
            registry=own,
        )
        self._drifts: dict[str, ScoreDrift] = {}

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Time a stage of an answer."""
        return self.stage_s.labels(name).time()

    def record_answer(self, answer: Recommendations, *, cold: bool) -> None:
        """Record whether an answer was cold, the shares of its signals, and the drift of its best score."""
        self.answers.labels("cold" if cold else "known").inc()
        if not len(answer):
            return
        best = answer[0]
        for signal, share in best.signals.items():
            self.shares.labels(signal).observe(max(share, 0.0))
        kind = query_kind(answer)
        drift = self._drifts.setdefault(kind, ScoreDrift())
        if (index := drift.add(best.score)) is not None:
            self.drift.labels(kind).set(index)


def query_kind(answer: Recommendations) -> str:
    """Return the inputs of a query, for instance `text+user`; scores of different kinds do not compare."""
    return "+".join(name for name in ("text", "history", "user", "item") if answer.query.get(name))


class ScoreDrift:
    """Compares the latest scores with the first ones.

    Parameters
    ----------
    size : scores on each side.
    """

    def __init__(self, size: int = DRIFT_SCORES) -> None:
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=size)
        self._size = size
        self._n_compared = 0

    def add(self, score: float) -> float | None:
        """Add a score; return the stability index after every tenth of `size` scores, otherwise None."""
        if len(self._first) < self._size:
            self._first.append(score)
            return None
        self._last.append(score)
        self._n_compared += 1
        if len(self._last) < self._size or self._n_compared % (self._size // 10 or 1):
            return None
        return stability_index(self._first, self._last)


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Return the population stability index Σ (a - e) · ln(a / e) over tenths of the expected values.

    Below 0.1 the two distributions are alike, above 0.25 they differ (Siddiqi, "Credit Risk Scorecards",
    2006). Half a value is added to each bin, so that no share is 0.
    """
    edges = np.quantile(expected, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1])
    shares = [
        (np.bincount(np.searchsorted(edges, values), minlength=DRIFT_BINS) + 0.5)
        / (len(values) + 0.5 * DRIFT_BINS)
        for values in (np.asarray(expected), np.asarray(actual))
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
