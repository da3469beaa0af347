"""What the owner of a shop looks after: generations, stored events, checks, facts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from semrec.config import Settings
from semrec.workspace.session import OpenWorkspace

if TYPE_CHECKING:
    from semrec.encoder.training import TrainingOptions
    from semrec.events.log import EventLog
    from semrec.events.stored_events import EventChoice, StoredEvent
    from semrec.finetuning.tuning import FinetuneReport, Watch
    from semrec.store.index_check import Checked
    from semrec.workspace.generations import GenerationFacts


class Maintenance:
    """The part of `Recommender` that looks after a workspace.

    Parameters
    ----------
    workspace : what the process holds open.
    """

    def __init__(self, workspace: OpenWorkspace) -> None:
        self._workspace = workspace

    # -- generations -------------------------------------------------------------------------------

    def follow(self) -> bool:
        """Answer from the current generation from now on; return whether it is another one than before.

        Without this call, a query looks for it (ten times a second at most, once on a server), and opens it
        in the background. If it cannot be opened, the old one answers, and the notes of answers say so.
        """
        return self._workspace.follow()

    def generations(self) -> list[GenerationFacts]:
        """Return all generations, oldest first, also builds that are not complete."""
        from semrec.workspace.generations import list_generations

        return list_generations(self._workspace)

    def rollback(self, generation: int | None = None) -> int:
        """Make an older generation current again, in all running processes. Return its number.

        Items that were put or deleted since then are put and deleted in it, too.

        Parameters
        ----------
        generation : its number; None: the one before the current one.

        Raises
        ------
        StoreError, WorkspaceError
            It does not exist, or it is damaged. Nothing was changed.
        """
        from semrec.workspace.generations import rollback

        return rollback(self._workspace, generation)

    def take_over(self) -> str:
        """Make the index of this name on the server that of this workspace; return the index, in words."""
        from semrec.workspace.take_over import take_over

        return take_over(self._workspace)

    # -- stored events ------------------------------------------------------------------------------

    def event_log(self, *, create: bool = True) -> EventLog:
        """Return the event log, for any thread; it stays open as long as the recommender.

        With `create`, it is made if there is none; else, or if it cannot be used, raises `StoreError`.
        """
        return self._workspace.event_log(create=create)

    def events(self, choice: EventChoice, *, limit: int = 100) -> list[StoredEvent]:
        """Return stored events, at most `limit`, in the order of storing; each tells whether it counts."""
        from semrec.workspace.users import find_events

        return find_events(self._workspace, choice, limit)

    def delete_events(self, choice: EventChoice) -> int:
        """Delete stored events, and return how many there were; the next fit no longer knows them.

        Raises
        ------
        QueryError
            The choice has no condition: that would be all events.
        """
        from semrec.workspace.users import delete_events

        return delete_events(self._workspace, choice)

    # -- the encoder --------------------------------------------------------------------------------

    def finetune(
        self,
        options: TrainingOptions | None = None,
        *,
        output: str | Path | None = None,
        watch: Watch | None = None,
    ) -> FinetuneReport:
        """Tune the encoder of the index on the event log, and write it to a folder if it passes the gate.

        The index does not change. `index` with the folder as its model builds a generation with the tuned
        encoder, and `rollback` returns to the one before. After a kill, the same call goes on from the last
        checkpoint.

        Parameters
        ----------
        options : how it is trained; None: the defaults.
        output : the folder; it must not exist. None: `encoders/tuned-N` in the workspace.
        watch : called during the work.

        Raises
        ------
        ConfigError
            The events are not enough, a package is missing, or the folder exists.
        EncoderError
            The encoder of the index cannot be loaded, or is no transformer.
        StoreLockedError
            Another process tunes the encoder of this workspace.
        """
        from semrec.encoder.training import TrainingOptions
        from semrec.workspace.own_encoder import finetune

        folder = Path(output) if output is not None else None
        return finetune(self._workspace, options or TrainingOptions(), folder, watch)

    # -- checks and facts ---------------------------------------------------------------------------

    def check(self) -> list[Checked]:
        """Compare everything stored with its checksums; damage is in `Checked.faults`, not raised."""
        from semrec.workspace.check import check_workspace

        return check_workspace(self._workspace)

    def info(self) -> dict[str, Any]:
        """Return facts about the workspace and its index, as plain values."""
        from semrec.workspace.generations import describe

        return describe(self._workspace)

    @property
    def folder(self) -> Path:
        """The folder of the workspace."""
        return self._workspace.folder

    @property
    def settings(self) -> Settings:
        """The settings that it was opened with."""
        return self._workspace.settings

    @property
    def generation(self) -> int | None:
        """Number of the generation that answers; None if none is open."""
        generation = self._workspace.live_index.generation
        return generation.number if generation else None

    @property
    def stale(self) -> str | None:
        """Why an older generation than the current one answers; None if the current one answers."""
        return self._workspace.live_index.note
