"""A generation step by step: read, cut, encode and write, each at the same time as the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from semrec.encoder.encoder import Encoder
from semrec.encoder.passages import Chunker
from semrec.indexer.compare import Compared
from semrec.indexer.generation_builder import Batch, GenerationBuilder, item_points
from semrec.indexer.streams import in_background
from semrec.indexer.upsert import with_learned
from semrec.store import Index, Manifest, Point, Record, Store
from semrec.types import Float2D

AHEAD = 4
"""Batches that wait between two stages."""

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
        points = item_points(step.batch, vectors, draft)
        builder.add(with_learned(points, draft, step.records, old))
    builder.add(step.copied)
