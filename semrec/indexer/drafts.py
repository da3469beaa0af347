"""Draft manifests: what is known of a generation before its items are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from semrec.encoder.encoder import Encoder
from semrec.indexer.read import Catalog
from semrec.signals import SIGNALS
from semrec.signals.learned import LearnedSettings
from semrec.store import Manifest, VectorField
from semrec.store.protocol import TEXT, FieldType


def draft_manifest(
    encoder: Encoder,
    template: str,
    passage_tokens: int | None,
    fields: Mapping[str, FieldType],
    journal: int = 0,
    *,
    quantized: bool = False,
) -> Manifest:
    """Return the draft of a generation that is built from a catalog alone.

    Parameters
    ----------
    encoder : computes the vectors.
    template : of the text that is encoded.
    passage_tokens : longest passage; None: as long as the encoder reads.
    fields : types of the metadata fields.
    journal : number of the last item change before the catalog was read.
    quantized : search text vectors in int8.
    """
    return Manifest(
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        dimension=encoder.dimension,
        query_prompt=encoder.query_prompt,
        document_prompt=encoder.document_prompt,
        template=template,
        vectors=tuple(_catalog_fields(encoder.dimension, quantized).values()),
        fields=dict(fields),
        precision=encoder.precision,
        passage_tokens=passage_tokens,
        journal=journal,
    )


def updated_manifest(
    current: Manifest,
    catalog: Catalog,
    encoder: Encoder | None,
    *,
    quantized: bool | None = None,
    **changed: Any,
) -> Manifest:
    """Return the draft of a generation that is the current one, updated with a catalog.

    Parameters
    ----------
    current : manifest of the current generation.
    catalog : its new metadata fields are added.
    encoder : a new encoder; None: the same as before.
    quantized : search text vectors in int8; None: as before.
    changed : `template` and `passage_tokens`, if they change.
    """
    fields = {field.name: field for field in current.vectors}
    dimension = encoder.dimension if encoder else current.dimension
    new_fields = _catalog_fields(dimension, fields[TEXT].quantized if quantized is None else quantized)
    updated = replace(
        catalog.described(current),
        fields={**current.fields, **catalog.fields},
        vectors=tuple(new_fields.get(name, field) for name, field in fields.items()),
        **changed,
    )
    if encoder is None:
        return updated
    learned = LearnedSettings.of(current)
    if learned:  # models that predict from text vectors do not fit those of another encoder
        updated = learned.without_text()[0].stored_in(updated)
    return replace(
        updated,
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        precision=encoder.precision,
        dimension=encoder.dimension,
        query_prompt=encoder.query_prompt,
        document_prompt=encoder.document_prompt,
    )


def _catalog_fields(dimension: int, quantized: bool) -> dict[str, VectorField]:
    """Return the fields of vectors that the signals make from a catalog, by name."""
    fields = (field for signal in SIGNALS for field in signal.catalog_fields(dimension, quantized=quantized))
    return {field.name: field for field in fields}
