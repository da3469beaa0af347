"""What is counted and measured, for Prometheus."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from semrec.types import Recommendations

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DRIFT_SCORES = 1000
"""Best scores that are compared with as many earlier ones."""
DRIFT_BINS = 10


class Metrics:
    """The figures of one process."""

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
        self.waiting = Gauge("semrec_waiting", "Questions that wait or are being answered.", registry=own)
        self.ready = Gauge("semrec_ready", "1 when questions can be answered.", registry=own)
        self.generation = Gauge("semrec_generation", "Number of the index that answers.", registry=own)
        self.stale = Gauge("semrec_stale", "1 when an older index answers than the current.", registry=own)
        self.kept_texts = Gauge(
            "semrec_kept_texts", "Texts of questions whose vectors are kept.", registry=own
        )
        self.store_errors = Counter(
            "semrec_store_errors", "Answers that the store failed.", ["code"], registry=own
        )
        self.events = Counter("semrec_events", "Events that were posted.", ["result"], registry=own)
        self.text_vectors = Counter(
            "semrec_text_vectors",
            "Texts of questions, found in the cache or encoded.",
            ["result"],
            registry=own,
        )
        self.text_batch = Histogram(
            "semrec_text_batch", "Texts encoded together.", buckets=(1, 2, 4, 8, 16), registry=own
        )
        self.answers = Counter(
            "semrec_answers", "Answers, by what is known of the asker.", ["kind"], registry=own
        )
        self.shares = Summary(
            "semrec_signal_share", "Share of a signal in the best item.", ["signal"], registry=own
        )
        self.drift = Gauge(
            "semrec_score_drift",
            f"Population stability index of the last {DRIFT_SCORES} best scores against the first ones "
            "of this process; above 0.25 something has changed.",
            ["kind"],
            registry=own,
        )
        self._scores: dict[str, Drift] = {}

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Measure a stage of an answer."""
        return self.stage_s.labels(name).time()

    def note_answer(self, answer: Recommendations, *, cold: bool) -> None:
        """Count an answer: cold or not, the shares of the signals, the drift of its best score."""
        self.answers.labels("cold" if cold else "known").inc()
        if not len(answer):
            return
        best = answer[0]
        for signal, share in best.signals.items():
            self.shares.labels(signal).observe(max(share, 0.0))
        kind = kind_of(answer)
        drift = self._scores.setdefault(kind, Drift())
        if (found := drift.add(best.score)) is not None:
            self.drift.labels(kind).set(found)


def kind_of(answer: Recommendations) -> str:
    """Return what was asked by: the scores of different kinds of questions cannot be compared."""
    query = answer.query
    given = [name for name in ("text", "history", "user", "item") if query.get(name)]
    return "+".join(given)


class Drift:
    """Compares the latest scores with the first ones.

    Parameters
    ----------
    size : scores on each side.
    """

    def __init__(self, size: int = DRIFT_SCORES) -> None:
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=size)
        self._size = size
        self._since = 0

    def add(self, score: float) -> float | None:
        """Take in a score; return the drift now and then, when there is something to compare."""
        if len(self._first) < self._size:
            self._first.append(score)
            return None
        self._last.append(score)
        self._since += 1
        if len(self._last) < self._size or self._since % (self._size // 10 or 1):
            return None
        return stability_index(self._first, self._last)


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Return the population stability index Σ (a - e) · ln(a / e) over tenths of the expected values.

    Below 0.1 the two are alike, above 0.25 they are not (Siddiqi, "Credit Risk Scorecards", 2006).
    Shares are kept above 0 by half a value in each bin.
    """
    edges = np.quantile(expected, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1])
    shares = [
        (np.bincount(np.searchsorted(edges, values), minlength=DRIFT_BINS) + 0.5)
        / (len(values) + 0.5 * DRIFT_BINS)
        for values in (np.asarray(expected), np.asarray(actual))
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
