"""Whether the doors of semrec agree: 10,000 events and 10,000 items by file, frame, Python and HTTP.

Half of the rows are valid, the others are odd (other names and spellings of the same values) or hostile. Each
door gets the same rows and a workspace of its own. For each door, all rows must be stored, or refused with a
reason; and all doors must store the same values and refuse the same rows. Nothing is encoded by a model:
vectors are hashed words. --quick: 600 rows.
"""

from __future__ import annotations

import csv
import json
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from report import announce, arguments, report
from starlette.testclient import TestClient
from word_encoder import WordEncoder

from semrec import Item, Recommender
from semrec.config import ServiceSettings, Settings
from semrec.events.stored_events import EventChoice
from semrec.service.app import create_app

ROWS = 10_000
QUICK_ROWS = 600
REQUEST_ROWS = 100
SEED = 0

SETTINGS = Settings(service=ServiceSettings(rate=1e9, burst=1e9, body_bytes=10**9, timeout_s=600.0))
EVENT_FIELDS = ("user", "item", "kind", "value", "time")
ITEM_FIELDS = ("id", "title", "text", "price", "brand")

Row = Mapping[str, Any]

ODD_USERS = (
    *(7, 7.0, "7", " 7 ", "e\u0301", "é", "用户", "a b", "a,b", 'a"b', "a\nb"),
    *("ß" * 300, 2**60, "=1+1", "NULL", "x" * 4096),
)
BAD_USERS = (None, "", " ", "a\0b", "x" * 4097)
ODD_KINDS = ("Purchase", " BUY ", "add_to_cart", "Order Completed", "refund", "Impression", "sniff", None, "")
ODD_VALUES = (None, "", "2.5", -3, 0, "1e3", 1_000_000, "+4", " 7 ")
BAD_VALUES = ("five", math.nan, math.inf, 1e20, -1e300, "4,5", "1_000", "0x10")
ODD_TIMES = (
    *(1_600_000_000_123, 1_600_000_000_123_456, "1600000000", 0, 5, 20_220_624, -1, 5e8, 1e300),
    *("2022-06-24", "2022/06/24 9:20", "2019-10-01 00:00:00 UTC", "Fri, 24 Jun 2022 09:20:00 +0200"),
    *("Fri Jun 24 2022 11:20:00 GMT+0200 (CEST)", "24.06.2022 09:20", "6/24/2022 9:20 PM"),
)
BAD_TIMES = ("yesterday", math.nan, math.inf, "2022-02-30", "12:30", "Fri, 24 Jun 2022 09:20:00 CEST")

BAD_IDS = (None, "", " ", "a\0b")
ODD_TEXTS = (
    "",
    "naïve café",
    "用户 体验",
    'a "quoted" text',
    "two\nlines",
    "<b>bold</b>",
    "=1+1",
    "word " * 500,
)
ODD_PRICES = (None, 0.5, -1.5, 1e9, 12.25)


@dataclass(frozen=True)
class Outcome:
    """What a door did with its rows.

    Parameters
    ----------
    acknowledged : number of rows that it says are stored, now or before.
    refused : place of each refused row -> the reason.
    stored : what is stored, each value once.
    """

    acknowledged: int
    refused: Mapping[int, str]
    stored: frozenset[tuple[Any, ...]]


# -- rows ----------------------------------------------------------------------------------------------


def event_rows(n_rows: int) -> list[Row]:
    """Return events: half of them valid, a fourth odd, a fourth with one hostile value."""
    choose = random.Random(SEED)
    odd = {"user": ODD_USERS, "item": ODD_USERS, "kind": ODD_KINDS, "value": ODD_VALUES, "time": ODD_TIMES}
    hostile = {"user": BAD_USERS, "item": BAD_USERS, "value": BAD_VALUES, "time": BAD_TIMES}
    rows: list[Row] = []
    for place in range(n_rows):
        row: dict[str, Any] = {
            "user": f"u{choose.randrange(100)}",
            "item": f"i{choose.randrange(500)}",
            "kind": choose.choice(("view", "click", "buy", "rate")),
            "value": choose.choice((None, 1, 3, 4.5)),
            "time": 1_600_000_000 + 60 * place,
        }
        if place % 4 == 1:
            for field in choose.sample(sorted(odd), choose.randint(1, 5)):
                row[field] = choose.choice(odd[field])
        if place % 4 == 3:
            field = choose.choice(sorted(hostile))
            row[field] = choose.choice(hostile[field])
        rows.append(row)
    return rows


