"""The items of a workspace are brought up to date: from a whole catalog, or one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from semrec.encoder.cached import LazyEncoder
from semrec.errors import StoreLockedError
from semrec.indexer.full_build import index_catalog
from semrec.indexer.index_report import IndexReport
from semrec.indexer.read import DEFAULT_TEMPLATE, Catalog, FieldMapping, open_catalog
from semrec.indexer.read_items import read_ids, read_items
from semrec.indexer.receipt import Receipt, digest_of, read_receipt, write_receipt
from semrec.indexer.sources.source_files import regular_files
from semrec.indexer.update import Current, update_catalog, updated_manifest
from semrec.indexer.upsert import delete_items as delete_from
from semrec.indexer.upsert import is_counted, write_items
from semrec.store import Manifest
from semrec.store.build import building
from semrec.types import ChangeReport, Item
from semrec.version import __version__
from semrec.workspace.folder import Workspace
from semrec.workspace.session import Change, OpenWorkspace

INDEXING_SETTINGS: Mapping[str, Any] = {"encoder": {"model", "backend"}, "index": True}
"""Settings that decide what indexing makes of a catalog."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How a catalog is to be indexed; see `Recommender.index`."""

    mapping: FieldMapping | None = None
    format: str | None = None
    sync: bool = False
    yes: bool = False
    rebuild: bool = False
    progress: Callable[[int], None] | None = None
    announce: Callable[[Any], None] | None = None


def index(workspace: OpenWorkspace, source: Any, wish: Wish) -> IndexReport:
    """Bring the index up to date with a catalog; see `Recommender.index`."""
    with ExitStack() as stack:
        if existed := workspace.exists:
            stack.enter_context(building(workspace.store(), workspace.folder))
        last_change = workspace.last_change()  # before the catalog is read: later ones are not in it
        before = None if wish.rebuild else workspace.current_manifest()
        files = regular_files(source)
        stamps = _stamps(files)
        asked = _asked(workspace, files, wish, before)
        if before and asked and (report := _unchanged(workspace, before, last_change, asked)):
            return report
        with suppress(OSError):
            Workspace(workspace.folder).receipt.unlink()  # from here on that run is not the last one
        catalog = _opened(workspace, source, wish, before)
        if wish.announce:
            wish.announce(catalog)
        workspace.make()
        if not existed:  # a catalog that cannot be read leaves no workspace behind
            stack.enter_context(building(workspace.store(), workspace.folder))
        if before:
            report = _update(workspace, catalog, before, last_change, wish)
        else:
            report = _build(workspace, catalog, last_change, wish)
        if asked and _stamps(files) == stamps:
            _remember(workspace, asked, last_change, report)
        workspace.forget_changes()
        return report


def _stamps(files: Sequence[Path]) -> list[tuple[int, int]]:
    """Return what changes when somebody writes to files; nothing when one is gone."""
    try:
        return [(stat.st_size, stat.st_mtime_ns) for stat in map(Path.stat, files)]
    except OSError:
        return []


def _asked(
    workspace: OpenWorkspace, files: Sequence[Path], wish: Wish, before: Manifest | None
) -> str | None:
    """Return a digest of all that decides what indexing these files makes of an index.

    None when that cannot be told: the source is of another kind, cannot be read, or only loading the encoder
    tells which one it is.
    """
    settings = workspace.settings
    encoder = workspace.encoders.identity(before) if files else None
    if encoder is None:
        return None
    values = {
        "semrec": __version__,
        "mapping": asdict(wish.mapping or FieldMapping()),
        "format": wish.format,
        "sync": wish.sync,
        "settings": settings.model_dump(mode="json", include=dict(INDEXING_SETTINGS)),
        "encoder": encoder,
    }
    with suppress(OSError):  # whoever opens the files will tell
        return digest_of(values, files)
    return None


def _left(workspace: OpenWorkspace, manifest: Manifest) -> str:
    """Return a digest of the index that answers."""
    return digest_of({"generation": workspace.current_number(), "manifest": asdict(manifest)})


def _unchanged(
    workspace: OpenWorkspace, manifest: Manifest, last_change: int, asked: str
) -> IndexReport | None:
    """Return the report when the last indexing was this one, and nothing has changed since; else None."""
    started = time.monotonic()
    receipt = read_receipt(Workspace(workspace.folder).receipt)
    known = receipt and receipt.asked == asked and receipt.left == _left(workspace, manifest)
    if not (receipt and known) or last_change > manifest.journal:
        return None
    if (receipt.rejected and not workspace.rejects.exists()) or not _is_whole(workspace, manifest):
        return None
    return IndexReport(
        generation=workspace.current_number(),
        n_items=manifest.n_items,
        n_passages=manifest.n_passages,
        rejected=receipt.rejected,
        rejects=workspace.rejects if receipt.rejected else None,
        seconds=time.monotonic() - started,
        encoder=manifest.encoder,
        device="",
        notes=("these files are, byte for byte, those of the last run: nothing was read again",),
        n_unchanged=receipt.n_items,
    )


def _is_whole(workspace: OpenWorkspace, manifest: Manifest) -> bool:
    """Tell whether the index holds what its manifest says; who has it open in another process knows."""
    was_open = workspace.live.is_open
    try:
        with workspace.live.keeping() as held:
            return held.generation.manifest == manifest and is_counted(held.generation.index, manifest)
    except StoreLockedError:
        return True
    finally:
        if not was_open:
            workspace.live.close()


