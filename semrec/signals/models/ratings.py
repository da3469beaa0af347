"""Predicted ratings: matrix factorisation with biases for explicit ratings.

    r̂(u, i) = μ + b_u + b_i + x_u·v_i

(Koren, Bell, Volinsky, "Matrix Factorization Techniques for Recommender Systems", Computer, 2009, equation
4.) What is minimised is equation 5 with a ridge that grows with the root of the number of ratings:

    Σ (r(u, i) − r̂(u, i))² + ridge·Σ_u √n_u·(b_u² + s·|x_u|²) + ridge·Σ_i √n_i·(b_i² + s·|v_i|²)

RMSE on validation ratings of films (0.5 to 5) and of books (1 to 5), rank 16, best ridge of a small grid
each: 0.836 and 0.825 with that root, 0.845 and 0.828 with a constant ridge, 0.845 and 0.831 with one
proportional to n; biases alone 0.857 and 0.835. With the root the best ridge is 1.3 on both.
s = (high − low) / 4 is 1 on a scale from 1 to 5: stretching the scale stretches the predictions and changes
nothing else, so one default ridge fits all scales.

Alternating least squares: with all items fixed every user is a small ridge regression, and the other way
round, so the sum never rises. Only items are stored; a user is folded in from any history, in closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from semrec.errors import ConfigError
from semrec.events.rating_scale import RatingScale
from semrec.types import Float1D, Float2D

MIN_RIDGE = 1e-6
"""With less the solves of double precision are not safe any more."""
BATCH_NUMBERS = 2**20
"""Numbers in one batch of solves (8 MB), several of which are held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class RatingModel:
    """What was learned from ratings; users are not stored, see `fold_in`.

    Parameters
    ----------
    mean : of all ratings.
    item_biases : float32 (n_items,), how much better than the mean an item is rated; 0 for an item
        without ratings.
    item_factors : float32 (n_items, rank); 0 for an item without ratings.
    scale : the lowest and the highest rating; predictions stay inside.
    ridge : as in `fit_ratings`; a user is folded in with the same.
    """

    mean: float
    item_biases: Float1D
    item_factors: Float2D
    scale: RatingScale
    ridge: float


def fit_ratings(
    ratings: sparse.csr_array,
    *,
    rank: int = 16,
    ridge: float = 1.3,
    epochs: int = 15,
    seed: int = 42,
    scale: RatingScale = (1.0, 5.0),
    progress: Callable[[int], None] | None = None,
) -> RatingModel:
    """Learn biases and factors of the items.

    Parameters
    ----------
    ratings : CSR (n_users, n_items), every stored entry is a rating. A stored 0 is one only if the scale
        has it, else it is passed over. Two entries of one pair are two ratings.
    rank : length of the factors; 0 learns biases alone.
    ridge : how strongly biases and factors are pulled to 0, at least `MIN_RIDGE`; the module says how.
    epochs : how often all items and all users are solved, at least 1.
    seed : of the start.
    scale : the lowest and the highest rating.
    progress : called with the number of every finished epoch.

    Raises
    ------
    ConfigError
        An option cannot work, there is no rating, or a rating is NaN or outside the scale.
    """
    _check_options(rank, ridge, epochs, scale)
    by_user = _clean(ratings, scale)
    if not by_user.nnz:
        raise ConfigError("there are no ratings to learn from")
    by_item = by_user.T.tocsr()
    problem = _Problem(float(by_user.data.mean()), ridge, _unit(scale))
    items = _start(by_user.shape[1], rank, problem, seed)
    for epoch in range(epochs):
        users = _solve_rows(by_user, items, problem)
        items = _solve_rows(by_item, users, problem)
        if progress:
            progress(epoch + 1)
    return RatingModel(problem.mean, items[:, 0].copy(), items[:, 1:].copy(), scale, ridge)


