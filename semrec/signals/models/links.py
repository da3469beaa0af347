"""The links of the `item_item` signal, and which options of them find most.

Three regressions, each drawn to the one before: what the texts suggest (`text_prior`), what is used together
(`ease`), and what is taken next (`next_items`). The first is no link of its own. What is used together
without the texts, EASE, is a link, too: where events are dense, the texts can do harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from scipy import sparse

from semrec.mathematics.rows import centre
from semrec.signals.catalog_matrix import Histories
from semrec.signals.fitting import ScoreHistories, TrainingData, Trial
from semrec.signals.models import ease, local_links, near_items, next_items, text_map
from semrec.signals.models.kept_weights import FIRST_WORTH, WORTHS, prune, root_counts, spread
from semrec.signals.models.text_prior import TextPrior
from semrec.types import Float2D

Name = Literal["EASE", "used together", "taken next"]

REGS = (10.0, 50.0, 200.0, 500.0)
"""λ of EASE to try."""

PULLS = ((10.0, 50.0), (30.0, 150.0), (3.0, 30.0))
"""(λ, β) to try, far from each other; measured on six data sets, one of them is best or nearly so."""

TRIAL_ITEMS = 8_000
"""Most used items on which these are tried: the work grows with the cube of the items."""

DECAYS = (0.8, 0.6, 0.9)
"""Decay of the past to try; the first with each of `PULLS`, the rest with the best of them."""

NEXT_WORTH = "size"
"""By what weights of what is taken next are kept: by size NDCG@10 of the blend is 0.1395 on ml_latest_small
(all weights 0.1423), by size and use 0.1366, positive ones only 0.1309."""


@dataclass(frozen=True)
class LinkOptions:
    """Which link is trained, and how.

    Parameters
    ----------
    link : its name.
    reg : λ.
    pull : β; 0: the texts do not count.
    decay : of the past; 1 where order does not count.
    kept_by : one of `WORTHS`, by which weights of what is used together are kept.
    """

    link: Name = "EASE"
    reg: float = 200.0
    pull: float = 0.0
    decay: float = 1.0
    kept_by: str = FIRST_WORTH


@dataclass(frozen=True)
class Link:
    """A trained link, float32 (n_items, n_items): column i is what is stored with item i.

    Parameters
    ----------
    columns : of the link.
    together : of what is used together, for the columns of items without events.
    decay : with which a history asks.
    """

    columns: sparse.csc_array
    together: sparse.csc_array
    decay: float = 1.0


def train_link(data: TrainingData, options: LinkOptions) -> Link:
    """Train one link."""
    if options.link == "EASE":
        columns = ease.train(data.root_weighted, options.reg, options.kept_by)
        return Link(columns, columns)
    chain = _Chain(data)
    if not chain.n_items:
        nothing = sparse.csc_array((data.user_items.shape[1],) * 2, dtype=np.float32)
        return Link(nothing, nothing)
    if chain.n_items > ease.MOST_DENSE:
        return chain.local(options)
    weights = chain.together(options)
    together = chain.kept(weights, (options.kept_by,))[options.kept_by]
    if options.link == "used together":
        return Link(together, together)
    return Link(chain.following(options, weights), together, options.decay)


def stacked(link: Link, data: TrainingData) -> sparse.csc_array:
    """Return what is stored of every item, float32 (2·n_items, n_items).

    Items with events have their column of the link in the upper half. Items without events have, in the lower
    half, the column of what is used together that is predicted from their text.
    """
    text = centre(data.text_vectors, text_map.mean_vector(data.text_vectors))
    predicted = near_items.predict_columns(text, link.together, data.events)
    is_cold = sparse.diags_array((data.events == 0).astype(np.float32), format="csc")
    return sparse.csc_array(sparse.vstack([link.columns, predicted @ is_cold], format="csc"))


def text_prior(data: TrainingData) -> TextPrior:
    """Return the weights that the texts of the items suggest."""
    return TextPrior.of(centre(data.text_vectors, text_map.mean_vector(data.text_vectors)))


# -- which options ---------------------------------------------------------------------------------------


def tune_links(trial: Trial) -> dict[str, dict[str, Any]]:
    """Return the options of every link that can be learned, each those that find most alone."""
    own = _tune_ease(trial)
    found = [own, *tune_drawn(trial)] if own else [LinkOptions()]
    return {options.link: asdict(options) for options in found}


def _tune_ease(trial: Trial) -> LinkOptions | None:
    """Choose λ and the half life of events first, then by what weights are kept; None: nothing is found."""
    models = {}

    def trained() -> Iterator[tuple[float, ScoreHistories]]:
        for reg in REGS:
            models[reg] = ease.train_each(trial.data.root_weighted, reg, tuple(WORTHS))
            yield reg, partial(_scores, models[reg][FIRST_WORTH])

    reg = trial.choose_half_life(trained())
    if reg is None:
        return None
    return _best_of(
        [(_found(trial, model), LinkOptions(reg=reg, kept_by=by)) for by, model in models[reg].items()]
    )


def tune_drawn(trial: Trial) -> list[LinkOptions]:
    """Return the best options of what is used together, and of what is taken next if the log has an order.

    In a large catalog, they are those that find most of its most used items.
    """
    chain = _Chain(trial.data, TRIAL_ITEMS)
    if not chain.n_items:
        return []
    together, following = [], []
    for reg, pull in PULLS:
        options = LinkOptions("used together", reg, pull)
        weights = chain.together(options)
        kept = chain.kept(weights, tuple(WORTHS))
        together += [(_found(trial, kept[by]), replace(options, kept_by=by)) for by in kept]
        if trial.data.has_order:
            tried = replace(options, link="taken next", decay=DECAYS[0], kept_by=_best_of(together).kept_by)
            following.append((_found(trial, chain.following(tried, weights), tried.decay), tried))
        del weights  # n × n items
    best = [_best_of(together)]
    if following:
        first = _best_of(following)
        weights = chain.together(first)
        for decay in DECAYS[1:]:
            tried = replace(first, decay=decay)
            following.append((_found(trial, chain.following(tried, weights), decay), tried))
        best.append(_best_of(following))
    return best


class _Chain:
    """What is used together, drawn to the texts, and what is taken next, drawn to that, on some events.

    Weights of all events are made so that the median is 1: λ and β are chosen among values that fit these.

    Parameters
    ----------
    data : the events.
    most_items : of more items only those with the most events count; None: all.
    """

    def __init__(self, data: TrainingData, most_items: int | None = None) -> None:
        self._data = data
        values = data.user_items.data
        self._scale = np.float32(1 / np.median(values)) if len(values) else np.float32(1)
        used = np.sort(np.argsort(-data.events, kind="stable")[:most_items])
        x, there = ease.active_part(data.root_weighted[:, used] * self._scale)
        self._x, self._active = x, used[there]
        self._prior = text_prior(data).at(self._active)

    @property
    def n_items(self) -> int:
        """Number of items with events that count."""
        return len(self._active)

    def together(self, options: LinkOptions) -> torch.Tensor:
        """Return B with all its weights, float32 (n_active, n_active): row j is column j."""
        return next_items.whole(ease.columns(self._x, options.reg, self._pull(options)), self.n_items)

    def following(self, options: LinkOptions, together: torch.Tensor) -> sparse.csc_array:
        """Return T, float32 (n_items, n_items)."""
        blocks = next_items.columns(self._steps(options.decay), options.reg, options.pull, together)
        kept = prune(blocks, root_counts(self._x), (NEXT_WORTH,), near_items.KEEP)
        return self._spread(kept[NEXT_WORTH])

    def local(self, options: LinkOptions) -> Link:
        """Return the link where items are too many for a matrix of items × items."""
        steps = self._steps(options.decay) if options.link == "taken next" else None
        found = local_links.train(self._x, options.reg, near_items.KEEP, self._pull(options), steps)
        together = self._spread(found.together)
        columns = together if found.following is None else self._spread(found.following)
        return Link(columns, together, options.decay)

    def _pull(self, options: LinkOptions) -> ease.Pull:
        return ease.Pull(self._prior, options.pull)

    def _steps(self, decay: float) -> next_items.Steps:
        data, own = self._data, self._active
        assert data.order is not None
        user_items = data.user_items[:, own] * self._scale
        return next_items.steps_of(user_items, data.order[:, own], decay, data.user_weights)

    def kept(self, together: torch.Tensor, worths: Sequence[str]) -> dict[str, sparse.csc_array]:
        """Return the largest weights by each of some `WORTHS`, float32 (n_items, n_items)."""
        step = max(1, ease.BLOCK_CELLS // len(together))
        blocks = ((first, together[first : first + step]) for first in range(0, len(together), step))
        kept = prune(blocks, root_counts(self._x), worths, near_items.KEEP)
        return {worth: self._spread(columns) for worth, columns in kept.items()}

    def _spread(self, columns: sparse.csc_array) -> sparse.csc_array:
        return spread(columns, self._active, self._data.user_items.shape[1])


def _best_of(found: Sequence[tuple[float, LinkOptions]]) -> LinkOptions:
    return max(found, key=lambda one: one[0])[1]


def _found(trial: Trial, columns: sparse.csc_array, decay: float = 1.0) -> float:
    return trial.ndcg(partial(_scores, columns, decay=decay))


def _scores(columns: sparse.csc_array, histories: Histories, *, decay: float = 1.0) -> Float2D:
    """Return Σ_h w_h·decay^age_h·L[h, i], float32 (n, n_items)."""
    scores: Float2D = (histories.decayed(decay) @ columns).toarray().astype(np.float32, copy=False)
    return scores
