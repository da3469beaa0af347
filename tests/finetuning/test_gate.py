"""The gate."""

from __future__ import annotations

import numpy as np
import pytest

from semrec.finetuning.gate import Change, Verdict

BETTER = Change(0.20, 0.25, 0.03, 0.07, 100)
EQUAL = Change(0.20, 0.20, -0.01, 0.01, 100)
WORSE = Change(0.20, 0.15, -0.07, -0.03, 100)


@pytest.mark.parametrize(
    ("cold", "warm", "own", "reason"),
    [
        (BETTER, EQUAL, BETTER, None),
        (EQUAL, BETTER, BETTER, None),
        (BETTER, BETTER, BETTER, None),
        (EQUAL, EQUAL, BETTER, "better than by chance"),
        (WORSE, BETTER, BETTER, "fewer items without events"),
        (BETTER, WORSE, BETTER, "fewer items with events"),
        (BETTER, BETTER, EQUAL, "history of another user"),
        (BETTER, BETTER, WORSE, "history of another user"),
    ],
)
def test_what_passes(cold, warm, own, reason):
    verdict = Verdict(cold, warm, own)
    assert verdict.passes == (reason is None)
    assert len(verdict.objections) == (reason is not None)
    assert reason is None or reason in verdict.objections[0]


def test_a_change_is_judged_on_the_same_users():
    random = np.random.default_rng(0)
    before = random.random(400)
    change = Change.of(before, before + random.normal(0.02, 0.05, 400), seed=1)
    assert change.is_better
    assert change.low < change.after - change.before < change.high
    assert Change.of(before, before + random.normal(0, 0.05, 400), seed=1).n_users == 400


def test_users_without_an_answer_do_not_count():
    before, after = np.array([0.1, np.nan, 0.3]), np.array([0.2, np.nan, 0.4])
    change = Change.of(before, after, seed=0)
    assert (change.n_users, change.low) == (2, pytest.approx(0.1))
