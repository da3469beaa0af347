"""Brings the items of a workspace up to date: from a whole catalog, or one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from semrec.encoder.cached import LazyEncoder
from semrec.encoder.readability import catalog_note
from semrec.errors import StoreLockedError
from semrec.identifiers import AnyId
from semrec.indexer.column_formats import stored_formats
from semrec.indexer.drafts import updated_manifest
from semrec.indexer.full_build import index_catalog
from semrec.indexer.index_report import IndexReport
from semrec.indexer.patch import read_patches
from semrec.indexer.read import DEFAULT_TEMPLATE, Catalog, FieldMapping, open_catalog
from semrec.indexer.read_items import is_item_id, read_ids, read_items, require_some
from semrec.indexer.sources.source_files import regular_files
from semrec.indexer.update import Current, update_catalog
from semrec.indexer.upsert import delete_items as delete_from
from semrec.indexer.upsert import patch_items as patch_in
from semrec.indexer.upsert import write_items
from semrec.store import Manifest
from semrec.types import ChangeReport, Item, ItemPatch, to_plain
from semrec.workspace.encoders import reading_of
from semrec.workspace.last_run import FileRun
from semrec.workspace.preflight import check_room_to_build
from semrec.workspace.session import Change, OpenWorkspace


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to index a catalog; see `Recommender.index`."""

    mapping: FieldMapping | None = None
    format: str | None = None
    sync: bool = False
    allow_large_delete: bool = False
    rebuild: bool = False
    progress: Callable[[int], None] | None = None
    announce: Callable[[Any], None] | None = None

    @property
    def deciding(self) -> dict[str, Any]:
        """The options that decide what is made of the same files, as plain values."""
        mapping = self.mapping or FieldMapping()
        return {"mapping": to_plain(mapping), "format": self.format, "sync": self.sync}


def index(workspace: OpenWorkspace, source: Any, options: IndexOptions) -> IndexReport:
    """Bring the index up to date with a catalog; see `Recommender.index`."""
    with ExitStack() as stack:
        if existed := workspace.exists:
            stack.enter_context(workspace.building())
            workspace.remove_dead_builds()
        last_change = workspace.last_change()  # before the catalog is read, because it may lack later ones
        before = None if options.rebuild else workspace.current_manifest()
        run = FileRun(workspace, regular_files(source), _deciding(workspace, options), before, last_change)
        if report := run.repeated():
            return report
        run.forget()
        catalog = _open_catalog(workspace, source, options, before)
        if options.announce:
            options.announce(catalog)
        workspace.make()
        if not existed:  # not earlier: a catalog that cannot be read leaves no workspace
            stack.enter_context(workspace.building())
        if before:
            report = _update(workspace, catalog, before, last_change, options)
        else:
            report = _build(workspace, catalog, last_change, options)
        report = _with_reading_note(workspace, report)
        run.remember(report)
        workspace.trim_journal()
        return report


def _deciding(workspace: OpenWorkspace, options: IndexOptions) -> dict[str, Any]:
    """Return all that decides what is made of the same files, as plain values."""
    return {**options.deciding, "keep_html": workspace.settings.index.keep_html}


def _with_reading_note(workspace: OpenWorkspace, report: IndexReport) -> IndexReport:
    """Return a report that says what the encoder cannot read of the catalog, if it is much."""
    manifest = workspace.current_manifest()
    note = catalog_note(manifest.encoder, reading_of(manifest)) if manifest else ""
    return replace(report, notes=(*report.notes, note)) if note else report


def _open_catalog(
    workspace: OpenWorkspace, source: Any, options: IndexOptions, before: Manifest | None
) -> Catalog:
    """Open a catalog; the template and the types of fields stay as in the index before."""
    mapping = options.mapping or FieldMapping()
    if before and mapping.template is None and before.template != DEFAULT_TEMPLATE:
        mapping = replace(mapping, template=before.template)
    return open_catalog(
        source,
        mapping,
        format=options.format,
        max_text_bytes=workspace.settings.index.max_text_bytes,
        before=stored_formats(before, before.fields) if before else {},
        keep_html=workspace.settings.index.keep_html,
    )


def _build(
    workspace: OpenWorkspace, catalog: Catalog, last_change: int, options: IndexOptions
) -> IndexReport:
    """Build an index from a catalog alone."""
    encoders, settings = workspace.encoders, workspace.settings
    check_room_to_build(workspace, catalog.n_rows)
    choice = encoders.choose(catalog)
    with LazyEncoder(lambda: encoders.share(choice.encoder), settings) as encoder:
        report = index_catalog(
            catalog,
            encoder(),
            workspace.store(),
            rejects=workspace.rejects,
            passage_tokens=settings.index.passage_tokens,
            journal=last_change,
            quantized=bool(settings.index.quantize),
            progress=options.progress,
        )
    workspace.follow()
    return with_encoder_notes(encoder, report, choice.notes)


