"""Cleaning of items on their way in, and the counts of it: HTML, words for nothing, values left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from semrec.errors import shown
from semrec.indexer.sources.html_text import html_to_text, is_html
from semrec.plain_values import is_missing_word


@dataclass(slots=True)
class Cleaning:
    """Cleans items, and counts what it changes.

    Parameters
    ----------
    keep_html : leave HTML as it is.
    """

    keep_html: bool = False
    _n_html: int = 0
    _words: Counter[str] = field(default_factory=Counter)
    _left_out: dict[str, _LeftOut] = field(default_factory=dict)

    def read_html(self, values: Mapping[str, Any], *, is_counted: bool = True) -> Mapping[str, Any]:
        """Return the values of an item with the text of those that are HTML.

        Parameters
        ----------
        values : texts and lists of texts among them, by name.
        is_counted : whether the item counts as one with HTML.
        """
        if self.keep_html:
            return values
        found = {name: _text_of(value) for name, value in values.items() if _is_html(value)}
        if not found:
            return values
        self._n_html += is_counted
        return {**values, **found}

    def count_html(self, is_cleaned: bool) -> None:
        """Count an item, if it had HTML."""
        self._n_html += is_cleaned

    def without_words(self, text: str) -> str:
        """Return a title or text; empty if it is a word for nothing, which is counted."""
        self.count_words((text,))
        return "" if is_missing_word(text) else text

    def count_words(self, values: Iterable[Any]) -> None:
        """Count the values that are words for nothing."""
        self._words.update(value.strip() for value in values if is_missing_word(value))

    def leave_out(self, item_id: str, reasons: Mapping[str, str]) -> None:
        """Count values that do not fit the types of their fields.

        Parameters
        ----------
        item_id : of the item, which is kept.
        reasons : why a value does not fit, by field.
        """
        for name, reason in reasons.items():
            known = self._left_out.get(name)
            first = known.first if known else f"item {shown(item_id)}: {reason}"
            self._left_out[name] = _LeftOut(1 + (known.n if known else 0), first)

    def notes(self) -> list[str]:
        """Return what was changed, in words."""
        notes = []
        if self._n_html:
            notes.append(f"HTML was turned into text in {self._n_html:,} items (--keep-html keeps it)")
        if self._words:
            words = ", ".join(map(repr, sorted(self._words)))
            notes.append(f"{words} counted as missing in {self._words.total():,} values")
        for name, left_out in self._left_out.items():
            notes.append(f'"{name}": {left_out.n:,} values were left out, for instance {left_out.first}')
        return notes


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Values of a field that were left out: how many, and the first one in words."""

    n: int
    first: str


def _is_html(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(isinstance(entry, str) and is_html(entry) for entry in value)
    return isinstance(value, str) and is_html(value)


def _text_of(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [html_to_text(entry) if isinstance(entry, str) else entry for entry in value]
    return html_to_text(value)