def item_rows(n_rows: int) -> list[Row]:
    """Return items of different ids: half of them valid, a fourth odd, a fourth with one hostile value."""
    choose = random.Random(SEED)
    rows: list[Row] = []
    for place in range(n_rows):
        row: dict[str, Any] = {
            "id": f"i{place}",
            "title": f"title {place}",
            "text": " ".join(choose.choices(("red", "green", "round", "square", "old"), k=6)),
            "price": place + 0.5,
            "brand": choose.choice(("Acme", "Zeta", None)),
        }
        if place % 4 == 1:
            row["id"] = choose.choice((f"é{place}", f"{place} a", f"a,{place}", f'"{place}', f"用{place}"))
            row["text"] = choose.choice(ODD_TEXTS)
            row["price"] = choose.choice(ODD_PRICES)
        if place % 4 == 3:
            field = choose.choice(("id", "text", "text and title"))
            if field == "id":
                row["id"] = choose.choice(BAD_IDS)
            else:
                row["text"] = {"text": "x" * 1_000_001 if place % 32 == 31 else ""}[field.split()[0]]
                row["title"] = ""
        rows.append(row)
    return rows


# -- doors ---------------------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """Return a value as files hold it; a whole number has no decimal places."""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return "" if value is None else str(value)


def as_file(folder: Path, rows: Sequence[Row], fields: Sequence[str]) -> str:
    """Write rows as CSV, and return the path."""
    path = folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(fields)
        writer.writerows([as_text(row[field]) for field in fields] for row in rows)
    return str(path)


def as_frame(rows: Sequence[Row], fields: Sequence[str]) -> pl.DataFrame:
    """Return rows as a frame; a column with texts is one of texts."""

    def column(field: str) -> pl.Series:
        values = [row[field] for row in rows]
        if any(isinstance(value, str) for value in values):
            values = [None if value is None else as_text(value) for value in values]
        return pl.Series(field, values)

    return pl.DataFrame([column(field) for field in fields])


def stored_events(recommender: Recommender, started: float) -> frozenset[tuple[Any, ...]]:
    """Return all events of the log; a time of arrival, which only HTTP gives, is no time."""
    events = recommender.events(EventChoice(), limit=10**9)
    times = [
        None if event.time is not None and started <= event.time < 1e11 else event.time for event in events
    ]
    return frozenset(
        (event.user_id, event.item_id, event.kind, event.value, seconds)
        for event, seconds in zip(events, times, strict=True)
    )


def events_by_source(folder: Path, rows: Sequence[Row], source: Any) -> Outcome:
    """Add events by `Recommender.add_events`."""
    refused: dict[int, str] = {}
    with Recommender(folder, SETTINGS, encoder=WordEncoder(64)) as recommender:
        recommender.index([Item("i0", "an item")])
        started = time.time()
        found = recommender.add_events(
            source, on_reject=lambda rejected: refused.update({rejected.row - 1: rejected.reason})
        )
        return Outcome(found.added + found.repeated, refused, stored_events(recommender, started))


def events_by_http(folder: Path, rows: Sequence[Row]) -> Outcome:
    """Add events by `POST /events`."""
    with Recommender(folder, SETTINGS, encoder=WordEncoder(64)) as recommender:
        recommender.index([Item("i0", "an item")])
    started = time.time()
    with serving(folder) as client:
        acknowledged, refused = send(
            rows,
            lambda some: post(client, "POST", "/events", {"events": some}),
            lambda answer: answer["added"] + answer["repeated"],
            lambda _, place: str(place),
        )
    with Recommender(folder, SETTINGS, encoder=WordEncoder(64)) as recommender:
        return Outcome(acknowledged, refused, stored_events(recommender, started))


def items_by_source(folder: Path, rows: Sequence[Row], source: Any) -> Outcome:
    """Index items by `Recommender.index`."""
    with Recommender(folder, SETTINGS, encoder=WordEncoder(64)) as recommender:
        found = recommender.index(source)
        lines = found.rejects.read_text().splitlines() if found.rejects else []
        refused = {line["row"] - 1: line["reason"] for line in map(json.loads, lines)}
        return Outcome(found.n_added, refused, stored_items(recommender, rows))


def items_by_http(folder: Path, rows: Sequence[Row]) -> Outcome:
    """Put items by `PUT /items`."""
    first = {"id": "the first", "title": "an item", "text": "red", "price": 0.5, "brand": "Acme"}
    with Recommender(folder, SETTINGS, encoder=WordEncoder(64)) as recommender:
        recommender.index([first])
    with serving(folder) as client:
        acknowledged, refused = send(
            [as_item(row) for row in rows],
            lambda some: post(client, "PUT", "/items", {"items": some}),
            lambda answer: sum(len(answer[name]) for name in ("added", "changed", "metadata", "unchanged")),
            lambda item, place: str(item["item_id"] or "").strip() or f"entry {place + 1}",
        )
    with Recommender(folder, SETTINGS, encoder=WordEncoder(64)) as recommender:
        return Outcome(acknowledged, refused, stored_items(recommender, rows))


