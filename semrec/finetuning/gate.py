"""The gate: whether a tuned encoder may become the encoder of a shop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semrec.evaluation.bootstrap import bootstrap_means, percentiles
from semrec.evaluation.per_user import Values
from semrec.types import Plain


@dataclass(frozen=True, slots=True)
class Change(Plain):
    """NDCG@10 with the old and with the tuned encoder, on the same users.

    Parameters
    ----------
    before, after : means over users.
    low, high : 95 % bootstrap interval of after - before.
    n_users : number of users.
    """

    before: float
    after: float
    low: float
    high: float
    n_users: int

    @classmethod
    def of(cls, before: Values, after: Values, seed: int) -> Change:
        """Compare the values of the same users."""
        low, high = percentiles(bootstrap_means((after - before)[:, None], seed))
        n_users = int(np.sum(~np.isnan(after - before)))
        return cls(
            float(np.nanmean(before)), float(np.nanmean(after)), float(low[0]), float(high[0]), n_users
        )

    @property
    def is_worse(self) -> bool:
        """Whether it is worse beyond the interval."""
        return self.high < 0

    @property
    def is_better(self) -> bool:
        """Whether it is better beyond the interval."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class Verdict(Plain):
    """What the gate found.

    Parameters
    ----------
    cold : items without events, found by the text signal alone.
    warm : one held-out event a user, found by the whole blend, with weights learned for each encoder.
    own : with the tuned encoder, items without events: `before` by the history of another user, `after` by
        the user's own. Events in which the history does not matter say nothing about what goes together.
    """

    cold: Change
    warm: Change
    own: Change

    @property
    def objections(self) -> tuple[str, ...]:
        """Why the encoder is refused, in words; empty: it may be used."""
        found = []
        if not self.own.is_better:
            found.append(
                "the history of another user finds as much as the user's own: the events do not say which "
                "items go together"
            )
        if self.cold.is_worse:
            found.append("it finds fewer items without events than before")
        if self.warm.is_worse:
            found.append("the blend finds fewer items with events than before")
        if not (self.cold.is_better or self.warm.is_better):
            found.append("neither items without events nor items with events are found better than by chance")
        return tuple(found)

    @property
    def passes(self) -> bool:
        """Whether the tuned encoder may become the encoder of the shop."""
        return not self.objections