def objective(model: RatingModel, ratings: sparse.csr_array) -> float:
    """Return what training minimises, in double precision, with every user folded in.

    No epoch raises it. The module's text has the formula; `ratings` are as in `fit_ratings`.
    """
    known, problem, items = _known(model, ratings), _problem_of(model), _items_of(model)
    users = _solve_rows(known, items, problem)
    n_of_user, n_of_item = np.diff(known.indptr), np.bincount(known.indices, minlength=len(items))
    predicted = _pair_sums(users, np.repeat(np.arange(len(users)), n_of_user), items, known.indices)
    total = float(np.sum((known.data - problem.mean - predicted) ** 2))
    for rows, n_ratings in ((users, n_of_user), (items, n_of_item)):
        squares = rows.astype(np.float64) ** 2
        costs = squares[:, 0] + problem.unit * squares[:, 1:].sum(axis=1)
        total += problem.ridge * float(np.sqrt(n_ratings) @ costs)
    return total


def fold_in(model: RatingModel, items: ArrayLike, values: ArrayLike) -> tuple[float, Float1D]:
    """Return bias and factor of a user with these ratings: what training gives with the items fixed.

    Parameters
    ----------
    items : integers (n,), indices of the rated items; several ratings of one item all count.
    values : float (n,), the ratings.

    Returns
    -------
    The bias, and float32 (rank,); all 0 for an empty history.

    Raises
    ------
    ConfigError
        A rating is NaN or outside the scale, or an item is not in the model.
    """
    user = _folded(model, items, values)[0]
    return float(user[0]), user[1:]


def predict(model: RatingModel, items: ArrayLike, values: ArrayLike, targets: ArrayLike) -> Float1D:
    """Predict the ratings of a user with this history.

    Without a history this is the mean and the item's bias; for an item without ratings it is the mean and
    the user's bias.

    Parameters
    ----------
    items, values : the history, see `fold_in`.
    targets : integers (m,), indices of the items to predict.

    Returns
    -------
    float32 (m,), inside the scale.

    Raises
    ------
    ConfigError
        As in `fold_in`.
    """
    user, wanted = _folded(model, items, values), _check_items(model, targets, "target")
    only, each = np.zeros(len(wanted), np.int64), np.arange(len(wanted))
    return _clip(model.mean + _pair_sums(user, only, _items_of(model, wanted), each), model.scale)


def effects(model: RatingModel, items: ArrayLike, values: ArrayLike, target: int) -> Float1D:
    """Return what each rating of a history adds to the prediction of one item.

    The mean, the bias of the item and these effects add up to the prediction, before it is put on the scale.

    Parameters
    ----------
    items, values : the history, see `fold_in`.
    target : index of the item.

    Returns
    -------
    float32 (n,), in the order of the history.
    """
    rated, wanted = _check_items(model, items, "history"), _check_items(model, [target], "target")
    ratings = np.asarray(values, np.float64)
    if not len(rated):
        return np.zeros(0, np.float32)
    units = _units(1 + model.item_factors.shape[1], _unit(model.scale))
    terms = np.column_stack([np.ones(len(rated)), model.item_factors[rated]]) * units
    asked = np.append(1.0, model.item_factors[wanted[0]]) * units
    system = terms.T @ terms + model.ridge * np.sqrt(len(rated)) * np.eye(len(units))
    shares = asked @ np.linalg.solve(system, terms.T)
    added: Float1D = (shares * (ratings - model.mean - model.item_biases[rated])).astype(np.float32)
    return added


def predict_pairs(
    model: RatingModel, histories: sparse.csr_array, users: ArrayLike, items: ArrayLike
) -> Float1D:
    """Predict a rating for each pair of a user and an item.

    Parameters
    ----------
    histories : CSR (n_users, n_items), the ratings that are known, as in `fit_ratings`. The users need not
        be those of the training.
    users : integers (m,), rows of `histories`.
    items : integers (m,), indices of items.

    Returns
    -------
    float32 (m,), inside the scale.

    Raises
    ------
    ConfigError
        As in `fold_in`, or a user is not in `histories`.
    """
    wanted = _check_items(model, items, "target")
    rows = _check_indices(users, histories.shape[0], "user")
    if len(rows) != len(wanted):
        raise ConfigError(f"{len(rows)} users and {len(wanted)} items are no pairs")
    asked, places = np.unique(rows, return_inverse=True)
    vectors = _items_of(model)
    folded = _solve_rows(_known(model, histories)[asked], vectors, _problem_of(model))
    return _clip(model.mean + _pair_sums(folded, places, vectors, wanted), model.scale)


# Users and items as rows ---------------------------------------------------------------------------
#
# All users, or all items, are one float32 matrix (n, 1 + rank): the bias, then the factor.