def as_item(row: Row) -> Row:
    """Return an item as `/items` takes it."""
    metadata = {name: row[name] for name in ("price", "brand") if row[name] is not None}
    return {"item_id": row["id"], "title": row["title"], "text": row["text"], "metadata": metadata}


def stored_items(recommender: Recommender, rows: Sequence[Row]) -> frozenset[tuple[Any, ...]]:
    """Return the stored items of these rows."""
    ids = list(dict.fromkeys(row["id"] for row in rows if isinstance(row["id"], str)))
    found = [
        record
        for start in range(0, len(ids), 1000)
        for record in recommender.items(ids[start : start + 1000])
    ]
    return frozenset(
        (record.item_id, record.title, record.passages, tuple(sorted(record.metadata.items())))
        for record in found
    )


def serving(folder: Path) -> TestClient:
    """Return a client of the service on a workspace; a context that starts and stops it."""
    app = create_app(lambda: Recommender(folder, SETTINGS, encoder=WordEncoder(64)), SETTINGS)
    return TestClient(app, base_url="http://localhost")


def post(client: TestClient, method: str, path: str, body: Any) -> tuple[Mapping[str, Any] | None, str]:
    """Send a request; return its answer, or None and why it was refused."""
    while True:
        answer = client.request(
            method, path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        if answer.status_code != 503:  # the index is loading
            break
        time.sleep(0.05)
    if answer.status_code == 200:
        return answer.json(), ""
    return None, f"{answer.status_code}: {answer.json()['error']['message']}"


def send(
    rows: Sequence[Row],
    ask: Callable[[Sequence[Row]], tuple[Mapping[str, Any] | None, str]],
    n_stored: Callable[[Mapping[str, Any]], int],
    name_of: Callable[[Row, int], str],
) -> tuple[int, dict[int, str]]:
    """Send rows in requests; return how many were stored, and why a row was refused, by its place.

    Parameters
    ----------
    rows : events or items.
    ask : sends some rows; returns the answer, or None and why all of them were refused.
    n_stored : reads an answer.
    name_of : what an answer calls a row, which has a place in the request.
    """
    acknowledged = 0
    refused: dict[int, str] = {}
    for start in range(0, len(rows), REQUEST_ROWS):
        some = rows[start : start + REQUEST_ROWS]
        answer, reason = ask(some)
        if answer is None:
            refused |= dict.fromkeys(range(start, start + len(some)), reason)
            continue
        acknowledged += n_stored(answer)
        for place, row in enumerate(some):
            if why := answer["refused"].get(name_of(row, place)):
                refused[start + place] = why
    return acknowledged, refused


# -- measuring -----------------------------------------------------------------------------------------


def doors(
    rows: Sequence[Row],
    fields: Sequence[str],
    by_source: Callable[[Path, Sequence[Row], Any], Outcome],
    by_http: Callable[[Path, Sequence[Row]], Outcome],
) -> Iterator[tuple[str, Outcome]]:
    """Yield what each door does with the rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield "file", by_source(folder / "file", rows, as_file(folder, rows, fields))
        yield "frame", by_source(folder / "frame", rows, as_frame(rows, fields))
        yield "Python", by_source(folder / "python", rows, list(rows))
        yield "HTTP", by_http(folder / "http", rows)


def measure(what: str, rows: Sequence[Row], outcomes: Mapping[str, Outcome]) -> None:
    """Report whether every row is accounted for, and how the doors differ from the file."""
    first = outcomes["file"]
    for door, found in outcomes.items():
        n_lost = abs(len(rows) - found.acknowledged - len(found.refused))
        silent = sum(not reason for reason in found.refused.values())
        report("doors", f"{what}, {door}: refused", len(found.refused), "rows")
        report(
            "doors",
            f"{what}, {door}: neither stored nor refused with a reason",
            n_lost + silent,
            "rows",
            most=0,
        )
        differing = len(found.stored ^ first.stored) + len(found.refused.keys() ^ first.refused.keys())
        report("doors", f"{what}, {door}: values that differ from the file", differing, "values", most=0)


def main() -> None:
    """Measure events, then items."""
    options = arguments(__doc__)
    announce()
    n_rows = QUICK_ROWS if options.quick else ROWS
    events, items = event_rows(n_rows), item_rows(n_rows)
    measure("events", events, dict(doors(events, EVENT_FIELDS, events_by_source, events_by_http)))
    measure("items", items, dict(doors(items, ITEM_FIELDS, items_by_source, items_by_http)))


if __name__ == "__main__":
    main()
