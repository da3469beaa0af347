"""Numbers as people write them: with currency signs, thousands separators and decimal commas.

One text can mean two numbers: 1,234 is a thousand in London and about one in Paris. The other values of its
column say which: `decimal_mark` finds it in a value, and `read_number` takes the mark of the column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypeAlias

Mark: TypeAlias = Literal[".", ","]
"""What separates the whole part of a number from its decimals."""

LONGEST = 60
"""Characters of the longest text that is read as a written number."""

_SIGNS = "|".join(
    [
        "[A-Z]{0,2}[$€£¥₹₽₩₺₴₫₦₱฿₪]",
        "USD|EUR|GBP|JPY|CNY|RMB|CHF|CAD|AUD|NZD|INR|SEK|NOK|DKK|PLN|CZK|HUF|TRY|BRL|MXN",
        "zł|Kč|kr|Ft|元|円",
    ]
)
_SPACES = " \u00a0\u202f"
_WRITTEN = re.compile(
    rf"\s*(?P<sign>[+-]?)\s*(?P<before>{_SIGNS})?\s*(?P<inner>[+-]?)"
    rf"(?P<number>[0-9.,](?:[0-9.,'’{_SPACES}]*[0-9])?)\s*(?P<after>{_SIGNS})?\s*"
)
_SIGN_ALONE = re.compile(rf"\s*(?:{_SIGNS})\s*")
_WHOLE = re.compile(
    rf"0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?P<group>[.,'’{_SPACES}])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*"
)


def has_currency(text: str) -> bool:
    """Return whether a text is a number with a currency sign before or after it."""
    found = _WRITTEN.fullmatch(text) if len(text) <= LONGEST else None
    return bool(found and (found["before"] or found["after"])) and read_number(text) is not None


def is_currency_alone(text: str) -> bool:
    """Return whether a text is a currency sign without a number: the price is missing."""
    return bool(_SIGN_ALONE.fullmatch(text))


def decimal_mark(text: str) -> Mark | None:
    """Return the decimal mark that a written number shows; None if it shows none, or is no number."""
    found = _WRITTEN.fullmatch(text) if len(text) <= LONGEST else None
    return _mark_of(found["number"]) if found else None


def column_mark(texts: Iterable[str], usual: Mark = ".") -> Mark:
    """Return the decimal mark that most numbers of a column show; the usual one if none shows one."""
    marks = Counter(map(decimal_mark, texts))
    if not marks[","] and not marks["."]:
        return usual
    return "," if marks[","] > marks["."] else "."


def read_number(text: str, mark: Mark = ".") -> int | float | None:
    """Return the number that a text means; None if it is no written number.

    Parameters
    ----------
    text : for instance `1,234.50`, `$ 12`, `1.299,00 €` or `1 234,5`. A code with leading zeros is no number.
    mark : decimal mark of the column, for numbers that can be read in two ways.
    """
    found = _WRITTEN.fullmatch(text) if len(text) <= LONGEST else None
    if found is None or (found["sign"] and found["inner"]):
        return None
    has_sign = bool(found["before"] or found["after"])
    number = found["number"]
    whole, has_mark, decimals = number.partition(_mark_of(number) or mark)
    shape = _WHOLE.fullmatch(whole or "0")
    if shape is None or (has_mark and not decimals.isdigit()):
        return None
    if (shape["group"] or "") in tuple(_SPACES) and not (has_mark or has_sign):
        return None  # digits in groups may be a phone number
    digits = found["sign"] + found["inner"] + re.sub("[^0-9]", "", whole or "0")
    return float(f"{digits}.{decimals}") if has_mark else int(digits)


def _mark_of(number: str) -> Mark | None:
    """Return the decimal mark of a number without signs; None if it has none, or could have either."""
    points, commas = number.count("."), number.count(",")
    if points and commas:
        return "." if number.rindex(".") > number.rindex(",") else ","
    if points + commas == 0:
        return None
    mark: Mark = "." if points else ","
    if points + commas > 1:  # it separates thousands
        return "," if points else "."
    whole, _, decimals = number.partition(mark)
    is_ambiguous = len(decimals) == 3 and whole.isdigit() and len(whole) <= 3 and not whole.startswith("0")
    return None if is_ambiguous else mark
