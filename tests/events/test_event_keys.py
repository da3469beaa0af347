"""Keys of events are the same in every release."""

from __future__ import annotations

import polars as pl

from semrec.events.event_keys import with_keys
from semrec.events.frame import SCHEMA

GOLDEN = [(635684713685137414, 7018009898850882337), (635684713685137414, -6985218901374396898)]


def test_keys_never_change():
    rows = [("u", "i", "rate", 4.5, 1.6e9), ("u", "i", "view", None, None)]
    keyed = with_keys(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    assert keyed.select("user_key", "event_key").rows() == GOLDEN
