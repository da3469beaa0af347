"""The different texts of a metadata field, in memory: filters compare them without upper and lower case."""

from __future__ import annotations

import time
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

MOST_TEXTS = 200_000
"""Different texts of one field that are kept; of a field with more only the exact spelling is found."""


def folded(text: str) -> str:
    """Return a text without differences of upper and lower case, Unicode form and outer white space."""
    return unicodedata.normalize("NFC", text).strip().casefold()


@dataclass(frozen=True)
class TextValues:
    """The different texts of one metadata field.

    Parameters
    ----------
    counts : number of items of each text, the most frequent first.
    is_complete : False if the field has more than `MOST_TEXTS`; then `counts` is empty.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    is_complete: bool = True

    @cached_property
    def spellings(self) -> Mapping[str, tuple[str, ...]]:
        """The texts by what `folded` makes of them."""
        found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
        for text in self.counts:
            found[folded(text)] += (text,)
        return found

    def like(self, text: str) -> tuple[str, ...]:
        """Return the texts that differ only in upper and lower case, Unicode form or outer white space."""
        return self.spellings.get(folded(text), ())


class TextValueCache:
    """Texts of fields that were read before.

    Parameters
    ----------
    read : returns the texts of a field with their numbers of items, at most `MOST_TEXTS` + 1.
    keep_s : seconds after which they are read again, because another process can write.
    """

    def __init__(self, read: Callable[[str], Mapping[str, int]], keep_s: float = float("inf")) -> None:
        self._read = read
        self._keep_s = keep_s
        self._known: dict[str, tuple[float, TextValues]] = {}

    def of(self, name: str) -> TextValues:
        """Return the texts of a field."""
        read_at, values = self._known.get(name, (-float("inf"), TextValues()))
        if time.monotonic() - read_at > self._keep_s or read_at < 0:
            counts = self._read(name)
            ordered = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
            values = TextValues(ordered) if len(counts) <= MOST_TEXTS else TextValues({}, is_complete=False)
            self._known[name] = time.monotonic(), values
        return values

    def clear(self) -> None:
        """Forget everything, because items have changed."""
        self._known.clear()
