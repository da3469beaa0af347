"""Keys of events, of the user and of all other fields, so that equal events are stored once."""

from __future__ import annotations

import numpy as np
import polars as pl

from semrec.events.frame import ITEM, KIND, TIME, USER, VALUE
from semrec.types import item_keys


def with_keys(events: pl.DataFrame) -> pl.DataFrame:
    """Return the events with the columns user_key and event_key, ordered by user, else as given.

    The keys are BLAKE2b of the user id and of all other fields. Each text is preceded by its length, and
    numbers are written as their bits, so that different events have different inputs. The keys are the same
    with every version of every library.

    Parameters
    ----------
    events : an event frame without NaN, and without null in its texts.
    """
    numbers = pl.DataFrame({name: _bits(events[name]) for name in (VALUE, TIME)})
    texts = [part for name in (ITEM, KIND) for part in (pl.col(name).str.len_bytes(), pl.col(name))]
    written = (
        events.select(ITEM, KIND)
        .with_columns(numbers)
        .select(pl.concat_str(*texts, pl.col(VALUE), pl.col(TIME), separator="|"))
        .to_series()
    )
    users = events[USER].unique()
    user_key = events[USER].replace_strict(users, signed_keys(users), return_dtype=pl.Int64)
    return events.with_columns(user_key.alias("user_key"), signed_keys(written).alias("event_key")).sort(
        "user_key", maintain_order=True
    )


def signed_keys(texts: pl.Series) -> pl.Series:
    """Return 64 bits of BLAKE2b of each text, int64, which databases can store."""
    return pl.Series(item_keys(texts.to_list()).view(np.int64))


def _bits(numbers: pl.Series) -> pl.Series:
    """Return the bits of float64 numbers as decimal text; null is empty, and -0.0 is 0.0."""
    bits = (numbers.fill_null(0.0).to_numpy() + 0.0).view(np.int64)
    return pl.Series(bits).cast(pl.String).zip_with(numbers.is_not_null(), pl.Series([""]))
