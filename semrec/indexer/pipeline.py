"""From a catalog to a generation: read, cut, encode and write, each at the same time as the others."""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from semrec.encoder.encoder import Encoder
from semrec.encoder.passages import Chunker
from semrec.errors import StoreError
from semrec.indexer.build import Batch, GenerationBuilder, draft_manifest, item_points
from semrec.indexer.compare import Compared, Fate, compare
from semrec.indexer.read import DEFAULT_TEMPLATE, Catalog, Reject
from semrec.indexer.upsert import BATCH_ITEMS, in_batches, with_learned
from semrec.store import Index, Manifest, Point, Record, Store
from semrec.types import Float2D, Item, Keys, item_keys

T = TypeVar("T")

AHEAD = 4
"""Batches that wait between two stages."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What indexing did.

    Parameters
    ----------
    generation : its number; it is current now.
    n_items, n_passages : what it holds.
    rejected : reason -> number of rows that could not be used.
    rejects : the file that lists them; None when there are none.
    seconds : time from the first row to the switch.
    encoder, device : what makes the vectors, and where; no device when nothing had to be encoded.
    notes : what was guessed about the source.
    n_encoded, n_cached : passages that were encoded, and those whose vectors were known from before.
    n_added, n_changed, n_metadata, n_unchanged, n_deleted : items that were new; that had another text; that
        had the same text with another title or metadata; that were there just so; that are gone.
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
    n_added: int = 0
    n_changed: int = 0
    n_metadata: int = 0
    n_unchanged: int = 0
    n_deleted: int = 0

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
            "n_added": self.n_added,
            "n_changed": self.n_changed,
            "n_metadata": self.n_metadata,
            "n_unchanged": self.n_unchanged,
            "n_deleted": self.n_deleted,
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
    journal: int = 0,
    quantized: bool = False,
    progress: Callable[[int], None] | None = None,
) -> IndexReport:
    """Build a generation from a catalog alone and make it current.

    Parameters
    ----------
    catalog : the source.
    encoder : makes the vectors.
    store : where the generation is built.
    rejects : file for rows that cannot be used.
    passage_tokens : longest passage; None: as long as the encoder reads.
    journal : number of the last change before the catalog was read, see `semrec.events.item_changes`.
    quantized : search text vectors in int8, see `VectorField`.
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
    template = catalog.mapping.template or DEFAULT_TEMPLATE
    draft = draft_manifest(encoder, template, passage_tokens, catalog.fields, journal, quantized=quantized)
    source = Comparison(catalog, None, draft, rejected)
    steps = (prepared(compared, draft, lambda: encoder, n_rows) for compared, n_rows in source)
    generation, manifest = build_generation(store, draft, lambda: encoder, steps, None, progress)
    return replace(source.report(generation, manifest, started), device=encoder.device)


