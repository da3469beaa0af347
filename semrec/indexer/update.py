"""A catalog beside the generation that answers: only what differs is encoded and written.

Few changes are written into that generation. Many, and all that an index must be built for (another type of a
field, another encoder, search in int8 or not), make a new one: what differs is encoded, everything else is
copied with its vectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from semrec.encoder.encoder import Encoder
from semrec.errors import CatalogError
from semrec.indexer.compare import BATCH_ITEMS, Compared, Comparison, compare
from semrec.indexer.generation_steps import AHEAD, Step, build_generation, prepared
from semrec.indexer.index_report import IndexReport
from semrec.indexer.read import Catalog, typed_metadata
from semrec.indexer.rejects import RejectsFile
from semrec.indexer.spool import Spool
from semrec.indexer.streams import in_background, in_batches
from semrec.indexer.upsert import UNCOUNTED, counted_anew, delete_items, is_counted, write_items
from semrec.signals import SIGNALS
from semrec.signals.learned import LearnedSettings
from semrec.store import EditableIndex, Index, Manifest, Point, Record, Store
from semrec.store.protocol import TEXT
from semrec.types import Item, Keys, item_keys

FEW_ITEMS = 1000
FEW_SHARE = 0.05
MOST_SHARE = 0.2
"""In place are written as many items as FEW_ITEMS or FEW_SHARE of the catalog, whichever is more, but never
more than MOST_SHARE since the last build: the catalog's mean and its graphs know nothing of them."""

DELETED_SHARE = 0.2
"""More than this share of the items is deleted only when that is said to be meant."""


@dataclass(frozen=True, slots=True)
class Current:
    """The generation that answers.

    Parameters
    ----------
    number, index, manifest : the generation.
    change : lets nobody else change it, and gives what to write to, and the manifest as it is stored then.
        None: another process owns it, and `index` is a copy, to read only.
    """

    number: int
    index: Index
    manifest: Manifest
    change: Callable[[], AbstractContextManager[Change]] | None = None


class Change(Protocol):
    """The generation that answers, for the only one who changes it."""

    index: EditableIndex
    manifest: Manifest

    def commit(self, manifest: Manifest) -> None:
        """Store the manifest after the change."""


def update_catalog(
    catalog: Catalog,
    current: Current,
    draft: Manifest,
    encoder: Callable[[], Encoder],
    store: Store,
    *,
    rejects: Path,
    sync: bool = False,
    yes: bool = False,
    progress: Callable[[int], None] | None = None,
) -> IndexReport:
    """Bring the index up to date with a catalog; where nothing differs, nothing is written.

    Parameters
    ----------
    catalog : the source.
    current : the generation that answers.
    draft : the manifest as it shall be, see `updated_manifest`.
    encoder : loads the encoder of the draft; called only when there is something to encode.
    store : where it all is.
    rejects : file for rows that cannot be used.
    sync : delete what the source does not name.
    yes : even when that is much.
    progress : hears how many rows are done with, batch by batch.

    Raises
    ------
    CatalogError
        The source has no item, or would delete too much.
    StoreError
        The store failed, or the disk is full. In every case the index goes on answering.
    """
    return _Update(catalog, current, draft, encoder, store, rejects, sync, yes, progress).run()


def updated_manifest(
    current: Manifest,
    catalog: Catalog,
    encoder: Encoder | None,
    *,
    quantized: bool | None = None,
    **asked: Any,
) -> Manifest:
    """Return the manifest of a generation that takes a catalog in, but for what only its points tell.

    Parameters
    ----------
    current : of the generation that answers.
    catalog : new fields come from it.
    encoder : another one than before; None: the same.
    quantized : search text vectors in int8; None: as before.
    asked : `template` and `passage_tokens`, where they change.
    """
    before = {field.name: field for field in current.vectors}
    dimension = encoder.dimension if encoder else current.dimension
    in_int8 = before[TEXT].quantized if quantized is None else quantized
    now = {
        field.name: field
        for signal in SIGNALS
        for field in signal.catalog_fields(dimension, quantized=in_int8)
    }
    changed = {
        "fields": {**current.fields, **catalog.fields},
        "vectors": tuple(now.get(name, field) for name, field in before.items()),
        **asked,
    }
    if encoder is None:
        return replace(current, **changed)
    learned = LearnedSettings.of(current)
    kept = learned.without_text()[0].stored_in(current) if learned else current
    return replace(
        kept,
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        precision=encoder.precision,
        dimension=encoder.dimension,
        query_prompt=encoder.query_prompt,
        document_prompt=encoder.document_prompt,
        **changed,
    )


