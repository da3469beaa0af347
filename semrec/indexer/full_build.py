"""A new index from a catalog alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from semrec.encoder.encoder import Encoder
from semrec.indexer.build_steps import build_generation, build_step, with_average_words
from semrec.indexer.compare import CatalogComparison
from semrec.indexer.drafts import draft_manifest
from semrec.indexer.index_report import IndexReport
from semrec.indexer.read import DEFAULT_TEMPLATE, Catalog
from semrec.indexer.rejects import RejectsFile
from semrec.store import Store


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
    encoder : computes the vectors.
    store : where the generation is built.
    rejects : file for rows that cannot be used.
    passage_tokens : longest passage; None: as long as the encoder reads.
    journal : number of the last item change before the catalog was read, see `semrec.events.item_changes`.
    quantized : search text vectors in int8, see `VectorField`.
    progress : called with the number of rows just processed.

    Raises
    ------
    CatalogError
        No item could be indexed.
    StoreError
        The store failed, or the disk is full. After any error the previous generation still answers.
    """
    started = time.monotonic()
    template = catalog.mapping.template or DEFAULT_TEMPLATE
    draft = draft_manifest(encoder, template, passage_tokens, catalog.fields, journal, quantized=quantized)
    draft = catalog.described(draft)
    source = CatalogComparison(catalog, None, draft, RejectsFile(rejects), lambda: encoder)
    unmeasured = (build_step(compared, draft, lambda: encoder, n_rows) for compared, n_rows in source)
    measured, steps = with_average_words(draft, unmeasured)
    generation, manifest = build_generation(
        store, measured, lambda: encoder, steps, None, progress, described=catalog.described
    )
    return replace(source.report(generation, manifest, started), device=encoder.device)
