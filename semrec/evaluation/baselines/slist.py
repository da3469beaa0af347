"""SLIST, a linear item-item model of what is used together and of what is used next.

M. Choi, J. Kim, J. Lee, H. Shim, J. Lee, "Session-aware Linear Item-Item Models for Session-based
Recommendation", WWW 2021. With X the users' items, Z what a user did before a moment and Y what followed,

    B = argmin α‖X - X̂B‖² + (1 - α)‖Y - ẐB‖² + λ‖B‖²,

where X̂ and Ẑ are X and Z with rows of the sum 1. Z and Y decay with the distance from the moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy import sparse

from semrec.evaluation.baselines.baseline import Features, LeftOutError, Scorer, liked
from semrec.evaluation.baselines.linear import used_items, weighted_sums
from semrec.evaluation.baselines.validation import best_of
from semrec.evaluation.splits import Csr
from semrec.learning.scoring import ages
from semrec.signals.models.ease import cholesky
from semrec.signals.models.next_items import steps_of
from semrec.types import Float2D


@dataclass(frozen=True, slots=True)
class Slist:
    """score(u, i) = Σ_h d^age(h)·B[h, i], ages counted in newer items.

    Parameters
    ----------
    shares : α, each in [0, 1]; of several, the best one on the validation part is taken.
    decays : d, each above 0 and at most 1, of Z, Y and the question; also chosen there.
    regularisation : λ, as in the paper.
    window : items before and after a moment that count.
    seed : of the validation part.
    """

    shares: tuple[float, ...] = (0.2, 0.8)
    decays: tuple[float, ...] = (0.8,)
    regularisation: float = 10.0
    window: int = 20
    seed: int = 42

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        if features.order is None:
            raise LeftOutError("it needs the order of the events")
        x = liked(train)
        settings = tuple(product(self.shares, self.decays))
        return self._learn(x, features, best_of(settings, self._learn, x, features, self.seed))

    def _learn(self, x: Csr, features: Features, setting: tuple[float, float]) -> Scorer:
        share, decay = setting
        order = features.order
        assert order is not None
        used = used_items(x)
        weights = self.weights(x[:, used], order[:, used], share, decay)
        questions = sparse.csr_array((decay ** ages(order), x.indices, x.indptr), shape=x.shape)
        return weighted_sums(questions, used, weights)

    def weights(self, x: Csr, order: Csr, share: float, decay: float) -> Float2D:
        """Return B, float32 (n_items, n_items).

        Parameters
        ----------
        x : CSR (n_users, n_items), 1 for every event.
        order : the same pattern, see `Features`.
        share : α.
        decay : d.
        """
        past, following = self.moments(x, order, decay)
        asked = [_summed_to_one(x) * np.sqrt(share), _summed_to_one(past) * np.sqrt(1 - share)]
        wanted = [x * np.sqrt(share), following * np.sqrt(1 - share)]
        inputs = sparse.csr_array(sparse.vstack(asked, format="csr", dtype=np.float32))
        products = inputs.T @ sparse.vstack(wanted, format="csr", dtype=np.float32)
        factor = cholesky(inputs, self.regularisation)
        right = torch.from_numpy(products.toarray()).to(factor.dtype)
        return torch.cholesky_solve(right, factor).float().numpy()

    def moments(self, x: Csr, order: Csr, decay: float) -> tuple[Csr, Csr]:
        """Return Z and Y, float32 (n_moments, n_items): a moment is between two times of one user.

        What followed is the past in the reversed order; with the users reversed as well, the moments are too.
        """
        past = steps_of(x, order, decay, window=self.window).past
        reversed_order = order[::-1]
        reversed_order.data = -reversed_order.data
        return past, steps_of(x[::-1], reversed_order, decay, window=self.window).past[::-1]


def _summed_to_one(rows: Csr) -> Csr:
    sums = np.asarray(rows.sum(axis=1)).ravel()
    return sparse.diags_array(1 / np.where(sums > 0, sums, 1)) @ rows
