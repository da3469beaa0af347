"""From a catalog to a generation: read, cut, encode and write, each at the same time as the others."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from indexer.chunk import Chunker
from indexer.generation import Batch, GenerationBuilder
from indexer.read import DEFAULT_TEMPLATE, Catalog, Reject, render
from semrec.encoder.protocol import Encoder
from semrec.errors import StoreError
from semrec.store import Store
from semrec.types import Item

T = TypeVar("T")

BATCH_ITEMS = 512
"""Items read, encoded and written at a time: enough to sort by length, few enough for any memory."""

AHEAD = 4
"""Batches that wait between two stages."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What indexing did.

    Parameters
    ----------
    generation : its number; it is current now.
    n_items, n_passages : what was written.
    rejected : reason -> number of rows that could not be used.
    rejects : the file that lists them; None when there are none.
    seconds : time from the first row to the switch.
    encoder, device : what made the vectors, and where.
    notes : what was guessed about the source.
    n_encoded, n_cached : passages that were encoded, and those whose vectors were known from before.
    """

    generation: int
    n_items: int
    n_passages: int
    rejected: dict[str, int]
    rejects: Path | None
    seconds: float
    encoder: str
    device: str
    notes: tuple[str, ...]
    n_encoded: int = 0
    n_cached: int = 0

    @property
    def n_rejected(self) -> int:
        """Rows that could not be used."""
        return sum(self.rejected.values())

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON-able values."""
        return {
            "generation": self.generation,
            "n_items": self.n_items,
            "n_passages": self.n_passages,
            "n_encoded": self.n_encoded,
            "n_cached": self.n_cached,
            "n_rejected": self.n_rejected,
            "rejected": self.rejected,
            "rejects": str(self.rejects) if self.rejects else None,
            "seconds": round(self.seconds, 3),
            "encoder": self.encoder,
            "device": self.device,
            "notes": list(self.notes),
        }


class RejectsFile:
    """Counts rejected rows and writes them as JSON lines; no file when there are none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._cannot_write(error) from error

    def add(self, reject: Reject) -> None:
        """Write one row's fate."""
        try:
            with self.path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(reject.to_dict()) + "\n")
        except OSError as error:
            raise self._cannot_write(error) from error
        # One count for each kind of fault, whatever the numbers and names in it.
        self.counts[re.sub(r"\s*\(.*|\d[\d,.]*|[\"'“].*?[\"'”]", "…", reject.reason)] += 1

    def _cannot_write(self, error: OSError) -> StoreError:
        return StoreError(f"cannot write {self.path}: {error.strerror}. Nothing was changed.")


def index_catalog(
    catalog: Catalog,
    encoder: Encoder,
    store: Store,
    *,
    rejects: Path,
    passage_tokens: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> IndexReport:
    """Build a generation from a catalog and make it current.

    Reading and cutting run in one thread, writing in another, encoding here: what costs is encoding, and
    nothing else makes it wait.

    Parameters
    ----------
    catalog : the source.
    encoder : makes the vectors.
    store : where the generation is built.
    rejects : file for rows that cannot be used.
    passage_tokens : longest passage; None: as long as the encoder reads.
    progress : hears how many rows are done with, batch by batch.

    Raises
    ------
    CatalogError
        Nothing could be indexed.
    StoreError
        The store failed, or the disk is full. In every case the previous generation goes on answering.
    """
    started = time.monotonic()
    rejected = RejectsFile(rejects)
    chunker = Chunker(encoder, passage_tokens)
    template = catalog.mapping.template or DEFAULT_TEMPLATE
    with (
        GenerationBuilder(store, encoder, template, passage_tokens) as builder,
        ThreadPoolExecutor(1, thread_name_prefix="semrec-write") as writer,
    ):
        writing = None
        for batch, n_rows in in_background(batches(catalog, template, chunker, rejected), AHEAD):
            if batch.items:
                vectors = encoder.encode_documents(batch.flat_passages)
                if writing:
                    writing.result()
                writing = writer.submit(builder.add, batch, vectors)
            if progress:
                progress(n_rows)
        if writing:
            writing.result()
        builder.complete(catalog.fields)
    return IndexReport(
        generation=builder.generation,
        n_items=builder.n_items,
        n_passages=builder.n_passages,
        rejected=dict(rejected.counts),
        rejects=rejects if rejected.counts else None,
        seconds=time.monotonic() - started,
        encoder=encoder.name,
        device=encoder.device,
        notes=tuple(catalog.notes),
    )


def batches(
    catalog: Catalog, template: str, chunker: Chunker, rejected: RejectsFile
) -> Iterator[tuple[Batch, int]]:
    """Yield batches of items with their passages, and how many rows each took from the source."""
    items: list[Item] = []
    n_rows = 0
    for row in catalog:
        n_rows += 1
        if isinstance(row, Reject):
            rejected.add(row)
        else:
            items.append(row)
        if n_rows == BATCH_ITEMS:
            yield _batch(items, template, chunker), n_rows
            items, n_rows = [], 0
    if n_rows:
        yield _batch(items, template, chunker), n_rows


def _batch(items: list[Item], template: str, chunker: Chunker) -> Batch:
    texts = [render(item, template) for item in items]
    return Batch(items, texts, chunker.split(texts))


def in_background(source: Iterator[T], ahead: int) -> Iterator[T]:
    """Yield what `source` yields, produced by a thread of its own, at most `ahead` values in advance.

    An error of the source is raised here. When the consumer stops early, so does the thread.
    """
    values: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(value: tuple[bool, T | BaseException | None]) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                values.put(value, timeout=0.1)
                return

    def produce() -> None:
        try:
            for value in source:
                put((True, value))
                if stopped.is_set():
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    thread = threading.Thread(target=produce, name="semrec-read", daemon=True)
    thread.start()
    try:
        while True:
            more, value = values.get()
            if more:
                yield value  # type: ignore[misc]
            elif isinstance(value, BaseException):
                raise value
            else:
                return
    finally:
        stopped.set()
        thread.join()
