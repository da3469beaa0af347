"""A new generation from a catalog and the current generation: what differs is encoded, the rest is copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from semrec.encoder.encoder import Encoder
from semrec.indexer.build_steps import BuildStep, build_step
from semrec.indexer.column_formats import plain_formats
from semrec.indexer.compare import BATCH_ITEMS, CatalogComparison, Compared, are_among, compare
from semrec.indexer.item_points import with_item_data
from semrec.indexer.streams import in_batches
from semrec.indexer.typed_values import typed_metadata
from semrec.store import Index, Manifest, Point
from semrec.types import Item, Keys, item_keys


class Rebuild:
    """The steps of a rebuild.

    Parameters
    ----------
    index, manifest : the current generation.
    draft : manifest of the new generation.
    encoder : loads the encoder of the draft; called only if there is something to encode.

    Attributes
    ----------
    n_deleted : items that the new generation does not have.
    n_encoded_again : items that are not in the source, whose stored passages were encoded.
    """

    def __init__(
        self, index: Index, manifest: Manifest, draft: Manifest, encoder: Callable[[], Encoder]
    ) -> None:
        self._index = index
        self._draft = draft
        self._encoder = encoder
        self._encodes_all = encodes_differently(manifest, draft)
        self.n_deleted = self.n_encoded_again = 0

    def steps(
        self,
        source: CatalogComparison,
        differing: Iterable[Item],
        rest: Iterable[tuple[list[Compared], int]],
        keys_to_delete: Callable[[], Keys],
    ) -> Iterator[BuildStep]:
        """Yield the items of the source, then the other items of the current generation.

        Parameters
        ----------
        source : what was compared.
        differing : items that differ, of the part of the source that was read already.
        rest : the part of the source that was not read yet, as `source` yields it.
        keys_to_delete : called at the end of the source.
        """
        read = ((compare(batch, self._index, self._draft), 0) for batch in in_batches(differing, BATCH_ITEMS))
        for compared, n_rows in chain(read, rest):
            yield self._source_step(compared, n_rows)
        deleted = keys_to_delete()
        self.n_deleted = len(deleted)
        written = source.item_keys if self._encodes_all else source.differing_keys
        done = np.sort(np.concatenate([written, deleted]))
        for points in self._index.scan(BATCH_ITEMS):
            is_done = are_among(item_keys(point.record.item_id for point in points), done)
            yield self._other_step([point for point, done in zip(points, is_done, strict=True) if not done])

    def _source_step(self, compared: Sequence[Compared], n_rows: int) -> BuildStep:
        if self._encodes_all:
            return build_step(compared, self._draft, self._encoder, n_rows)
        to_encode = [one for one in compared if one.needs_encoding]
        copied = self._with_metadata([one for one in compared if one.kind == "metadata"])
        return build_step(to_encode, self._draft, self._encoder, n_rows, copied)

    def _with_metadata(self, compared: Sequence[Compared]) -> list[Point]:
        """Return the current points of items, with the title and metadata of the source."""
        points = self._index.points(item_keys(one.item.item_id for one in compared)) if compared else []
        return with_item_data(points, [one.item for one in compared])

    def _other_step(self, points: Sequence[Point]) -> BuildStep:
        """Return the step for items that the source does not change."""
        typed = [self._typed(point) for point in points]
        if not self._encodes_all:
            return BuildStep(copied=typed)
        self.n_encoded_again += len(typed)
        again = [
            Compared(
                Item(point.record.item_id, point.record.title, "", point.record.metadata),
                "\n".join(point.record.passages),
                point.record,
                "changed",
            )
            for point in typed
        ]
        return build_step(again, self._draft, self._encoder)

    def _typed(self, point: Point) -> Point:
        """Return the point with its metadata in the types of the draft."""
        formats = plain_formats(self._draft.fields)
        metadata, _ = typed_metadata(point.record.metadata, formats, parse=False)
        return replace(point, record=replace(point.record, metadata=metadata))


def encodes_differently(before: Manifest, after: Manifest) -> bool:
    """Return whether the same items have other text vectors or other passages after the change."""

    def decisive(manifest: Manifest) -> tuple[object, ...]:
        return manifest.encoder_fingerprint, manifest.template, manifest.passage_tokens

    return decisive(before) != decisive(after)
