"""Tuning the encoder of a workspace on its own events, and where the result lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from semrec.errors import ConfigError
from semrec.files.locks import lock_within
from semrec.workspace.preflight import clean_events
from semrec.workspace.session import OpenWorkspace

if TYPE_CHECKING:
    from semrec.encoder.training import TrainingOptions
    from semrec.finetuning.tuning import FinetuneReport, ShopTexts, Watch

ENCODERS, RUN, LOCK = "encoders", "finetune", "finetune.lock"
"""In the workspace: tuned encoders, the checkpoints of a running fine-tune, and its lock."""


def finetune(
    workspace: OpenWorkspace, options: TrainingOptions, output: Path | None, watch: Watch | None
) -> FinetuneReport:
    """Tune the encoder of the index; see `Recommender.finetune`."""
    from semrec.finetuning import finetune_encoder

    if output and output.exists():
        raise ConfigError(f"{str(output)!r} exists already: give a folder that does not exist yet.")
    shop = _shop_texts(workspace)
    with _alone(workspace.folder):
        result = (output or _next_folder(workspace.folder)).resolve()
        result.parent.mkdir(parents=True, exist_ok=True)
        return finetune_encoder(
            shop, options, workspace.settings, run=workspace.folder / RUN, result=result, watch=watch
        )


def _shop_texts(workspace: OpenWorkspace) -> ShopTexts:
    """Return texts, vectors and events of the index."""
    from semrec.encoder.fingerprint import known_fingerprint
    from semrec.finetuning.tuning import ShopTexts
    from semrec.learning.fit import catalog_items, training_data

    with workspace.snapshot() as (index, manifest):
        catalog = catalog_items(index)
        events = workspace.event_log(create=False).frame()
        interactions = clean_events(events, catalog.item_ids, workspace.settings.events)
        if interactions.shortage:
            raise ConfigError(f"the encoder cannot be tuned: {interactions.shortage}.")
        data = training_data(interactions, index, manifest, catalog)
        passages = [record.passages or ("",) for record in index.records(catalog.keys)]
    name = workspace.settings.encoder.model or manifest.encoder
    fingerprint = known_fingerprint(name, "float32") or name
    return ShopTexts(name, fingerprint, manifest.precision, passages, data)


def _next_folder(workspace: Path) -> Path:
    """Return the first folder `encoders/tuned-N` that does not exist."""
    number = 1
    while (folder := workspace / ENCODERS / f"tuned-{number}").exists():
        number += 1
    return folder


@contextmanager
def _alone(workspace: Path) -> Iterator[None]:
    """Hold the right to tune the encoder of a workspace.

    Raises
    ------
    StoreLockedError
        Another process tunes it.
    """
    descriptor = os.open(workspace / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        lock_within(descriptor, workspace / LOCK, 0.0)
        yield
    finally:
        os.close(descriptor)