class Comparison:
    """One pass over a catalog, its rows beside the generation that answers; it counts as it goes.

    Parameters
    ----------
    catalog : the source.
    index : the generation that answers; None: there is none.
    manifest : what would be encoded, see `compare`.
    rejected : where rows go that are no items.

    Attributes
    ----------
    fates : fate -> number of items.
    """

    def __init__(
        self, catalog: Catalog, index: Index | None, manifest: Manifest, rejected: RejectsFile
    ) -> None:
        self._catalog = catalog
        self._index = index
        self._manifest = manifest
        self._rejected = rejected
        self._items = [np.empty(0, np.uint64)]
        self._refused = [np.empty(0, np.uint64)]
        self._differing = [np.empty(0, np.uint64)]
        self.fates: Counter[Fate] = Counter()

    def __iter__(self) -> Iterator[tuple[list[Compared], int]]:
        """Yield batches of items beside their records, and how many rows each took from the source."""
        for rows in in_batches(self._catalog, BATCH_ITEMS):
            items: list[Item] = []
            for row in rows:
                if isinstance(row, Reject):
                    self._rejected.add(row)
                else:
                    items.append(row)
            compared = compare(items, self._index, self._manifest)
            self.fates.update(one.fate for one in compared)
            self._items.append(item_keys(item.item_id for item in items))
            self._refused.append(
                item_keys(row.item_id for row in rows if isinstance(row, Reject) and row.item_id)
            )
            self._differing.append(item_keys(one.item.item_id for one in compared if one.fate != "unchanged"))
            yield compared, len(rows)

    @property
    def items(self) -> Keys:
        """The items of the source, ascending: 8 bytes each, whatever is in them."""
        return np.unique(np.concatenate(self._items))

    @property
    def named(self) -> Keys:
        """The items that the source names, ascending: also those whose row cannot be used."""
        return np.unique(np.concatenate([*self._items, *self._refused]))

    @property
    def differing(self) -> Keys:
        """The items that are not just so in the generation, ascending."""
        return np.unique(np.concatenate(self._differing))

    @property
    def n_items(self) -> int:
        """Rows of the source that are items."""
        return self.fates.total()

    @property
    def n_rejected(self) -> int:
        """Rows of the source that are none."""
        return self._rejected.counts.total()

    def report(
        self, generation: int, manifest: Manifest, started: float, *, n_deleted: int = 0
    ) -> IndexReport:
        """Return what was done, once all is."""
        return IndexReport(
            generation=generation,
            n_items=manifest.n_items,
            n_passages=manifest.n_passages,
            rejected=dict(self._rejected.counts),
            rejects=self._rejected.path if self._rejected.counts else None,
            seconds=time.monotonic() - started,
            encoder=manifest.encoder,
            device="",
            notes=tuple(self._catalog.notes),
            n_added=self.fates["added"],
            n_changed=self.fates["changed"],
            n_metadata=self.fates["metadata"],
            n_unchanged=self.fates["unchanged"],
            n_deleted=n_deleted,
        )


NOTHING = Batch((), (), ())


@dataclass(frozen=True, slots=True)
class Step:
    """What is written at a time into a generation that is built.

    Parameters
    ----------
    batch : items to encode.
    records : of each item of the batch what the old generation holds.
    copied : points that are ready.
    n_rows : rows of the source that are done with then.
    """

    batch: Batch = NOTHING
    records: Sequence[Record | None] = ()
    copied: Sequence[Point] = ()
    n_rows: int = 0


def prepared(
    compared: Sequence[Compared],
    draft: Manifest,
    encoder: Callable[[], Encoder],
    n_rows: int = 0,
    copied: Sequence[Point] = (),
) -> Step:
    """Return the step that encodes these items, cut into passages."""
    if not compared:
        return Step(copied=copied, n_rows=n_rows)
    texts = [one.text for one in compared]
    passages = Chunker(encoder(), draft.passage_tokens).split(texts)
    batch = Batch([one.item for one in compared], texts, passages)
    return Step(batch, [one.record for one in compared], copied, n_rows)


def build_generation(
    store: Store,
    draft: Manifest,
    encoder: Callable[[], Encoder],
    steps: Iterator[Step],
    old: Index | None,
    progress: Callable[[int], None] | None,
) -> tuple[int, Manifest]:
    """Build a generation step by step and make it current; return its number and its manifest.

    Steps are made (read, compared, cut) in one thread and written in another, encoding is done here: what
    costs is encoding, and nothing else makes it wait.
    """
    with (
        GenerationBuilder(store, draft, old) as builder,
        ThreadPoolExecutor(1, thread_name_prefix="semrec-write") as writer,
    ):
        writing = None
        for step in in_background(steps, AHEAD):
            passages = step.batch.flat_passages
            vectors = encoder().encode_documents(passages) if passages else None
            if writing:
                writing.result()
            writing = writer.submit(_write, builder, draft, step, vectors, old)
            if progress:
                progress(step.n_rows)
        if writing:
            writing.result()
        manifest = builder.complete()
    return builder.generation, manifest


def _write(
    builder: GenerationBuilder, draft: Manifest, step: Step, vectors: Float2D | None, old: Index | None
) -> None:
    if vectors is not None:
        points = item_points(step.batch, vectors, draft.passage_tokens)
        builder.add(with_learned(points, draft, step.records, old))
    builder.add(step.copied)


def in_background(source: Iterator[T], ahead: int) -> Generator[T, None, None]:
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