class _Problem(NamedTuple):
    """What is known while rows are solved; `unit` is s in the module's text."""

    mean: float
    ridge: float
    unit: float


def _unit(scale: RatingScale) -> float:
    return (scale[1] - scale[0]) / 4


def _start(n_items: int, rank: int, problem: _Problem, seed: int) -> Float2D:
    """Return items without a bias and with small random factors."""
    items = np.zeros((n_items, 1 + rank), np.float32)
    spread = 0.1 * np.sqrt(problem.unit)
    items[:, 1:] = np.random.default_rng(seed).normal(scale=spread, size=(n_items, rank))
    return items


def _items_of(model: RatingModel, rows: NDArray[np.int64] | slice = slice(None)) -> Float2D:
    return np.column_stack([model.item_biases[rows], model.item_factors[rows]])


def _problem_of(model: RatingModel) -> _Problem:
    return _Problem(model.mean, model.ridge, _unit(model.scale))


def _folded(model: RatingModel, items: ArrayLike, values: ArrayLike) -> Float2D:
    """Return the user of a history, float32 (1, 1 + rank); only the items of the history are looked at."""
    rated, ratings = _check_items(model, items, "history"), np.asarray(values, np.float64)
    if ratings.shape != rated.shape:
        raise ConfigError(f"a history of {rated.size} items has {ratings.size} ratings")
    place = _first_outside(ratings, model.scale)
    if place is not None:
        raise ConfigError(_refusal(ratings[place], f"place {place} of the history", model.scale))
    history = sparse.csr_array((ratings, np.arange(len(rated)), [0, len(rated)]), shape=(1, len(rated)))
    return _solve_rows(history, _items_of(model, rated), _problem_of(model))


# Solving -------------------------------------------------------------------------------------------


def _solve_rows(ratings: sparse.csr_array, others: Float2D, problem: _Problem) -> Float2D:
    """Return the best bias and factor of each row of `ratings`, given those of its columns.

    Solved in double precision whatever is stored: a tiny ridge or a row with fewer ratings than its factor
    has numbers is then no danger. Rows without ratings are 0.
    """
    solved = np.zeros((ratings.shape[0], others.shape[1]), np.float32)
    units = _units(others.shape[1], problem.unit)
    for rows in _batches(np.diff(ratings.indptr), others.shape[1]):
        columns, values, is_rating = _padded(ratings, rows)
        terms = others[columns].astype(np.float64)
        wanted = (values - problem.mean - terms[..., 0]) * is_rating
        terms[..., 0] = 1.0
        terms *= units * is_rating[..., None]
        ridges = problem.ridge * np.sqrt(is_rating.sum(axis=1))
        solved[rows] = _ridge_regressions(terms, wanted, ridges) * units
    return solved


def _units(width: int, unit: float) -> NDArray[np.float64]:
    """Return what a row is scaled by, so that one ridge fits bias and factor: a factor costs `unit` times."""
    units = np.full(width, unit**-0.5)
    units[0] = 1.0
    return units


