"""The baseline without personalisation: popularity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semrec.evaluation.baselines.baseline import Features, Scorer, liked
from semrec.evaluation.splits import Csr


@dataclass(frozen=True, slots=True)
class Popularity:
    """score(u, i) = number of users who like i."""

    def fit(self, train: Csr, features: Features) -> Scorer:
        """See `Baseline.fit`."""
        counts = np.asarray(liked(train).sum(axis=0), np.float32).ravel()
        return lambda users: np.tile(counts, (len(users), 1))
