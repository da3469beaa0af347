"""The weights of the blend: learned on validation queries, with NDCG@10 as the goal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from semrec.mathematics.ndcg import discounts, ideal_gains
from semrec.types import Float1D, Float2D

GRID = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)
OUT = -1e3
"""Standardised score of the padding."""

PER_SIGNAL = 100
BAGS = 6
MOST_IN_BAG = 1000
PASSES = 2
K = 10

BUCKET_STRENGTH = 50.0
"""Queries of a bucket of lengths at which its own weights count as much as those of all queries."""

PRIOR_STRENGTH = 50.0
"""Queries at which the learned weights count as much as the prior."""

ENOUGH = 50
"""Queries from which on a length may use a signal that is of no use over all lengths, and from which on what
is of no use for items without events gets weight 0."""

KEPT_WARM = 0.995
"""Share of the NDCG@10 of items with events that the scale of new items must surely leave."""

NEW_FACTOR = 0.5
"""Scale of new items where nothing is known; validation finds 0.4 to 0.8."""

SURE = 1.645
"""Standard errors below the mean at which a one-sided bound of 95 % lies."""


@dataclass(frozen=True)
class Table:
    """Standardised scores of the candidates of some validation queries.

    Parameters
    ----------
    z : float32 (n_queries, n_candidates, n_signals), padded with `OUT`.
    hit : bool (n_queries, n_candidates), the held-out items.
    cold : bool (n_queries, n_candidates), items without events.
    targets : int64 (n_queries,), held-out items, among the candidates or not.
    lengths : int64 (n_queries,), of the histories.
    """

    z: torch.Tensor
    hit: torch.Tensor
    cold: torch.Tensor
    targets: torch.Tensor
    lengths: torch.Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: torch.Tensor) -> Table:
        """Return the table of some queries."""
        return Table(*(column[rows] for column in self._columns()))

    def of_signals(self, columns: Sequence[int]) -> Table:
        """Return the table with some of its signals; the candidates stay."""
        return replace(self, z=self.z[:, :, list(columns)])

    def warm_only(self) -> Table:
        """Return the table without cold items; queries without another target are left out."""
        hidden = (self.hit & self.cold).sum(1)
        z = self.z.masked_fill(self.cold[:, :, None], OUT)
        table = Table(z, self.hit & ~self.cold, self.cold, self.targets - hidden, self.lengths)
        return table.take(torch.where(table.targets > 0)[0])

    def _columns(self) -> tuple[torch.Tensor, ...]:
        return self.z, self.hit, self.cold, self.targets, self.lengths


def empty_table(n_signals: int) -> Table:
    """Return a table without queries."""
    none = torch.zeros(0, 0, dtype=torch.bool)
    count = torch.zeros(0, dtype=torch.int64)
    return Table(torch.zeros(0, 0, n_signals), none, none, count, count)


def candidates(
    standardised: Sequence[Float2D],
    allowed: NDArray[np.bool_],
    targets: NDArray[np.bool_],
    lengths: NDArray[np.integer],
    events: Float1D,
) -> Table:
    """Unite the best `PER_SIGNAL` allowed items of every signal, as retrieval does.

    Parameters
    ----------
    standardised : one float32 (n_queries, n_items) a signal.
    allowed, targets : bool (n_queries, n_items).
    lengths : int (n_queries,).
    events : float32 (n_items,).
    """
    open_, wanted = torch.from_numpy(allowed), torch.from_numpy(targets)
    chosen = torch.zeros_like(open_)
    signals = [torch.from_numpy(values) for values in standardised]
    for values in signals:
        best = values.masked_fill(~open_, -torch.inf).topk(min(PER_SIGNAL, values.shape[1]), dim=1).indices
        chosen.scatter_(1, best, True)
    chosen &= open_
    width = int(chosen.sum(1).max()) if len(chosen) else 0
    places = chosen.byte().topk(width, dim=1).indices
    real = chosen.gather(1, places)
    z = torch.stack([values.gather(1, places) for values in signals], dim=2)
    z[~real] = OUT
    cold = torch.from_numpy(events == 0)[places] & real
    hit = wanted.gather(1, places) & real
    return Table(z, hit, cold, (wanted & open_).sum(1), torch.from_numpy(np.asarray(lengths, np.int64)))


def join(tables: Sequence[Table]) -> Table:
    """Return the queries of several tables as one."""
    width = max(table.z.shape[1] for table in tables)
    padded = [_widen(table, width) for table in tables]
    columns = zip(*(table._columns() for table in padded), strict=True)
    return Table(*(torch.cat(parts) for parts in columns))


def ndcg(table: Table, weights: torch.Tensor) -> torch.Tensor:
    """Return NDCG@10 of every query; `weights` (n_signals,) or (n_queries, n_signals), 0 or more."""
    if weights.dim() == 1:
        return ndcg_of(table, table.z @ weights)
    return ndcg_of(table, torch.bmm(table.z, weights[:, :, None])[:, :, 0])


def ndcg_of(table: Table, scores: torch.Tensor) -> torch.Tensor:
    """Return NDCG@10 of every query by given scores (n_queries, n_candidates)."""
    if not len(table) or not scores.shape[1]:
        return torch.zeros(len(table))
    top = scores.topk(min(K, scores.shape[1]), dim=1).indices
    discount = torch.from_numpy(discounts(K)).float()
    ideal = torch.from_numpy(ideal_gains(K)).float()[table.targets.clamp(max=K)]
    gain = (table.hit.gather(1, top).float() * discount[: top.shape[1]]).sum(1)
    return gain / ideal.clamp(min=1e-9)


def learn_weights(
    table: Table, prior: Float1D, seed: int, strength: float = PRIOR_STRENGTH, least: int = 1
) -> Float1D:
    """Learn one weight a signal: the mean of ascents on bootstrap samples of the queries.

    The mean avoids overfitting to a small validation part, and it is drawn to `prior` as if that came from
    `strength` queries. From `least` queries on, the weights are then made no worse on these queries than the
    best single signal, and a signal that adds nothing gets 0.

    Returns
    -------
    float32 (n_signals,), 0 or more, sum 1; the prior when there is no query.
    """
    weights = _drawn(table, prior, seed, strength)
    if len(table) >= least and bool(table.hit.any()):
        weights = _drop_useless(table, _no_worse(table, weights))
    return (weights / weights.sum()).numpy()


def held_out_ndcg(table: Table, prior: Float1D, seed: int) -> Float1D:
    """Return NDCG@10 of each query with weights that are learned on the other half of the queries.

    Float32 (n_queries,), in an order that depends on the seed alone; zeros where there are fewer than two.
    """
    if len(table) < 2:
        return np.zeros(len(table), np.float32)
    shuffled = torch.from_numpy(np.random.default_rng(seed).permutation(len(table)))
    one, other = (table.take(rows) for rows in shuffled.tensor_split(2))
    found = [
        ndcg(judges, torch.from_numpy(learn_weights(learns, prior, seed)))
        for learns, judges in ((one, other), (other, one))
    ]
    return torch.cat(found).numpy().astype(np.float32)


def learn_by_length(table: Table, edges: Sequence[int], everywhere: Float1D, seed: int) -> list[Float1D]:
    """Learn the weights of every bucket of history lengths, drawn to those of all queries.

    Bucket b holds the lengths from edges[b] up to edges[b + 1]. A bucket's own weights are used only
    where they are better on its queries than those of all queries. See `ENOUGH`, too.
    """
    bucket = torch.bucketize(table.lengths, torch.tensor(edges[1:]), right=True)
    common = torch.from_numpy(everywhere)
    rows = []
    for b in range(len(edges)):
        some = table.take(torch.where(bucket == b)[0])
        own = _drawn(some, everywhere, seed, BUCKET_STRENGTH)
        if len(some) < ENOUGH:
            own = own * (common > 0)
            own = own / own.sum()
        better = len(some) > 0 and bool(ndcg(some, own).mean() > ndcg(some, common).mean())
        rows.append((own if better else common).numpy())
    return rows


def _drawn(table: Table, prior: Float1D, seed: int, strength: float) -> torch.Tensor:
    """Return the mean of ascents on bootstrap samples, drawn to the prior."""
    expected = torch.from_numpy(np.asarray(prior, np.float32))
    n_queries = len(table)
    if not bool(table.hit.any()):
        return expected
    rng = np.random.default_rng(seed)
    size = min(n_queries, MOST_IN_BAG)
    bags = [torch.from_numpy(rng.integers(0, n_queries, size)) for _ in range(BAGS)]
    mean = torch.stack([_ascend(table.take(rows)) for rows in bags]).mean(0)
    share = n_queries / (n_queries + strength)
    return share * mean + (1 - share) * expected


def cold_factor(table: Table, warm: torch.Tensor, cold: torch.Tensor, grid: Sequence[float]) -> float:
    """Return by what the weights of cold items are multiplied so that lists with both are best.

    Parameters
    ----------
    warm : (n_queries, n_signals), the weights of items with events.
    cold : (n_signals,), the weights of items without.
    grid : factors to try; of equally good ones the first is taken.
    """
    tried = [float(ndcg_of(table, scores).mean()) for scores in _mixed_scores(table, warm, cold, grid)]
    return grid[int(np.argmax(tried))]


def new_factor(table: Table, warm: torch.Tensor, new: torch.Tensor, grid: Sequence[float]) -> float:
    """Return by what the weights of items that came after the fit are multiplied: the most that is safe.

    How many new items will come, and how many are wanted, is not in the past. So they count as much as they
    can while items with events surely keep `KEPT_WARM` of their NDCG@10: the lower bound of the mean change,
    over queries, must be above that loss.

    Parameters
    ----------
    table : queries of which the cold items are the new ones.
    warm : (n_queries, n_signals), the weights of items with events.
    new : (n_signals,), the weights of new items.
    grid : factors to try, ascending, up to the first that is not safe.
    """
    found = (table.hit & table.cold).sum(1)
    of_warm = replace(table, hit=table.hit & ~table.cold, targets=table.targets - found)
    asked = of_warm.targets > 0
    if not bool(asked.any()):
        return NEW_FACTOR
    without_new = ndcg(table.warm_only(), warm[asked])
    most_lost = (1 - KEPT_WARM) * float(without_new.mean())
    safe = grid[0]
    for factor, scores in zip(grid, _mixed_scores(table, warm, new, grid), strict=True):
        if _lower_bound(ndcg_of(of_warm, scores)[asked] - without_new) < -most_lost:
            break
        safe = factor
    return safe


def _lower_bound(differences: torch.Tensor) -> float:
    """Return the one-sided bound of 95 % below which the mean of the differences hardly lies."""
    error = differences.std(unbiased=False) / len(differences) ** 0.5
    return float(differences.mean() - SURE * error)


def _mixed_scores(
    table: Table, warm: torch.Tensor, cold: torch.Tensor, grid: Sequence[float]
) -> Iterator[torch.Tensor]:
    """Yield the scores with each factor of the weights of cold items."""
    by_warm = torch.bmm(table.z, warm[:, :, None])[:, :, 0]
    by_cold = table.z @ cold
    for factor in grid:
        yield torch.where(table.cold, factor * by_cold, by_warm)


def ablation(table: Table, weights: torch.Tensor) -> Float1D:
    """Return what every signal adds to NDCG@10: with all signals minus with all but this one."""
    everything = ndcg(table, weights).mean()
    gains = [everything - ndcg(table, _zeroed(weights, s)).mean() for s in range(weights.shape[-1])]
    return torch.stack(gains).numpy()


def alone(table: Table) -> Float1D:
    """Return NDCG@10 of every signal by itself, float32 (n_signals,)."""
    return torch.stack([ndcg(table, row).mean() for row in torch.eye(table.z.shape[2])]).numpy()


def _ascend(table: Table) -> torch.Tensor:
    """Ascend one coordinate at a time over `GRID`, from the best single signal."""
    single = alone(table)
    weights, best = torch.eye(len(single))[int(single.argmax())].clone(), float(single.max())
    for _ in range(PASSES):
        before = best
        for signal in range(len(weights)):
            weights, best = _best_value(table, weights, signal, best)
        weights = weights / weights.max()
        if best - before < 1e-5:
            break
    return weights / weights.sum()


def _best_value(table: Table, weights: torch.Tensor, signal: int, best: float) -> tuple[torch.Tensor, float]:
    others = _zeroed(weights, signal)
    rest, column = table.z @ others, table.z[:, :, signal]
    for value in GRID:
        if value == 0 and not bool(others.any()):
            continue
        now = float(ndcg_of(table, torch.add(rest, column, alpha=value)).mean())
        if now > best:
            weights, best = others.clone(), now
            weights[signal] = value
    return weights, best


def _no_worse(table: Table, weights: torch.Tensor) -> torch.Tensor:
    """Return the weights, or the best single signal where that is better."""
    single = alone(table)
    if float(ndcg(table, weights).mean()) >= float(single.max()):
        return weights
    return torch.eye(len(single))[int(single.argmax())]


def _drop_useless(table: Table, weights: torch.Tensor) -> torch.Tensor:
    """Set to 0, smallest first, every weight without which NDCG@10 is as good."""
    best = float(ndcg(table, weights).mean())
    for signal in weights.argsort().tolist():
        trial = _zeroed(weights, signal)
        if bool(trial.any()) and (now := float(ndcg(table, trial).mean())) >= best:
            weights, best = trial, now
    return weights


def _zeroed(weights: torch.Tensor, signal: int) -> torch.Tensor:
    rest = weights.clone()
    rest[..., signal] = 0
    return rest


def _widen(table: Table, width: int) -> Table:
    more = width - table.z.shape[1]
    pad = torch.nn.functional.pad
    return Table(
        pad(table.z, (0, 0, 0, more), value=OUT),
        pad(table.hit, (0, more)),
        pad(table.cold, (0, more)),
        table.targets,
        table.lengths,
    )
