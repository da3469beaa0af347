"""Properties of any catalog: items are read unchanged, no row is lost, memory stays small."""

import csv
import io
import json
import string
import tracemalloc

import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semrec.identifiers import identifier
from semrec.indexer.read import open_catalog
from semrec.indexer.rejects import Reject
from semrec.indexer.sources.html_text import is_html
from semrec.plain_values import is_missing_word
from semrec.types import Item

LIMIT = 100_000
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(
    lambda text: not is_missing_word(text) and not is_html(text)
)
FULL = TEXTS.filter(str.strip)
IDS = FULL.filter(lambda text: "\0" not in text).map(identifier)
ITEMS = st.lists(
    st.builds(Item, IDS, FULL, TEXTS), min_size=1, max_size=12, unique_by=lambda item: item.item_id
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def columns(items: list[Item]) -> dict[str, list[str]]:
    return {name: [getattr(item, name) for item in items] for name in ("item_id", "title", "text")}


def to_csv(items, path):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter="\t" if path.suffix == ".tsv" else ",")
    writer.writerow(["item_id", "title", "text"])
    writer.writerows([item.item_id, item.title, item.text] for item in items)
    path.write_bytes(buffer.getvalue().encode())
    return path


def to_json(items, path, *, ascii_only=False):
    lines = (
        json.dumps(dict(zip(columns([]), (i.item_id, i.title, i.text), strict=True)), ensure_ascii=ascii_only)
        for i in items
    )
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def to_parquet(items, path):
    pl.DataFrame(columns(items)).write_parquet(path)
    return path


WRITERS = {
    "csv": lambda items, folder: to_csv(items, folder / "x.csv"),
    "tsv": lambda items, folder: to_csv(items, folder / "x.tsv"),
    "jsonl": lambda items, folder: to_json(items, folder / "x.jsonl"),
    "escaped jsonl": lambda items, folder: to_json(items, folder / "y.jsonl", ascii_only=True),
    "parquet": lambda items, folder: to_parquet(items, folder / "x.parquet"),
    "polars": lambda items, _: pl.DataFrame(columns(items)),
    "lazy": lambda items, _: pl.LazyFrame(columns(items)),
    "pandas": lambda items, _: pd.DataFrame(columns(items)),
    "arrow": lambda items, _: pl.DataFrame(columns(items)).to_arrow(),
    "items": lambda items, _: items,
}


@pytest.mark.parametrize("kind", WRITERS)
@QUICK
@given(items=ITEMS)
def test_items_come_back_unchanged(tmp_path, kind, items):
    assert list(open_catalog(WRITERS[kind](items, tmp_path), max_text_bytes=LIMIT)) == items


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(TEXTS, max_size=2)
)


@QUICK
@given(
    rows=st.lists(st.dictionaries(st.sampled_from(["id", "title", "text", "x", "y"]), VALUES), max_size=15)
)
def test_every_row_is_an_item_or_a_reject(tmp_path, rows):
    rows = [{"id": "first", "title": "A", "text": "B"}, *rows]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for source in (rows, path):
        check_all_there(source, len(rows))


@QUICK
@given(
    lines=st.lists(
        st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")), max_size=15
    )
)
def test_every_line_of_random_bytes_is_an_item_or_a_reject(tmp_path, lines):
    full = [line for line in lines if line]
    head = {"x.csv": b"id,title\n", "x.tsv": b"id\ttitle\n"}
    for name, first in head.items():
        path = tmp_path / name
        path.write_bytes(first + b"\n".join(full))
        entries = list(open_catalog(path, max_text_bytes=LIMIT))
        assert [e.row for e in entries if isinstance(e, Reject)] == [
            n for n, e in enumerate(entries, 1) if isinstance(e, Reject)
        ]
        # Only quoted fields with several lines make fewer rows than lines.
        assert len(entries) == len(full) or (b'"' in b"".join(full) and len(entries) <= len(full))


def check_all_there(source, n_rows):
    entries = list(open_catalog(source, max_text_bytes=LIMIT))
    assert len(entries) == n_rows
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, Reject):
            assert entry.row == number
            assert entry.reason
            json.dumps(entry.to_dict(), ensure_ascii=False).encode()


def test_iterables_are_read_one_by_one():
    asked = 0

    def rows():
        nonlocal asked
        for number in range(1_000_000):
            asked = number
            yield {"id": str(number), "title": "T"}

    entries = iter(open_catalog(rows(), max_text_bytes=LIMIT))
    assert next(entries) == Item("0", "T")
    assert asked < 1100


def rows_of(n_rows: int) -> list[Item]:
    words = string.ascii_letters * 20
    return [Item(str(number), "T", f"{number} {words}") for number in range(n_rows)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    peaks = {}
    for n_rows in (5_000, 40_000):
        source = WRITERS[kind](rows_of(n_rows), tmp_path)
        tracemalloc.start()
        count = sum(1 for _ in open_catalog(source, max_text_bytes=LIMIT))
        peaks[n_rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == n_rows
    # 35,000 more rows are 40 MB of text; only a number for each id stays in memory.
    assert peaks[40_000] < peaks[5_000] + 6_000_000