class _Update:
    """One run of `update_catalog`, whose parameters it has."""

    def __init__(
        self,
        catalog: Catalog,
        current: Current,
        draft: Manifest,
        encoder: Callable[[], Encoder],
        store: Store,
        rejects: Path,
        sync: bool,
        yes: bool,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._started = time.monotonic()
        self._current = current
        self._draft = draft
        self._encoder = encoder
        self._store = store
        self._sync = sync
        self._n_encoded_again = 0
        self._yes = yes
        self._progress = progress or (lambda n_rows: None)
        self._source = Comparison(catalog, current.index, draft, RejectsFile(rejects))

    def run(self) -> IndexReport:
        """Read the source until it is through, or until there is too much to write it in place."""
        before = self._current.manifest
        with Spool() as spool, closing(in_background(iter(self._source), AHEAD)) as rest:
            same_vectors = before.vectors == self._draft.vectors
            if not self._encodes_all and same_vectors and _same_types(before, self._draft):
                for compared, n_rows in rest:
                    spool.add(one.item for one in compared if one.fate != "unchanged")
                    self._progress(n_rows)
                    if not self._is_few(len(spool)):
                        break
                else:
                    gone = self._gone()
                    if not len(spool) + len(gone) and self._is_told:
                        return self._report(self._current.number, before, 0)
                    if self._current.change and self._is_few(len(spool) + len(gone)):
                        with self._current.change() as change:
                            return self._write_in_place(change, spool, gone)
            return self._build(spool, rest)

    @property
    def _encodes_all(self) -> bool:
        def made_by(manifest: Manifest) -> tuple[object, ...]:
            return manifest.encoder_fingerprint, manifest.template, manifest.passage_tokens

        return made_by(self._current.manifest) != made_by(self._draft)

    @property
    def _is_told(self) -> bool:
        """Say whether the manifest tells what is there: whoever was killed may not have counted."""
        current = self._current
        told = current.manifest.fields == self._draft.fields and is_counted(current.index, current.manifest)
        return told or current.change is None

    def _is_few(self, n_items: int) -> bool:
        """Say whether so many items can be written in place."""
        manifest = self._current.manifest
        few = min(max(FEW_ITEMS, FEW_SHARE * manifest.n_items), MOST_SHARE * manifest.n_items)
        return not n_items or (self._current.change is not None and manifest.n_changes + n_items <= few)

    def _gone(self) -> Keys:
        """Return the items to delete, when the source is through.

        Raises
        ------
        CatalogError
            They are too many, or the source has no item at all.
        """
        source, index = self._source, self._current.index
        rejected = f" ({source.n_rejected:,} rows were rejected)" if source.n_rejected else ""
        if not source.n_items:
            raise CatalogError(
                f"the source has no item that can be used{rejected}: "
                "nothing was indexed; the previous index, if any, still answers."
            )
        if not self._sync:
            return np.empty(0, np.uint64)
        there = index.sample(index.count())
        gone = there[~among(there, source.named)]
        if len(gone) > DELETED_SHARE * len(there) and not self._yes:
            raise CatalogError(
                f"the source names {source.n_items:,} items{rejected}; to follow it, {len(gone):,} of the "
                f"{len(there):,} items of the index would be deleted. Nothing was changed. If that is meant, "
                "add --yes."
            )
        return gone

    def _write_in_place(self, change: Change, spool: Spool, gone: Keys) -> IndexReport:
        index, manifest = change.index, change.manifest
        if not is_counted(index, manifest):
            manifest = counted_anew(index, manifest)
        change.commit(replace(manifest, n_passages=UNCOUNTED))  # for whoever finds what a kill leaves
        new = {name: kind for name, kind in self._draft.fields.items() if name not in manifest.fields}
        if new:
            index.add_fields(new)
            manifest = replace(manifest, fields={**manifest.fields, **new})
        if len(spool):
            manifest = write_items(index, manifest, self._encoder, spool).manifest
        if len(gone):
            manifest = delete_items(
                index, manifest, (record.item_id for record in _records(index, gone))
            ).manifest
        change.commit(manifest)
        return self._report(self._current.number, manifest, len(gone))

    def _build(self, spool: Spool, rest: Iterator[tuple[list[Compared], int]]) -> IndexReport:
        deleted: list[int] = []
        number, manifest = build_generation(
            self._store,
            self._draft,
            self._encoder,
            self._steps(spool, rest, deleted),
            self._current.index,
            self._progress,
        )
        return self._report(number, manifest, sum(deleted))

    def _steps(
        self, spool: Spool, rest: Iterator[tuple[list[Compared], int]], deleted: list[int]
    ) -> Iterator[Step]:
        """Yield what differs, then the rest of the generation that answers."""
        index = self._current.index
        held = ((compare(batch, index, self._draft), 0) for batch in in_batches(spool, BATCH_ITEMS))
        for compared, n_rows in chain(held, rest):
            texts = [one for one in compared if self._encodes_all or one.fate in ("added", "changed")]
            others = [one for one in compared if not self._encodes_all and one.fate == "metadata"]
            yield prepared(texts, self._draft, self._encoder, n_rows, _relabelled(others, index))
        gone = self._gone()
        deleted.append(len(gone))
        written = self._source.items if self._encodes_all else self._source.differing
        left_out = np.sort(np.concatenate([written, gone]))
        for points in index.scan(BATCH_ITEMS):
            kept = [
                self._retyped(point)
                for point, is_out in zip(points, among(_keys(points), left_out), strict=True)
                if not is_out
            ]
            yield self._kept(kept)

    def _kept(self, points: list[Point]) -> Step:
        """Return the step for items that the source does not change."""
        if not self._encodes_all:
            return Step(copied=points)
        self._n_encoded_again += len(points)
        again = [
            Compared(
                Item(point.record.item_id, point.record.title, "", point.record.metadata),
                "\n".join(point.record.passages),
                point.record,
                "changed",
            )
            for point in points
        ]
        return prepared(again, self._draft, self._encoder)

    def _retyped(self, point: Point) -> Point:
        """Return the point with the values of its fields in the types of the draft."""
        metadata = typed_metadata(point.record.metadata, self._draft.fields, parse=False)
        return replace(point, record=replace(point.record, metadata=metadata))

    def _report(self, number: int, manifest: Manifest, n_deleted: int) -> IndexReport:
        report = self._source.report(number, manifest, self._started, n_deleted=n_deleted)
        notes = list(report.notes)
        if self._n_encoded_again:
            notes.append(
                f"{self._n_encoded_again:,} items that the source does not name were kept: "
                "their stored passages were encoded again"
            )
        learned = LearnedSettings.of(self._current.manifest)
        if learned and self._draft.encoder_fingerprint != self._current.manifest.encoder_fingerprint:
            notes += learned.without_text()[1]
        return replace(report, notes=tuple(notes))


def among(keys: Keys, others: Keys) -> np.ndarray:
    """Return which keys are among others, bool (n,); the others ascend."""
    if not len(others):
        return np.zeros(len(keys), bool)
    return others[np.minimum(np.searchsorted(others, keys), len(others) - 1)] == keys


def _same_types(before: Manifest, draft: Manifest) -> bool:
    """Say whether all fields that there were are still what they were."""
    return all(draft.fields[name] == kind for name, kind in before.fields.items())


def _relabelled(compared: Sequence[Compared], index: EditableIndex) -> list[Point]:
    """Return points with their vectors, and with title and metadata as they shall be."""
    points = index.points(item_keys(one.item.item_id for one in compared)) if compared else []
    return [
        Point(replace(point.record, title=one.item.title, metadata=one.item.metadata), point.vectors)
        for point, one in zip(points, compared, strict=True)
    ]


def _keys(points: Sequence[Point]) -> Keys:
    return item_keys(point.record.item_id for point in points)


def _records(index: EditableIndex, keys: Keys) -> Iterator[Record]:
    for start in range(0, len(keys), BATCH_ITEMS):
        yield from index.records(keys[start : start + BATCH_ITEMS])
