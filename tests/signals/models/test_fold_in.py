"""The fold-in against the plain formula, one event at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from semrec.signals.models import fold_in
from semrec.signals.models.fold_in import FoldIn

N_ITEMS = 12
LONGEST = 9


def plain_user(model: FoldIn, factors, weights: dict[int, float]):
    """Return u = A⁻¹ Σ_h c_h v_h of one history, in float64."""
    rank = factors.shape[1]
    left, right = model.alpha * model.gram.astype(float), np.zeros(rank)
    for item, weight in weights.items():
        factor = factors[item].astype(float)
        left = left + abs(weight) * np.outer(factor, factor)
        right = right + weight * factor
    evidence = sum(map(abs, weights.values()))
    left = left + model.reg * (evidence + model.alpha * model.n_items) ** model.nu * np.eye(rank)
    return np.linalg.inv(left) @ right


def model_of(factors, alpha=0.2, reg=0.05, nu=0.7):
    return FoldIn(factors.T @ factors, alpha, reg, nu, len(factors))


def matrix_of(histories: list[dict[int, float]]):
    """Return the histories as a matrix; an item of weight 0 is an entry too."""
    ordered = [sorted(history.items()) for history in histories]
    indptr = np.cumsum([0, *map(len, ordered)])
    entries = [entry for history in ordered for entry in history]
    items = np.array([item for item, _ in entries], np.int64)
    weights = np.array([weight for _, weight in entries], np.float32)
    return csr_array((weights, items, indptr), shape=(len(histories), N_ITEMS))


@dataclass(frozen=True)
class Users:
    """Some histories, and the model that is asked for their factors."""

    factors: np.ndarray
    model: FoldIn
    histories: list[dict[int, float]]


def histories_of(weight):
    """Return a strategy: histories of 0 to 9 items with such weights."""
    return st.dictionaries(st.integers(0, N_ITEMS - 1), weight, max_size=LONGEST)


positive = histories_of(st.sampled_from([0.25, 1.0, 3.0]))
with_dislikes = histories_of(st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0]))
all_zero = histories_of(st.just(0.0))
some_zero = histories_of(st.sampled_from([-1.0, 0.0, 1.0]))


@st.composite
def users(draw):
    """Short and long histories (rank 1 to 8), liked, disliked, of weight 0, and empty ones."""
    rank = draw(st.integers(1, 8))
    factors = np.random.default_rng(draw(st.integers(0, 1000))).normal(size=(N_ITEMS, rank))
    factors = factors.astype(np.float32)
    alpha, reg = draw(st.sampled_from([0.0, 0.05, 0.6])), draw(st.sampled_from([0.01, 0.3]))
    nu = draw(st.sampled_from([0.0, 0.5, 1.0]))
    if alpha == 0:
        nu = 0.0  # an empty system has no inverse
    histories = draw(st.lists(positive | with_dislikes | all_zero | some_zero, max_size=6))
    return Users(factors, model_of(factors, alpha, reg, nu), histories)


@settings(deadline=None, max_examples=60)
@given(users(), st.sampled_from([1, 40, 1 << 20]))
def test_many_users_are_the_formula_of_each(case, batch_cells):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_in, "BATCH_CELLS", batch_cells)  # one history a batch, a few, or all
        found = case.model.users(matrix_of(case.histories), case.factors)
    assert (found.dtype, found.shape) == (np.float32, (len(case.histories), case.factors.shape[1]))
    expected = [plain_user(case.model, case.factors, history) for history in case.histories]
    np.testing.assert_allclose(found, np.reshape(expected, found.shape), rtol=1e-3, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(users())
def test_reasons_add_up_to_the_user(case):
    found = case.model.users(matrix_of(case.histories), case.factors)
    for history, user in zip(case.histories, found, strict=True):
        weights = np.array(list(history.values()), np.float32)
        reasons = case.model.reasons(case.factors[list(history)], weights)
        assert (reasons.dtype, reasons.shape) == (np.float32, (case.factors.shape[1], len(history)))
        np.testing.assert_allclose(reasons.sum(axis=1), user, rtol=1e-3, atol=1e-5)


KINDS = {
    "liked": {2: 1.0, 5: 3.0, 7: 0.5, 9: 1.0},
    "with dislikes": {2: 1.0, 5: -3.0, 7: 0.5, 9: -1.0},
    "all zero": {2: 0.0, 5: 0.0, 7: 0.0, 9: 0.0},
    "empty": {},
}


@pytest.mark.parametrize("rank", [3, 20], ids=["longer than the rank", "shorter than the rank"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_history_is_the_formula(rank, kind):
    factors = np.random.default_rng(0).normal(size=(N_ITEMS, rank)).astype(np.float32)
    model, history = model_of(factors), KINDS[kind]
    (user,) = model.users(matrix_of([history]), factors)
    np.testing.assert_allclose(user, plain_user(model, factors, history), atol=1e-5)
    assert user.any() == any(history.values())


def test_a_history_does_not_depend_on_those_beside_it():
    """Rows of a batch are filled up to one length, and one dislike changes how a batch is solved."""
    factors = np.random.default_rng(1).normal(size=(N_ITEMS, 6)).astype(np.float32)
    model = model_of(factors)
    histories = [{1: 1.0, 4: 2.0}, {0: 1.0}, {3: -1.0, 5: 1.0, 6: 1.0}, {}, dict.fromkeys(range(9), 1.0)]
    together = model.users(matrix_of(histories), factors)
    alone = [model.users(matrix_of([history]), factors)[0] for history in histories]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_disliked_item_counts_as_much_against_as_a_liked_one_for():
    factors = np.random.default_rng(0).normal(size=(N_ITEMS, 4)).astype(np.float32)
    liked, disliked = model_of(factors).users(matrix_of([{0: 1.0}, {0: -1.0}]), factors)
    np.testing.assert_allclose(liked, -disliked, atol=1e-6)
    assert factors[0] @ disliked < 0 < factors[0] @ liked


def test_inputs_are_not_changed():
    factors = np.random.default_rng(2).normal(size=(N_ITEMS, 3)).astype(np.float32)
    model, matrix = model_of(factors), matrix_of([{1: 1.0, 4: -2.0}])
    for array in (factors, model.gram, matrix.data, matrix.indices, matrix.indptr):
        array.setflags(write=False)
    model.users(matrix, factors)
    model.reasons(factors[:2], matrix.data)


def test_rank_1_by_hand():
    # Items 1 and 2; G = 5, so A = 0.5·5 + 3·1² + 0.1·(3 + 0.5·2) = 5.9 and u = 3·1 / 5.9.
    factors = np.array([[1], [2]], np.float32)
    model = model_of(factors, alpha=0.5, reg=0.1, nu=1.0)
    histories = csr_array(np.array([[3, 0]], np.float32))
    np.testing.assert_allclose(model.users(histories, factors), [[3 / 5.9]], rtol=1e-6)
