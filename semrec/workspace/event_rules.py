"""Which events count in a workspace now: by its settings, and by the rating scale that its answers use."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from semrec.errors import SemrecError
from semrec.events.counting import CountingRules
from semrec.signals.learned import LearnedSettings
from semrec.workspace.folder import find_workspace

if TYPE_CHECKING:
    from semrec.workspace.session import OpenWorkspace


def counting_rules(workspace: OpenWorkspace) -> CountingRules:
    """Return the rules by which a stored event counts; the rating scale is unknown before the first fit."""
    given = workspace.settings.events.rating_scale
    return CountingRules.of(workspace.settings.events, given or _learned_scale(workspace))


def _learned_scale(workspace: OpenWorkspace) -> tuple[float, float] | None:
    """Return the rating scale of the last fit; None if it is not known without asking a server."""
    learned = None
    if generation := workspace.live_index.generation:
        learned = generation.learned
    else:
        with suppress(SemrecError):  # events are stored, whatever the state of the index
            is_local = not (workspace.settings.store.qdrant or find_workspace(workspace.folder).qdrant)
            manifest = workspace.current_manifest() if is_local else None
            learned = LearnedSettings.of(manifest) if manifest else None
    return learned.rating_scale if learned else None
