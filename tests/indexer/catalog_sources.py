"""One small catalog in every format, and how tests read it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pandas as pd
import polars as pl

from semrec.indexer.read import Catalog, open_catalog
from semrec.indexer.rejects import Reject
from semrec.types import Item

LIMIT = 1000


def read(source, mapping=None, **options) -> tuple[list[Item], list[Reject]]:
    return split(open_catalog(source, mapping, **{"max_text_bytes": LIMIT, **options}))


def split(catalog: Catalog) -> tuple[list[Item], list[Reject]]:
    entries = list(catalog)
    items = [entry for entry in entries if isinstance(entry, Item)]
    return items, [entry for entry in entries if isinstance(entry, Reject)]


def put(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pipe(monkeypatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


ROWS = [
    {"id": "007", "title": "Saw", "text": 'It cuts.\nWell, "wood".', "price": 9, "new": True, "kind": "tool"},
    {"id": "b/../ü🪚\n'", "title": "", "text": "标题", "price": 12, "new": False, "kind": None},
]
ITEMS = [
    Item("007", "Saw", 'It cuts.\nWell, "wood".', {"price": 9, "new": True, "kind": "tool"}),
    Item("b/../ü🪚\n'", "", "标题", {"price": 12, "new": False}),
]
FRAME = pl.DataFrame(ROWS)
CSV = FRAME.write_csv()
JSON = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def parquet(frame: pl.DataFrame = FRAME) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def written(kind: str, tmp_path: Path, rows: list[dict]) -> object:
    if kind in ("csv", "tsv"):
        frame = pd.DataFrame(rows)
        frame.to_csv(tmp_path / f"x.{kind}", index=False, sep="," if kind == "csv" else "\t")
        return tmp_path / f"x.{kind}"
    if kind == "jsonl":
        return put(tmp_path / "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    if kind == "dicts":
        return rows
    if kind == "pandas":
        return pd.DataFrame(rows)
    frame = pl.DataFrame(rows)
    if kind == "parquet":
        return put(tmp_path / "x.parquet", parquet(frame))
    return frame if kind == "polars" else frame.to_arrow()
