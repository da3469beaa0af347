"""How much the value of an event counts: large counts are damped, and returns are taken off purchases.

The weight of an event without a rating is

    weight of its kind · log2(1 + |value|) · net / gross,

where net is the sum of the values of the same user, item and kind, and gross the sum of their sizes. Without
values below 0, net / gross is 1; a value of 1 counts 1, 10 counts 3.5, and 10,000 counts 13.3. So six bought
and one returned stay a purchase, six returned are neutral, and seven returned count against the item.

The net of a state, such as "in the cart", is never below 0: it can only end. A log may begin after the cart
was filled, so a removal alone is neutral.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from semrec.types import Event

STATES = ("cart", "like")
"""Kinds that put an item into a state; taking them back ends it."""


def damped(value: float) -> float:
    """Return log2(1 + |value|): 0 for 0, 1 for 1."""
    return math.log1p(abs(value)) / math.log(2)


def kept_shares(events: Sequence[Event]) -> Mapping[tuple[str, str], float]:
    """Return net / gross by item and kind, of the events of one user; only of those with values below 0."""
    returned = {
        (event.item_id, event.kind) for event in events if event.value is not None and event.value < 0
    }
    if not returned:
        return {}
    net, gross = dict.fromkeys(returned, 0.0), dict.fromkeys(returned, 0.0)
    for event in events:
        if (what := (event.item_id, event.kind)) in returned:
            value = 1.0 if event.value is None else event.value
            net[what] += value
            gross[what] += abs(value)
    return {what: _at_least(what[1], net[what] / gross[what]) for what in returned}


def _at_least(kind: str, share: float) -> float:
    return max(share, 0.0) if kind in STATES else share