def _batches(lengths: NDArray[np.int64], width: int) -> Iterator[NDArray[np.int64]]:
    """Give all rows that have ratings, in groups of nearly equal length, so that little is padded."""
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order]
    start = int(np.searchsorted(ordered, 0, side="right"))
    while start < len(order):
        longest = max(4, int(1.25 * ordered[start]))
        similar = int(np.searchsorted(ordered, longest, side="right"))
        stop = min(similar, start + max(1, BATCH_NUMBERS // (longest * width)))
        yield order[start:stop]
        start = stop


def _padded(
    ratings: sparse.csr_array, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return columns, values and whether there is a rating at all, each (n_rows, length of the longest)."""
    starts, stops = ratings.indptr[rows, None], ratings.indptr[rows + 1, None]
    places = starts + np.arange((stops - starts).max())
    is_rating = places < stops
    places = np.where(is_rating, places, starts)
    return ratings.indices[places], ratings.data[places], is_rating


def _ridge_regressions(
    terms: NDArray[np.float64], wanted: NDArray[np.float64], ridges: NDArray[np.float64]
) -> NDArray[np.floating]:
    """Minimise |wanted − terms·w|² + ridge·|w|², many at once.

    Parameters
    ----------
    terms : float64 (n, length, width), 0 where padded.
    wanted : float64 (n, length), 0 where padded.
    ridges : float64 (n,), greater than 0.

    Returns
    -------
    float64 (n, width).
    """
    across, right = terms.transpose(0, 2, 1), wanted[..., None]
    if terms.shape[1] < terms.shape[2]:  # fewer ratings than unknowns: the same w by the smaller system
        system = terms @ across + ridges[:, None, None] * np.eye(terms.shape[1])
        return (across @ np.linalg.solve(system, right))[..., 0]
    system = across @ terms + ridges[:, None, None] * np.eye(terms.shape[2])
    return np.linalg.solve(system, across @ right)[..., 0]


def _pair_sums(
    users: Float2D, user_rows: NDArray[np.int64], items: Float2D, item_rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return b_u + b_i + x_u·v_i of each pair, float64 (n_pairs,), batch by batch."""
    step = max(1, BATCH_NUMBERS // users.shape[1])
    sums = np.empty(len(user_rows))
    for start in range(0, len(sums), step):
        part = slice(start, start + step)
        left, right = users[user_rows[part]].astype(np.float64), items[item_rows[part]]
        sums[part] = left[:, 0] + right[:, 0] + (left[:, 1:] * right[:, 1:]).sum(axis=1)
    return sums


def _clip(raw: NDArray[np.floating], scale: RatingScale) -> Float1D:
    return np.clip(raw, *scale).astype(np.float32)


# Checking ------------------------------------------------------------------------------------------


def _check_options(rank: int, ridge: float, epochs: int, scale: RatingScale) -> None:
    low, high = scale
    if not (np.isfinite([low, high]).all() and low < high):
        raise ConfigError(f"the rating scale must run from a lower to a higher number, not {low} to {high}")
    if rank < 0:
        raise ConfigError(f"rank must be 0 (biases alone) or more, not {rank}")
    if not MIN_RIDGE <= ridge < np.inf:
        raise ConfigError(f"ridge must be at least {MIN_RIDGE:g}, not {ridge}")
    if epochs < 1:
        raise ConfigError(f"epochs must be at least 1, not {epochs}")


def _clean(ratings: sparse.csr_array, scale: RatingScale) -> sparse.csr_array:
    """Return a checked copy with float64 values, without zeros that are no ratings."""
    checked = sparse.csr_array(ratings, dtype=np.float64, copy=True)
    if not scale[0] <= 0 <= scale[1]:
        checked.eliminate_zeros()
    place = _first_outside(checked.data, scale)
    if place is not None:
        user = int(np.searchsorted(checked.indptr, place, side="right")) - 1
        where = f"user {user}, item {checked.indices[place]}"
        raise ConfigError(_refusal(checked.data[place], where, scale))
    return checked


def _known(model: RatingModel, ratings: sparse.csr_array) -> sparse.csr_array:
    """Return the ratings as `_clean` does; refuse those of another number of items."""
    n_items = len(model.item_biases)
    if ratings.shape[1] != n_items:
        raise ConfigError(f"the ratings are of {ratings.shape[1]} items, the model has {n_items}")
    return _clean(ratings, model.scale)


def _first_outside(values: NDArray[np.float64], scale: RatingScale) -> int | None:
    """Return the place of the first value that is NaN or not on the scale."""
    outside = ~((values >= scale[0]) & (values <= scale[1]))
    return int(outside.argmax()) if outside.any() else None


def _refusal(value: float, where: str, scale: RatingScale) -> str:
    return f"the rating {value:g} ({where}) is not on the scale from {scale[0]:g} to {scale[1]:g}"


def _check_items(model: RatingModel, items: ArrayLike, role: str) -> NDArray[np.int64]:
    return _check_indices(items, len(model.item_biases), f"{role} item")


def _check_indices(indices: ArrayLike, n: int, what: str) -> NDArray[np.int64]:
    """Return int64 (m,); refuse what is not an index below n."""
    given = np.asarray(indices)
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise ConfigError(f"{what}s must be a list of whole numbers")
    outside = (given < 0) | (given >= n)
    if outside.any():
        place = int(outside.argmax())
        raise ConfigError(f"{what} {given[place]} (place {place}) is outside 0 … {n - 1}")
    return given.astype(np.int64)
