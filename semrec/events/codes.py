"""Event frames as tables of numbers: users, items and kinds get codes, which need less memory than texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import polars as pl

from semrec.events.cleaning import Row, Sieve
from semrec.events.counting import CleaningRules, in_words
from semrec.events.frame import ITEM, KIND, TIME, USER, VALUE
from semrec.events.kinds import RATE, VIEW
from semrec.types import Event

NO_EVENTS = pl.DataFrame(
    schema={"user": pl.Int32, "item": pl.Int32, "kind": pl.Int32, "value": pl.Float32, "time": pl.Float64}
)
"""The table of coded events, without events. The codes of the kinds `rate` and `view` are 0 and 1."""


class Vocabulary:
    """Texts and their codes, 0, 1, 2, … in order of appearance."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.codes: dict[str, int] = {text: code for code, text in enumerate(dict.fromkeys(texts))}

    def encode(self, texts: pl.Series) -> pl.Series:
        """Return the code of every text, int32; new texts get new codes."""
        names = texts.unique(maintain_order=True)
        codes = [self.codes.setdefault(name, len(self.codes)) for name in names]
        encoded = texts.replace_strict(names, pl.Series(codes, dtype=pl.Int32), return_dtype=pl.Int32)
        return encoded.cast(pl.Int32)  # an empty series has no number type yet

    def names(self, codes: Iterable[int]) -> list[str]:
        """Return the texts of codes."""
        texts = list(self.codes)
        return [texts[code] for code in codes]


class EventCodes:
    """Turns event frames into one table of numbers, and counts the rows that are impossible.

    Parameters
    ----------
    items : ids of the catalog; None: all items of the events.

    Attributes
    ----------
    users, items, kinds : the codes.
    n_known_items : items of the catalog, which have the first codes; None without a catalog.
    n_events : number of events given.
    dropped : number of left out events by reason.
    firsts : the first left out event by reason.
    """

    def __init__(self, items: Sequence[str] | None) -> None:
        self.users, self.items, self.kinds = Vocabulary(), Vocabulary(items or ()), Vocabulary([RATE, VIEW])
        self.n_known_items = None if items is None else len(self.items.codes)
        self.n_events = 0
        self.dropped: dict[str, int] = {}
        self.firsts: dict[str, Row] = {}

    def in_words(self, row: Row) -> str:
        """Return a row of an event frame, or of coded events, for people."""
        if USER in row:
            texts = [row[name] or "" for name in (USER, ITEM, KIND)]
        else:
            codes = ((self.users, row["user"]), (self.items, row["item"]), (self.kinds, row["kind"]))
            texts = [name for vocabulary, code in codes for name in vocabulary.names([code])]
        user, item, kind = texts
        return in_words(Event(item, kind, row["value"], row["time"]), user)

    @property
    def n_unknown_items(self) -> int:
        """Number of different items that are not in the catalog."""
        return 0 if self.n_known_items is None else len(self.items.codes) - self.n_known_items

    def of_kinds(self, names: Collection[str]) -> list[int]:
        """Return the codes of those of these kinds that occur."""
        return [code for kind, code in self.kinds.codes.items() if kind in names]

    def encode_all(self, frames: Iterable[pl.DataFrame], rules: CleaningRules, now: float) -> pl.DataFrame:
        """Return all possible events as a table like `NO_EVENTS`; time is null if unknown."""
        return pl.concat([NO_EVENTS, *(self._encode(frame, rules, now) for frame in frames)])

    def _encode(self, frame: pl.DataFrame, rules: CleaningRules, now: float) -> pl.DataFrame:
        self.n_events += len(frame)
        sieve = Sieve(frame, self.dropped, self.firsts)
        sieve.drop_impossible(rules, now)
        events = sieve.events
        return pl.DataFrame(
            {
                "user": self.users.encode(events[USER]),
                "item": self.items.encode(events[ITEM]),
                "kind": self.kinds.encode(events[KIND]),
                "value": events[VALUE].cast(pl.Float32),
                "time": events[TIME],
            }
        )
