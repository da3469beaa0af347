"""The steps of a build: reading, encoding and writing run at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, compress

import numpy as np

from semrec.encoder.encoder import Encoder
from semrec.encoder.readability import measure
from semrec.indexer.compare import Compared, content_hash, find_records
from semrec.indexer.generation_builder import GenerationBuilder
from semrec.indexer.item_points import (
    ItemBatch,
    item_points,
    split_items,
    with_item_data,
    with_learned_vectors,
)
from semrec.indexer.streams import in_background
from semrec.store import Index, Manifest, Point, Record, Store
from semrec.store.bm25_encoder import mean_word_count
from semrec.types import Float2D, Keys, item_keys

AHEAD = 4
"""Batches that wait between two stages."""

SAMPLE_A_STEP = 64
SAMPLE_PASSAGES = 500
"""Passages of a step, and of a build, by which it is told what the encoder cannot read."""


@dataclass(frozen=True, slots=True)
class BuildStep:
    """Items that are written together into a new generation.

    Parameters
    ----------
    batch : items to encode.
    records : for each item of the batch what the old generation has of it.
    copied : points that need no encoding.
    n_rows : rows of the source that were read for this step.
    """

    batch: ItemBatch = field(default_factory=ItemBatch)
    records: Sequence[Record | None] = ()
    copied: Sequence[Point] = ()
    n_rows: int = 0


def build_step(
    compared: Sequence[Compared],
    draft: Manifest,
    encoder: Callable[[], Encoder],
    n_rows: int = 0,
    copied: Sequence[Point] = (),
) -> BuildStep:
    """Return the step that encodes these items; their texts are split into passages."""
    if not compared:
        return BuildStep(copied=copied, n_rows=n_rows)
    batch = split_items(compared, encoder(), draft.passage_tokens)
    return BuildStep(batch, [one.record for one in compared], copied, n_rows)


def with_average_words(draft: Manifest, steps: Iterator[BuildStep]) -> tuple[Manifest, Iterator[BuildStep]]:
    """Return the draft of a build that encodes every item with the average length of its passages.

    The length is measured on the first step that has items, because BM25 needs it before the first item is
    written.

    Returns
    -------
    The draft, and all steps.
    """
    read = []
    for step in steps:
        read.append(step)
        if passages := step.batch.flat_passages:
            draft = replace(draft, average_words=mean_word_count(passages))
            break
    return draft, chain(read, steps)


def build_generation(
    store: Store,
    draft: Manifest,
    encoder: Callable[[], Encoder],
    steps: Iterator[BuildStep],
    old: Index | None,
    progress: Callable[[int], None] | None,
    changed: Callable[[], Keys] = lambda: np.empty(0, np.uint64),
    *,
    described: Callable[[Manifest], Manifest] = lambda manifest: manifest,
    keep_previous: bool = True,
) -> tuple[int, Manifest]:
    """Build a generation step by step and make it current; return its number and its manifest.

    Encoding takes most of the time. So it never waits for the rest: one thread makes the steps (reads,
    compares, splits into passages), another one writes, and this one encodes.

    Parameters
    ----------
    store : where the generation is built.
    draft : its manifest, without the values that are computed from the points.
    encoder : loads the encoder; called only if there is something to encode.
    steps : what is written.
    old : index of the old generation; None: there is none.
    progress : called with the number of rows just processed.
    changed : called after the last step; returns the keys of the items that the steps changed.
    described : called after the last step; adds to the manifest what the steps show of the catalog.
    keep_previous : keep the generation before for `rollback`; False: the caller drops it.
    """
    with (
        GenerationBuilder(store, draft, old, keep_previous=keep_previous) as builder,
        ThreadPoolExecutor(1, thread_name_prefix="semrec-write") as writer,
    ):
        writing = None
        sample: list[str] = []
        n_encoded = 0
        for given in in_background(steps, AHEAD):
            step = _without_kept(given, builder.kept, draft)
            passages = step.batch.flat_passages
            vectors = encoder().encode_documents(passages) if passages else None
            sample += evenly(passages, SAMPLE_A_STEP)
            n_encoded += len(step.batch.items)
            if writing:
                writing.result()
            writing = writer.submit(_write, builder, draft, step, vectors, old)
            if progress:
                progress(step.n_rows)
        if writing:
            writing.result()
        tells = n_encoded and 2 * n_encoded >= builder.n_items  # fewer items say little of the catalog
        read = measure(encoder(), evenly(sample, SAMPLE_PASSAGES)) if tells else None
        manifest = builder.complete(changed(), read, described)
    return builder.generation, manifest


def evenly(texts: Sequence[str], n: int) -> Sequence[str]:
    """Return at most n of some texts, evenly spread."""
    return texts[:: max(1, -(-len(texts) // n))]


def _without_kept(step: BuildStep, kept: Index | None, draft: Manifest) -> BuildStep:
    """Return the step without encoding what is in a build that is continued: those points are copied.

    Parameters
    ----------
    kept : the points of that build; None: it is a new one.
    draft : manifest of both.
    """
    batch = step.batch
    if kept is None or not batch.items:
        return step
    keys = item_keys(item.item_id for item in batch.items)
    is_kept = [
        record is not None and record.content_hash == content_hash(text, draft.passage_tokens)
        for record, text in zip(find_records(kept, keys), batch.texts, strict=True)
    ]
    is_new = [not one for one in is_kept]
    copied = with_item_data(kept.points(keys[is_kept]), list(compress(batch.items, is_kept)))
    rest = ItemBatch(
        list(compress(batch.items, is_new)),
        list(compress(batch.texts, is_new)),
        list(compress(batch.passages, is_new)),
    )
    return BuildStep(rest, list(compress(step.records, is_new)), [*step.copied, *copied], step.n_rows)


def _write(
    builder: GenerationBuilder, draft: Manifest, step: BuildStep, vectors: Float2D | None, old: Index | None
) -> None:
    if vectors is not None:
        points = item_points(step.batch, vectors, draft)
        builder.add(with_learned_vectors(points, draft, step.records, old))
    builder.add(step.copied)
