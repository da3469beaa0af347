"""Compressed files, recognised by their first bytes."""

from __future__ import annotations

import gzip
import io
import zipfile

import polars as pl
import pytest
import zstandard
from catalog_sources import parquet, put

from semrec.errors import CatalogError
from semrec.indexer.read import open_catalog
from semrec.indexer.sources.compressed import decompressed
from semrec.types import Item

CSV = b"id,title\n1,A\n"


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv.gz", gzip.compress(CSV, mtime=0)),
        ("x.csv.zst", zstandard.compress(CSV)),
        ("x.csv.zst", zstandard.compress(CSV[:9]) + zstandard.compress(CSV[9:])),
        ("x.csv.zip", zipped(**{"x.csv": CSV})),
        ("x.zip", zipped(**{"a/x.csv": CSV, "__MACOSX/x.csv": b"\0", "README": b"text"})),
        ("x.csv", gzip.compress(CSV, mtime=0)),
        ("x.parquet.gz", gzip.compress(parquet(pl.DataFrame({"id": [1], "title": ["A"]})), mtime=0)),
    ],
    ids=["gzip", "zstd", "zstd frames", "zip", "folder in zip", "plain name", "parquet"],
)
def test_compressed_files_are_read(tmp_path, name, content):
    catalog = open_catalog(put(tmp_path / name, content), max_text_bytes=100)
    assert list(catalog) == list(catalog) == [Item("1", "A")]


def test_a_plain_stream_is_not_decompressed():
    assert decompressed(io.BytesIO(CSV), CSV) is None


def test_a_truncated_file_is_an_error(tmp_path):
    content = zstandard.compress(b"".join(b"%d,%d\n" % (n, hash(str(n))) for n in range(200_000)))
    path = put(tmp_path / "x.csv.zst", content[: len(content) // 2])
    with pytest.raises(CatalogError, match=r"x\.csv\.zst: cannot be read|no column looks like"):
        list(open_catalog(path, max_text_bytes=100))