def _remember(workspace: OpenWorkspace, asked: str, last_change: int, report: IndexReport) -> None:
    """Write down what was done, unless somebody has changed the index meanwhile.

    Where the disk does not take it, the files are read again the next time.
    """
    manifest = workspace.current_manifest()
    is_ours = workspace.current_number() == report.generation and workspace.last_change() == last_change
    if manifest is None or not is_ours:
        return
    n_items = report.n_added + report.n_changed + report.n_metadata + report.n_unchanged
    receipt = Receipt(asked, _left(workspace, manifest), n_items, dict(report.rejected))
    with suppress(OSError):
        write_receipt(Workspace(workspace.folder).receipt, receipt)


def _opened(workspace: OpenWorkspace, source: Any, wish: Wish, before: Manifest | None) -> Catalog:
    mapping = wish.mapping or FieldMapping()
    if before and mapping.template is None and before.template != DEFAULT_TEMPLATE:
        mapping = replace(mapping, template=before.template)
    return open_catalog(
        source,
        mapping,
        format=wish.format,
        max_text_bytes=workspace.settings.index.max_text_bytes,
        fields=before.fields if before else {},
    )


def _build(workspace: OpenWorkspace, catalog: Catalog, last_change: int, wish: Wish) -> IndexReport:
    """Index a catalog for the first time, or as if it were."""
    encoders, settings = workspace.encoders, workspace.settings
    choice = encoders.chosen(catalog)
    with LazyEncoder(lambda: encoders.share(choice.encoder), settings) as encoder:
        report = index_catalog(
            catalog,
            encoder(),
            workspace.store(),
            rejects=workspace.rejects,
            passage_tokens=settings.index.passage_tokens,
            journal=last_change,
            quantized=bool(settings.index.quantize),
            progress=wish.progress,
        )
    workspace.follow()
    return told_by(encoder, report, choice.notes)


def _update(
    workspace: OpenWorkspace, catalog: Catalog, before: Manifest, last_change: int, wish: Wish
) -> IndexReport:
    """Write what a catalog changes, and nothing else."""
    encoders, settings = workspace.encoders, workspace.settings
    choice = encoders.asked(before, catalog)
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
        report = update_catalog(
            catalog,
            current,
            replace(draft, journal=min(last_change, current.manifest.journal)),
            encoder,
            workspace.store(),
            rejects=workspace.rejects,
            sync=wish.sync,
            yes=wish.yes,
            progress=wish.progress,
        )
    workspace.follow()
    return told_by(encoder, report, choice.notes if choice else ())


@contextmanager
def _current(workspace: OpenWorkspace, last_change: int) -> Iterator[Current]:
    """Open the generation that answers, or a copy of it when another process owns it."""
    number, was_open = workspace.current_number(), workspace.live.is_open
    with ExitStack() as stack:
        if not was_open:  # who only builds leaves the new generation to those who answer
            stack.callback(workspace.live.close)
        workspace.follow()
        held = None
        with suppress(StoreLockedError):
            held = stack.enter_context(workspace.live.keeping())
        if held and held.generation.number == number:
            generation = held.generation
            change = partial(_catalog_change, workspace, last_change)
            yield Current(number, generation.index, generation.manifest, change)
            return
        copied, manifest = stack.enter_context(workspace.reading())
        yield Current(number, copied, manifest)


@contextmanager
def _catalog_change(workspace: OpenWorkspace, last_change: int) -> Iterator[Change]:
    """Change the generation as a catalog says that was read after a change; later ones hold over it."""
    with workspace.change() as change:
        change.manifest = replace(change.manifest, journal=min(last_change, change.manifest.journal))
        yield change
        change.take_over(workspace.catch_up(change.journal, change.index, change.held.generation.number))


def put_items(workspace: OpenWorkspace, items: Iterable[Item | Mapping[str, Any]]) -> ChangeReport:
    """Write items into the index that answers; see `Recommender.put_items`."""
    with workspace.change() as change:
        read = read_items(items, change.manifest, workspace.settings.index.max_text_bytes)
        until = change.journal.put(read)
        load = partial(workspace.encoders.of, change.manifest)
        with LazyEncoder(load, workspace.settings) as encoder:
            written = write_items(change.index, change.manifest, encoder, read)
        change.take_over(replace(written.manifest, journal=until))
    workspace.tell_others(change)
    return replace(written.report, notes=encoder.loaded.notes if encoder.loaded else ())


def delete_items(workspace: OpenWorkspace, item_ids: Iterable[str]) -> ChangeReport:
    """Delete items from the index that answers; see `Recommender.delete_items`."""
    wanted = read_ids(item_ids)
    with workspace.change() as change:
        until = change.journal.delete(wanted)
        deleted = delete_from(change.index, change.manifest, wanted)
        change.take_over(replace(deleted.manifest, journal=until))
    workspace.tell_others(change)
    return deleted.report


def told_by(encoder: LazyEncoder, report: IndexReport, chosen: tuple[str, ...]) -> IndexReport:
    """Return the report with what its encoder tells, where it was needed, and why it was chosen."""
    used = encoder.loaded
    if used is None:
        return replace(report, notes=(*report.notes, *chosen))
    notes = (*report.notes, *chosen, *used.notes)
    return replace(report, device=used.device, n_encoded=used.n_encoded, n_cached=used.n_cached, notes=notes)
