"""Which column of a source of events is what: given, or guessed from names and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from semrec.events.event_columns import (
    DURATION_NAMES,
    MONEY_NAMES,
    USUAL_NAMES,
    VAGUE_KIND_NAMES,
    WATCHED_NAMES,
    EventMapping,
    folded,
    has_usual_name,
)
from semrec.events.kinds import KindNames
from semrec.events.times import TimeFormat, guess_time_format
from semrec.indexer.columns import (
    Role,
    assign_columns,
    missing_role,
    only_id_column,
    quoted,
    require_columns,
    without_empty,
)

ROLES = {name: Role(name, f"--{name}", usual) for name, usual in USUAL_NAMES.items()}


def resolve_events(
    mapping: EventMapping,
    columns: Sequence[str],
    sample: Sequence[Mapping[str, Any]],
    source: str,
    kinds: KindNames,
) -> tuple[EventMapping, TimeFormat, list[str]]:
    """Return the mapping with every column named, how its times are written, and the guesses in words.

    Parameters
    ----------
    mapping : as given.
    columns : of the source.
    sample : its first rows.
    source : its name, for messages.
    kinds : the names of kinds.

    Raises
    ------
    CatalogError
        A column does not exist, or no column looks like the user or the item.
    ConfigError
        The time format is unknown, or the times can be read in two ways.
    """
    given_times = None if mapping.time_format is None else TimeFormat.of(mapping.time_format)
    require_columns(mapping.columns, columns, source)
    notes: list[str] = []
    given = {name: getattr(mapping, name) for name in ROLES}
    free = [name for name in columns if name not in mapping.columns]
    if mapping.kind is None:
        given["kind"], free = _kind_column(free, sample, kinds, notes)
    duration = mapping.duration
    if mapping.value is None:
        given["value"], duration = _watched_columns(free, duration, notes)
    values = {name: [row.get(name) for row in sample] for name in free if name != duration}
    assigned = assign_columns(ROLES, given, without_empty(ROLES.values(), values), notes)
    if assigned["item"] is None:
        others = {name: found for name, found in values.items() if name not in assigned.values()}
        assigned["item"] = only_id_column(others, notes, ROLES["item"], repeats=True)
    for name in ("user", "item"):
        if assigned[name] is None:
            raise missing_role(ROLES[name], columns, source)
    roles: dict[str, Any] = {**assigned}
    found = replace(mapping, **roles, duration=duration)
    if found.kind is None:
        notes.append(f'kind: "{found.kind_with_value}" for all rows with a value')
    if given_times is not None or found.time is None:
        return found, given_times or TimeFormat(), notes
    times, guesses = guess_time_format([row.get(found.time) for row in sample], found.time)
    return found, times, [*notes, *guesses]


def _kind_column(
    free: Sequence[str], sample: Sequence[Mapping[str, Any]], kinds: KindNames, notes: list[str]
) -> tuple[str | None, list[str]]:
    """Return the column of the kind if its values tell, and the columns that are still free.

    Of several columns that can hold the kind, as `event` and `type`, it is the one with most usual kinds. A
    vague name without any usual kind is no kind: its values can be types of items.
    """
    usual = [folded(name) for name in USUAL_NAMES["kind"].split()]
    candidates = sorted(
        (name for name in free if folded(name) in usual), key=lambda n: usual.index(folded(n))
    )
    n_known = {name: sum(_is_kind(row.get(name), kinds) for row in sample) for name in candidates}
    best = max(candidates, key=n_known.__getitem__, default=None)
    if best is not None and n_known[best]:
        notes.append(f'kind: column "{best}" (guessed)')
        return best, [name for name in free if name not in candidates]
    vague = [name for name in candidates if has_usual_name(name, VAGUE_KIND_NAMES)]
    if sample and vague:
        notes.append(f"kind: {quoted(vague)} holds no usual kind; name it with --kind if it is one")
        return None, [name for name in free if name not in vague]
    return None, list(free)


def _is_kind(value: Any, kinds: KindNames) -> bool:
    return isinstance(value, str) and kinds.find(value) is not None


def _watched_columns(
    free: Sequence[str], duration: str | None, notes: list[str]
) -> tuple[str | None, str | None]:
    """Return the columns with how long an item was used, and how long it is; none beside a usual value."""
    if any(has_usual_name(name, USUAL_NAMES["value"].split()) for name in free):
        return None, duration
    watched = next((name for name in free if has_usual_name(name, WATCHED_NAMES.split())), None)
    if watched is None:
        if money := [name for name in free if has_usual_name(name, MONEY_NAMES)]:
            notes.append(
                f"value: {quoted(money)} is money, which is no weight; name it with --value to use it"
            )
        return None, duration
    length = duration or next((name for name in free if has_usual_name(name, DURATION_NAMES.split())), None)
    what = "how long it was used" if length is None else f'as the share of "{length}", from 0 to 1'
    notes.append(f'value: column "{watched}", {what} (guessed)')
    return watched, length
