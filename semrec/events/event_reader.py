"""One event from outside: its values, checked and converted. Files, frames, Python and HTTP share this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from semrec.events.counting import LONGEST_ID, glimpse, value_fault
from semrec.events.event_columns import USUAL_NAMES, EventMapping, folded
from semrec.events.kinds import RATE, VIEW, KindNames, UsualKind
from semrec.events.times import TimeFormat
from semrec.plain_values import MisfitError, as_number, is_missing, to_id


class EventRow(NamedTuple):
    """An event as the event log stores it.

    Parameters
    ----------
    user, item, kind : texts.
    value : a rating, a count or a share; None is 1.
    time : unix seconds, or a position; None if unknown.
    """

    user: str
    item: str
    kind: str
    value: float | None
    time: float | None


class EventReader:
    """Converts events whose fields have the same names.

    Parameters
    ----------
    mapping : which field is what; without a user, the user is empty.
    kinds : the names of kinds; None: a kind stays as it is given.
    times : how times are written.

    Attributes
    ----------
    renamed : (name of a kind, what it stands for) -> number of events.
    """

    def __init__(
        self, mapping: EventMapping, kinds: KindNames | None, times: TimeFormat | None = None
    ) -> None:
        self._mapping = mapping
        self._kinds = kinds
        self._times = times or TimeFormat()
        self._with_value, self._without_value = mapping.kind_with_value, mapping.kind_without_value
        self.renamed: Counter[tuple[str, UsualKind]] = Counter()

    def read(self, row: Mapping[str, Any]) -> EventRow:
        """Return the event of a row.

        Raises
        ------
        MisfitError
            It is no event; the message names the field.
        """
        names = self._mapping
        value = None if names.value is None else _amount(names.value, row.get(names.value))
        if names.duration is not None and value is not None:
            value = _share(value, names.duration, row.get(names.duration))
        kind, value = self._kind(row, value)
        if kind == RATE and value is not None and value == names.unrated:
            kind, value = VIEW, None
        return EventRow(
            "" if names.user is None else _id(names.user, row.get(names.user)),
            _id(names.item or "item_id", row.get(names.item or "item_id")),
            kind,
            value,
            None if names.time is None else self._time(names.time, row.get(names.time)),
        )

    def _kind(self, row: Mapping[str, Any], value: float | None) -> tuple[str, float | None]:
        """Return the kind, and the value, which is below 0 for a kind that takes another one back."""
        column = self._mapping.kind
        name = None if column is None else _kind_name(column, row.get(column))
        if name is None:
            return (self._without_value if value is None else self._with_value), value
        if self._kinds is None:
            return name, value
        usual = self._kinds.read(name)
        if usual.kind != name.lower():
            self.renamed[name, usual] += 1
        return self._kinds.apply(name, value)

    def _time(self, column: str, value: Any) -> float | None:
        try:
            return self._times.seconds(value)
        except MisfitError as fault:
            shown = "" if "NaN" in str(fault) else f": {glimpse(value)}"
            raise MisfitError(f'"{column}" {fault}{shown}') from None


def read_event(
    fields: Mapping[str, Any], kinds: KindNames | None = None, *, with_user: bool = False
) -> EventRow:
    """Return one event whose fields have usual names, see `USUAL_NAMES`.

    Parameters
    ----------
    kinds : as in `EventReader`.
    with_user : it has a user, too.

    Raises
    ------
    MisfitError
        It is no event, or a field has an unknown name.
    """
    for name in fields:
        if not isinstance(name, str):
            raise MisfitError(f"the name {glimpse(name)} of a field is not text")
    return EventReader(_mapping_of(tuple(fields), with_user), kinds).read(fields)


def read_item_id(value: Any) -> str:
    """Return the id of an item that stands alone, as in an event; raises `MisfitError` if it is no id."""
    return _id("item_id", value)


@lru_cache(1024)
def _mapping_of(names: Sequence[str], with_user: bool) -> EventMapping:
    """Return which of the fields is what; every field has a role, and none has two."""
    given: dict[str, Any] = {}
    for name in names:
        role = _ROLES.get(folded(name))
        if role is None or (role == "user" and not with_user):
            known = ", ".join(f"{role}_id" if role in ("user", "item") else role for role in USUAL_NAMES)
            raise MisfitError(f"unknown field {glimpse(name)}; an event has {known}")
        if role in given:
            raise MisfitError(f'"{given[role]}" and "{name}" both name the {role}')
        given[role] = name
    missing = [role for role in ("user", "item") if role not in given and (role == "item" or with_user)]
    if missing:
        raise MisfitError(f'"{missing[0]}_id" is missing')
    return EventMapping(**given)


_ROLES = {folded(name): role for role, names in USUAL_NAMES.items() for name in names.split()}


def _id(column: str, value: Any) -> str:
    # Most ids are plain ASCII: the short way halves the time of reading a file.
    if type(value) is str and value.isascii() and value.isprintable() and value and value.strip() == value:
        return _of_usual_length(column, value)
    if is_missing(value):
        raise MisfitError(f'"{column}" is missing')
    try:
        text = to_id(value)
    except MisfitError as fault:
        raise MisfitError(f'"{column}" {fault}') from None
    if "\0" in text:
        raise MisfitError(f'"{column}" holds a NUL character')
    return _of_usual_length(column, text)


def _of_usual_length(column: str, text: str) -> str:
    if len(text) > LONGEST_ID:
        raise MisfitError(f'"{column}" is too long: {len(text):,} characters; the limit is {LONGEST_ID:,}')
    return text


def _kind_name(column: str, value: Any) -> str | None:
    """Return the name of a kind; None if there is none."""
    if type(value) is str and value.isascii() and value.isprintable():
        return _of_usual_length(column, value.strip()) or None
    return None if is_missing(value) else _id(column, value).strip() or None


def _amount(column: str, value: Any) -> float | None:
    if is_missing(value) and not isinstance(value, float):  # NaN can hide a fault of the source
        return None
    number = as_number(value)
    if number is None:
        raise MisfitError(f'"{column}" is not a number: {glimpse(value)}')
    if fault := value_fault(number):
        raise MisfitError(f'"{column}" {fault}')
    return number


def _share(value: float, column: str, duration: Any) -> float:
    """Return which part of its duration something was used, from 0 to 1."""
    length = _amount(column, duration)
    if length is None or length <= 0:
        raise MisfitError(f'"{column}" is no length: {glimpse(duration)}')
    return min(max(value / length, 0.0), 1.0)
