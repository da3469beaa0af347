"""Matrix factorisation against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from event_data import random_events
from scipy import sparse

from semrec.signals.models import ials
from semrec.signals.models.fold_in import FoldIn
from semrec.signals.models.ials import IalsOptions


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def plain_solution(row, other, options):
    """One row's factor by the definition."""
    left = options.alpha * other.T @ other + (other * row[:, None]).T @ other
    left += np.eye(other.shape[1]) * options.reg * (row.sum() + options.alpha * len(row)) ** options.nu
    return np.linalg.solve(left, other.T @ row)


@pytest.mark.parametrize("rank", [3, 16], ids=["rows longer than the rank", "rows shorter than the rank"])
def test_every_row_is_its_exact_minimiser(rank, rng):
    rows = random_events(12, 15, 1, share=0.4)
    other = rng.normal(size=(15, rank))
    options = IalsOptions(rank, alpha=0.2, reg=0.05, nu=0.7)
    out = torch.zeros(12, rank, dtype=torch.float64)
    ials.solve_rows(rows.astype(np.float64), torch.from_numpy(other), out, options)
    expected = [plain_solution(row, other, options) for row in rows.toarray().astype(np.float64)]
    np.testing.assert_allclose(out.numpy(), expected, atol=1e-9)


def test_no_half_epoch_raises_the_objective(rng):
    events = random_events(30, 20, 2).astype(np.float64)
    options = IalsOptions(8, alpha=0.1, reg=0.01)
    users = torch.zeros(30, 8, dtype=torch.float64)
    items = torch.from_numpy(rng.normal(size=(20, 8)) * 0.1)
    losses = [ials.objective(events, users, items, options)]
    for _ in range(5):
        ials.solve_rows(events, items, users, options)
        losses.append(ials.objective(events, users, items, options))
        ials.solve_rows(events.T.tocsr(), users, items, options)
        losses.append(ials.objective(events, users, items, options))
    assert (np.diff(losses) <= 1e-9).all()
    assert losses[-1] < 0.9 * losses[0]


def test_the_objective_of_a_small_case_is_as_computed_by_hand():
    # one user, two items, one event of confidence 2; x = 1, v = (1/2, 1)
    events = sparse.csr_array(np.array([[2.0, 0.0]]))
    users, items = torch.tensor([[1.0]]), torch.tensor([[0.5], [1.0]])
    options = IalsOptions(1, alpha=0.1, reg=0.01)
    seen = 2 * (1 - 0.5) ** 2
    everything = 0.1 * (0.5**2 + 1)
    ridge = 0.01 * ((2 + 0.2) * 1 + (2 + 0.1) * 0.25 + (0 + 0.1) * 1)
    assert ials.objective(events, users, items, options) == pytest.approx(seen + everything + ridge)


def test_folding_in_a_training_row_gives_the_training_solution():
    events = random_events(40, 25, 3)
    options = IalsOptions(6, alpha=0.2, reg=0.01, epochs=4)
    factors = ials.train(events, options, seed=0)
    users = torch.zeros(40, 6)
    ials.solve_rows(events, torch.from_numpy(factors), users, options)
    fold_in = FoldIn(factors.T @ factors, options.alpha, options.reg, options.nu, len(factors))
    folded = fold_in.users(events, factors)
    np.testing.assert_allclose(folded, users.numpy(), atol=1e-6)


def test_the_seed_decides_and_threads_are_given_back():
    events = random_events(20, 10, 4)
    before = torch.get_num_threads()
    first, again, other = (ials.train(events, IalsOptions(4, epochs=2), seed) for seed in (0, 0, 1))
    assert torch.get_num_threads() == before
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_items_without_events_have_no_factor():
    events = sparse.csr_array(np.array([[1, 0, 1], [1, 0, 0]], np.float32))
    factors = ials.train(events, IalsOptions(2, epochs=3), seed=0)
    np.testing.assert_array_equal(factors[1], 0)
    assert np.abs(factors[0]).max() > 0


def test_progress_is_called_with_every_finished_epoch():
    finished = []
    ials.train(random_events(5, 4, 5), IalsOptions(2, epochs=3), 0, finished.append)
    assert finished == [1, 2, 3]