def _update(
    workspace: OpenWorkspace, catalog: Catalog, before: Manifest, last_change: int, options: IndexOptions
) -> IndexReport:
    """Write the differences between a catalog and the index."""
    encoders, settings = workspace.encoders, workspace.settings
    choice = encoders.choose_for_update(before, catalog)
    same = choice is None or choice.encoder.fingerprint == before.encoder_fingerprint
    other = None if choice is None or same else choice.encoder
    draft = updated_manifest(
        before,
        catalog,
        other,
        template=catalog.mapping.template,
        passage_tokens=settings.index.passage_tokens or before.passage_tokens,
        quantized=settings.index.quantize,
    )
    load = partial(encoders.share, other) if other else partial(encoders.of, before)
    with _current(workspace, last_change) as current, LazyEncoder(load, settings) as encoder:
        now = current.manifest  # changes that came after `before` may have added fields
        report = update_catalog(
            catalog,
            current,
            replace(draft, journal=min(last_change, now.journal), fields={**now.fields, **draft.fields}),
            encoder,
            workspace.store(),
            rejects=workspace.rejects,
            sync=options.sync,
            allow_large_delete=options.allow_large_delete,
            progress=options.progress,
        )
    workspace.follow()
    return with_encoder_notes(encoder, report, choice.notes if choice else ())


@contextmanager
def _current(workspace: OpenWorkspace, last_change: int) -> Iterator[Current]:
    """Open the generation that answers; if another process owns it, open a copy."""
    number, was_open = workspace.current_number(), workspace.live_index.is_open
    with ExitStack() as stack:
        if not was_open:  # building must not keep the index locked afterwards
            stack.callback(workspace.live_index.close)
        workspace.follow()
        handle = None
        with suppress(StoreLockedError):
            handle = stack.enter_context(workspace.live_index.pin())
        if handle and handle.generation.number == number:
            generation = handle.generation
            change = partial(_catalog_change, workspace, last_change)
            yield Current(number, generation.index, generation.manifest, change)
            return
        copied, manifest = stack.enter_context(workspace.snapshot())
        yield Current(number, copied, manifest)


@contextmanager
def _catalog_change(workspace: OpenWorkspace, last_change: int) -> Iterator[Change]:
    """Write a catalog that was read after `last_change`; changes after that one win over the catalog."""
    with workspace.change() as change:
        change.manifest = replace(change.manifest, journal=min(last_change, change.manifest.journal))
        yield change
        change.commit(workspace.catch_up(change.journal, change.index, change.handle.generation.number))


def put_items(workspace: OpenWorkspace, items: Iterable[Item | Mapping[str, Any]]) -> ChangeReport:
    """Write items into the index that answers; see `Recommender.put_items`.

    The journal is written after all checks: it must not hold an item that no index can take.
    """
    with workspace.change() as change:
        options = workspace.settings.index
        read = require_some(
            read_items(
                items, change.manifest, options.max_text_bytes, change.index, keep_html=options.keep_html
            )
        )
        load = partial(workspace.encoders.of, change.manifest)
        with LazyEncoder(load, workspace.settings) as encoder:
            written = write_items(
                change.index, change.manifest, encoder, read.items, change.journal.put, change.memory
            )
        change.commit(replace(written.manifest, journal=change.journal.last()))
    workspace.follow_change(change)
    workspace.tidy(len(read.items))
    notes = (*read.notes, *(encoder.loaded.notes if encoder.loaded else ()))
    return replace(written.report, refused=read.refused, notes=notes)


def patch_items(workspace: OpenWorkspace, patches: Iterable[ItemPatch | Mapping[str, Any]]) -> ChangeReport:
    """Change metadata of items in the index that answers; see `Recommender.patch_items`."""
    with workspace.change() as change:
        options = workspace.settings.index
        read = require_some(
            read_patches(
                patches, change.manifest, options.max_text_bytes, change.index, keep_html=options.keep_html
            )
        )
        written = patch_in(change.index, change.manifest, read.items, change.journal.patch)
        change.commit(replace(written.manifest, journal=change.journal.last()))
    workspace.follow_change(change)
    workspace.tidy(len(read.items))
    return replace(written.report, refused=read.refused, notes=read.notes)


def delete_items(workspace: OpenWorkspace, item_ids: Iterable[AnyId]) -> ChangeReport:
    """Delete items from the index that answers; see `Recommender.delete_items`."""
    ids = read_ids(item_ids)
    possible = [item_id for item_id in ids if is_item_id(item_id)]
    with workspace.change() as change:
        until = change.journal.delete(possible)
        deleted = delete_from(change.index, change.manifest, ids, change.memory)
        change.commit(replace(deleted.manifest, journal=until))
    workspace.follow_change(change)
    workspace.tidy(len(ids))
    return deleted.report


def with_encoder_notes(
    encoder: LazyEncoder, report: IndexReport, choice_notes: tuple[str, ...]
) -> IndexReport:
    """Return the report with notes and counts of the encoder, if it was loaded, and why it was chosen."""
    used = encoder.loaded
    if used is None:
        return replace(report, notes=(*report.notes, *choice_notes))
    notes = (*report.notes, *choice_notes, *used.notes)
    return replace(report, device=used.device, n_encoded=used.n_encoded, n_cached=used.n_cached, notes=notes)
