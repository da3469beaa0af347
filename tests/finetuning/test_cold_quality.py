"""How many items without events are found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from semrec.config import Settings
from semrec.finetuning.cold_quality import MOST_OF_A_HISTORY, ColdQuestions, SmallQuestions

SETTINGS = Settings()


def questions(n_users=20, n_items=60, seed=0) -> tuple[ColdQuestions, np.ndarray]:
    """Users of two tastes; the last 20 items have no events, half of them of each taste."""
    random = np.random.default_rng(seed)
    taste = np.arange(n_items) % 2
    vectors = np.stack([1 - 2.0 * taste, random.normal(0, 0.1, n_items)], axis=1).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known, wanted = np.zeros((2, n_users, n_items), np.float32)
    for user in range(n_users):
        known[user, random.choice(np.flatnonzero(taste[:40] == user % 2), 5, replace=False)] = 1
        wanted[user, 40 + random.choice(np.flatnonzero(taste[40:] == user % 2), 3, replace=False)] = 1
    return ColdQuestions.of(csr_array(known), csr_array(wanted), np.arange(40, 60), 0), vectors


def test_items_of_the_own_taste_come_first():
    asked, vectors = questions()
    own = asked.found(vectors, SETTINGS)
    assert own.shape == (20,)
    assert own.min() > 0.3  # the ten first are those of the taste, three of them are wanted


def test_only_candidates_are_found():
    asked, vectors = questions()
    others = ColdQuestions(asked.histories, asked.wanted, np.arange(40))
    assert others.found(vectors, SETTINGS).max() == 0


def test_the_history_of_a_stranger_finds_less():
    asked, vectors = questions(n_users=21)
    assert asked.of_strangers().found(vectors, SETTINGS).mean() < asked.found(vectors, SETTINGS).mean()


def test_users_without_history_or_without_wanted_items_are_not_asked_for():
    known = csr_array(np.array([[1.0, 0, 0], [0, 0, 0], [1.0, 0, 0]]))
    wanted = csr_array(np.array([[0, 1.0, 0], [0, 1.0, 0], [0, 0, 0]]))
    assert len(ColdQuestions.of(known, wanted, np.array([1, 2]), 0)) == 1


def test_small_questions_are_the_same_questions_over_fewer_items():
    asked, vectors = questions()
    small = SmallQuestions.of(asked, 0)
    assert set(range(40, 60)) <= set(small.items)
    assert len(small.questions) == len(asked)
    part = small.questions.found(vectors[small.items], SETTINGS)
    assert part.mean() == pytest.approx(asked.found(vectors, SETTINGS).mean(), abs=0.1)


def test_long_histories_are_cut_in_small_questions():
    known = np.zeros((1, 60), np.float32)
    known[0, :40] = 1
    wanted = np.zeros((1, 60), np.float32)
    wanted[0, 50] = 1
    small = SmallQuestions.of(ColdQuestions.of(csr_array(known), csr_array(wanted), np.arange(40, 60), 0), 0)
    assert small.questions.histories.nnz == MOST_OF_A_HISTORY
    assert small.questions.wanted.nnz == 1
