"""The recommender: the only place that knows the order of the steps.

question -> profile -> candidates of every signal -> terms -> blend -> diversify -> explain
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from semrec.catalog_map.map import CatalogMap, draw_map, place_items
from semrec.config import Settings
from semrec.encoder import Encoder
from semrec.ranking.answer import Asked, answer, impersonal_signals, why_not
from semrec.ranking.filters import parse_where
from semrec.ranking.generation import Generation
from semrec.ranking.query import Query, make_query
from semrec.ranking.threads import one_blas_thread
from semrec.ranking.user_profile import DeletedUser, UserProfile, describe_user
from semrec.ranking.why_not import WhyNot
from semrec.store import Record, Store
from semrec.types import ChangeReport, Event, Float1D, Item, Recommendations, item_keys
from semrec.workspace.session import OpenWorkspace
from semrec.workspace.users import preferences_of

if TYPE_CHECKING:
    from semrec.evaluation.evaluate_recommender import EvaluationResult
    from semrec.events.log import AppendReport, EventLog
    from semrec.indexer.event_mapping import EventMapping
    from semrec.indexer.index_report import IndexReport
    from semrec.indexer.read import FieldMapping
    from semrec.indexer.rejects import Reject
    from semrec.learning.fit import FitReport
    from semrec.ranking.all_users import BatchReport
    from semrec.workspace.generations import GenerationFacts


class Recommender:
    """Recommends items of one workspace; see `Recommender.open`.

    Several threads may ask at once, and change items. An answer comes from one generation, whatever becomes
    current meanwhile; the next ones follow within a second.
    """

    def __init__(
        self, folder: Path, settings: Settings, *, store: Store | None = None, encoder: Encoder | None = None
    ) -> None:
        """Most callers want `Recommender.open`; a store or an encoder of one's own goes in here."""
        self._workspace = OpenWorkspace(folder, settings, store=store, encoder=encoder)
        self._settings = settings

    @classmethod
    def open(
        cls,
        workspace: str | Path,
        *,
        qdrant: str | None = None,
        model: str | None = None,
        settings: Settings | None = None,
    ) -> Recommender:
        """Open a workspace; nothing is read or written before the first call.

        Parameters
        ----------
        workspace : folder; `index` makes it when it is not there.
        qdrant : URL of a Qdrant server; None: as the workspace says, else inside the workspace.
        model : sentence encoder for a new index: a hub name or a folder; None: the bundled one.
        settings : everything else; None: from the environment, see `Settings`.

        Raises
        ------
        ConfigError
            An environment variable has a value that does not fit.
        """
        return cls(Path(workspace), (settings or Settings()).using(qdrant=qdrant, model=model))

    def __enter__(self) -> Recommender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the index, so that another process can open it. Answers that have begun are finished."""
        self._workspace.close()

    def follow(self) -> bool:
        """Answer from the generation that is current now; return whether it is another one than before.

        Every question looks for itself, at most ten times a second (once, on a server), and the new
        generation is opened in the background. This opens it at once. When it cannot be opened the old
        one goes on answering, and the notes of answers say so.
        """
        return self._workspace.follow()

    # -- indexing ----------------------------------------------------------------------------------

    def index(
        self,
        source: Any,
        *,
        mapping: FieldMapping | None = None,
        format: str | None = None,  # noqa: A002 - the word people use
        sync: bool = False,
        allow_large_delete: bool = False,
        rebuild: bool = False,
        progress: Callable[[int], None] | None = None,
        announce: Callable[[Any], None] | None = None,
    ) -> IndexReport:
        """Bring the index up to date with a catalog: encode and write what differs, nothing else.

        What is not asked for (encoder, template, passage length) stays as the index has it. Items that the
        catalog does not name are kept. Many changes make a new generation, which answers when it is complete.

        Parameters
        ----------
        source : a file, a glob, `-` for standard input or a list of them; a polars or pandas frame, an
            Arrow table, or an iterable of `Item` or of dicts.
        mapping : which column is what; what it leaves open is guessed and reported in the notes.
        format : csv, tsv, jsonl or parquet; None: by the name or the first bytes.
        sync : delete the items that the catalog does not name.
        allow_large_delete : with `sync`, also delete more than a fifth of the items.
        rebuild : build the index from this catalog alone, whatever there is, without what `fit` learned.
        progress : hears of rows that are done with.
        announce : is given the opened catalog (notes, number of rows) before the work starts.

        Raises
        ------
        CatalogError, EncoderError, StoreError, WorkspaceError
            The previous index goes on answering.
        """
        from semrec.workspace.indexing import IndexOptions, index

        options = IndexOptions(mapping, format, sync, allow_large_delete, rebuild, progress, announce)
        return index(self._workspace, source, options)

    def put_items(self, items: Iterable[Item | Mapping[str, Any]]) -> ChangeReport:
        """Write items into the index that answers; they can be found at once.

        Only texts that are new or changed are encoded, and an item that is there just so is left alone.

        Parameters
        ----------
        items : `Item`s, or dicts with `id`, and `title`, `text`, `metadata` where there are any. An item
            replaces the one with its id as a whole; of several with the same id the last one holds.

        Raises
        ------
        CatalogError
            An item does not fit: its template gives no text, or a field has a value of another type. Nothing
            was written then.
        WorkspaceError
            Nothing is indexed yet.
        """
        from semrec.workspace.indexing import put_items

        return put_items(self._workspace, items)

    def delete_items(self, item_ids: Iterable[str]) -> ChangeReport:
        """Delete items from the index that answers; the report names the ids that were not there."""
        from semrec.workspace.indexing import delete_items

        return delete_items(self._workspace, item_ids)

    # -- generations --------------------------------------------------------------------------------

    def generations(self) -> list[GenerationFacts]:
        """Return all complete generations, the oldest first."""
        from semrec.workspace.generations import list_generations

        return list_generations(self._workspace)

    def rollback(self, generation: int | None = None) -> int:
        """Make an older generation current again; running processes follow. Return its number.

        Items that were put or deleted since are put and deleted there, too.

        Parameters
        ----------
        generation : its number; None: the one before the current one.

        Raises
        ------
        StoreError, WorkspaceError
            There is none, or it cannot answer. Nothing was changed.
        """
        from semrec.workspace.generations import rollback

        return rollback(self._workspace, generation)

    # -- asking ------------------------------------------------------------------------------------

    def recommend(
        self,
        *,
        text: str | None = None,
        history: Sequence[str | Event | Mapping[str, Any]] = (),
        user: str | None = None,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        exclude_seen: bool = True,
        diversity: float = 0.0,
        weights: Mapping[str, float] | None = None,
        explain: bool = True,
    ) -> Recommendations:
        """Recommend items by a text, by a history, for a user, or by several: "like these, but about X".

        Parameters
        ----------
        text : what is wanted, in words.
        history : item ids, `Event`s, or dicts with the fields of `Event`, oldest first.
        user : a user of the event log; the stored history comes before the given one. A user without any
            gets what is popular and, with `Settings.freshness_field`, new; the notes of the answer say so.
        k : how many, 1 to 1000.
        where : metadata filters, see `parse_where`.
        exclude : ids that are never recommended.
        exclude_seen : leave out the items of the history.
        diversity : in [0, 1]; 0 is the best items, 1 the most different ones.
        weights : weight of each signal, over those of the settings and of `fit`.
        explain : find out the reasons; without them an answer is a little faster.

        Returns
        -------
        Recommendations
            Best first; fewer than k when the filters leave fewer.

        Raises
        ------
        EmptyProfileError
            There is neither a text nor a history that says anything.
        UnknownItemError
            No item of the history is in the index.
        UnknownFieldError, QueryError
            A filter or an option does not fit.
        EncoderError
            The index was built with another encoder.
        """
        query = make_query(
            text=text,
            user=user,
            history=history,
            k=k,
            where=where,
            exclude=exclude,
            exclude_seen=exclude_seen,
            diversity=diversity,
            weights=weights,
            explain=explain,
        )
        return self._answer(query)

    def similar(
        self, item_id: str, *, k: int = 10, where: Mapping[str, Any] | None = None, diversity: float = 0.0
    ) -> Recommendations:
        """Recommend the items that are most like one item; options as in `recommend`.

        What is popular does not matter here.
        """
        weights = dict.fromkeys(impersonal_signals(), 0.0)
        query = Query(history=(Event(item_id),), k=k, where=where or {}, diversity=diversity, weights=weights)
        found = self._answer(query)
        return replace(found, query={"item": item_id, "k": k, "where": dict(where or {})})

    # -- the map -----------------------------------------------------------------------------------

    def map(self) -> CatalogMap | None:
        """Return the map of the catalog.

        None when the index was built before there were maps, or when all items that it was drawn by are gone.
        """
        with self._workspace.live_index.read() as generation:
            return draw_map(generation.index, generation.manifest)

    def places(self, item_ids: Sequence[str]) -> Mapping[str, tuple[float, float]] | None:
        """Return where items are on the map, x and y in [-1, 1] by id; unknown ids are left out.

        None as for `map`.
        """
        with self._workspace.live_index.read() as generation:
            return place_items(generation.index, generation.manifest, item_ids)

    def _asked(self, query: Query, generation: Generation) -> Asked:
        """Return a query with what is known of its user."""

        def encode(text: str) -> Float1D:
            return self._workspace.encoders.text_vector(text, generation.manifest)

        if query.user is None:
            return Asked(query, encode)
        return Asked(query, encode, self._events_of(query.user), preferences_of(self._workspace, query.user))

    def _events_of(self, user: str) -> list[Event]:
        return self.event_log(create=False).history(user, limit=self._settings.events.max_user_events)

    def _answer(self, query: Query) -> Recommendations:
        query.check()
        with one_blas_thread(), self._workspace.live_index.read() as generation:
            found = answer(self._asked(query, generation), generation)
        note = self._workspace.live_index.note
        return replace(found, notes=(*found.notes, note)) if note else found

    def why_not(self, item_id: str, **asked: Any) -> WhyNot:
        """Tell why an item is not among the recommendations, exactly.

        Parameters
        ----------
        item_id : the item.
        asked : the arguments of `recommend`.

        Raises
        ------
        QueryError
            As `recommend` does; an item that is not in the index is an answer, not an error.
        """
        query = make_query(**asked)
        query.check()
        with one_blas_thread(), self._workspace.live_index.read() as generation:
            return why_not(item_id, self._asked(query, generation), generation)

    # -- users -------------------------------------------------------------------------------------

    def user_profile(self, user: str, *, recent: int = 20) -> UserProfile:
        """Return what is known of a user: interests with their central items, and the latest events.

        Parameters
        ----------
        user : a user; an unknown one has an empty profile.
        recent : latest events to tell.
        """
        with self._workspace.live_index.read() as generation:
            preferences = preferences_of(self._workspace, user)
            return describe_user(user, self._events_of(user), preferences, generation, recent=recent)

    def set_interests(self, user: str, weights: Mapping[str, float]) -> UserProfile:
        """Set how much interests of a user count, and return the profile.

        Parameters
        ----------
        user : a user of the event log.
        weights : by an item of each interest: 0 mutes it, 1 is as usual, 2 counts double.

        Raises
        ------
        QueryError
            A weight is no number from 0 to 10, or an item is not in the user's history.
        """
        from semrec.workspace.users import set_interests

        set_interests(self._workspace, self.user_profile(user), weights)
        return self.user_profile(user)

    def delete_user(self, user: str) -> DeletedUser:
        """Delete all that is stored of a user, and return what it was.

        What `fit` learned holds no user: items are described, and users only by their history.
        """
        from semrec.workspace.users import delete_user

        return delete_user(self._workspace, user)

    def _preferences(self, user: str) -> dict[str, float]:
        from semrec.workspace.users import preferences_of

        return preferences_of(self._workspace, user)

    # -- everybody ---------------------------------------------------------------------------------

    def recommend_all(
        self,
        output: str | Path,
        *,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        popular: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> BatchReport:
        """Recommend to every user of the event log, into one Parquet file.

        Every item of the catalog is scored for every user, as `recommend(user=...)` scores its candidates;
        items of the user's history are left out. A run that was killed goes on where it stopped when it is
        started again with the same arguments; until all is done the file is not there, or is the old one.
        Changes of items wait until the end, questions do not.

        Parameters
        ----------
        output : the file: user_id, rank, item_id, score, and the share of every signal.
        k : recommendations for each user, 1 to 1000; fewer where the catalog or the filters leave fewer.
        where : metadata filters, see `parse_where`.
        popular : users without events that say anything get what is popular; else they are left out. Before
            the first `fit` nothing is known to be popular.
        progress : hears how many users are done with, and of how many.

        Raises
        ------
        ConfigError
            The file cannot be written, or another process is writing it; or the index holds no items.
        QueryError
            A filter or an option does not fit.
        StoreError
            There is no event log, or the store failed.
        """
        from semrec.ranking.all_users import Batch, recommend_all

        Query(k=k).check()
        events = self.event_log(create=False)
        with self._workspace.write_lock, self._workspace.live_index.pin() as handle, one_blas_thread():
            generation = handle.generation
            batch = Batch(k, parse_where(where, generation.manifest.fields), popular)
            return recommend_all(generation, events, Path(output), batch, progress)

    # -- learning ----------------------------------------------------------------------------------

    def add_events(
        self,
        source: Any,
        *,
        mapping: EventMapping | None = None,
        format: str | None = None,  # noqa: A002 - the word people use
        announce: Callable[[Any], None] | None = None,
        on_reject: Callable[[Reject], None] | None = None,
    ) -> AppendReport:
        """Add events to the log; what is there already changes nothing.

        Parameters
        ----------
        source : a file, a glob, `-` or a list of them; a frame, or an iterable of dicts.
        mapping : which column is what; what it leaves open is guessed.
        format : csv, tsv, jsonl or parquet; None: by the name or the first bytes.
        announce : is given the opened source (its notes) before the work starts.
        on_reject : is given every row that is no event.

        Raises
        ------
        CatalogError, StoreError, WorkspaceError
            The source cannot be read, or the log cannot be written.
        """
        from semrec.workspace.training import add_events

        return add_events(
            self._workspace, source, mapping=mapping, format=format, announce=announce, on_reject=on_reject
        )

    def fit(self, *, seed: int = 0, progress: Callable[[str], None] | None = None) -> FitReport:
        """Learn from the event log; the new models answer when they are complete, not before.

        Parameters
        ----------
        seed : of everything random; the same seed and events give the same models.
        progress : hears of each step, in words.

        Raises
        ------
        ConfigError
            There is nothing to learn from.
        StoreError
            There is no event log, or the store failed.
        """
        from semrec.workspace.training import fit

        return fit(self._workspace, seed=seed, progress=progress)

    def evaluate(
        self,
        source: Any,
        *,
        mapping: EventMapping | None = None,
        split: str = "random",
        k: int = 10,
        seed: int = 42,
        with_baselines: bool = True,
        progress: Callable[[str], None] | None = None,
    ) -> EvaluationResult:
        """Measure the recommender on events, next to the baselines; nothing is stored.

        Parameters
        ----------
        source, mapping : events, as in `add_events`.
        split : how the test part is held out, see `semrec.evaluation.SPLITS`.
        k : length of the lists.
        seed : of the split and of everything learned.
        with_baselines : compare with all methods that run here.
        progress : hears of each step, in words.
        """
        from semrec.workspace.training import evaluate

        return evaluate(
            self._workspace,
            source,
            mapping=mapping,
            split=split,
            k=k,
            seed=seed,
            with_baselines=with_baselines,
            progress=progress,
        )

    def event_log(self, *, create: bool = True) -> EventLog:
        """Return the event log; it stays open as long as the recommender, and any thread may use it.

        Parameters
        ----------
        create : make one when there is none.

        Raises
        ------
        StoreError
            There is none, or it cannot be used.
        """
        return self._workspace.event_log(create=create)

    def items(self, item_ids: Sequence[str]) -> list[Record]:
        """Return what is stored of items, in the order given; ids that are not in the index are left out."""
        keys = item_keys(dict.fromkeys(item_ids))
        with self._workspace.live_index.read() as generation:
            return generation.index.records(keys[generation.index.contains(keys)])

    def warm_up(self) -> None:
        """Open the index and load the encoder, so that the first question is answered as fast as others.

        Raises
        ------
        EncoderError, StoreError, WorkspaceError
            There is nothing that could answer yet.
        """
        with self._workspace.live_index.read() as generation:
            self._workspace.encoders.text_vector("warm", generation.manifest)

    def info(self) -> dict[str, Any]:
        """Return what the workspace holds, as plain values."""
        from semrec.workspace.generations import describe

        return describe(self._workspace)

    @property
    def folder(self) -> Path:
        """The folder of the workspace."""
        return self._workspace.folder

    @property
    def settings(self) -> Settings:
        """The settings that it was opened with."""
        return self._settings

    @property
    def generation(self) -> int | None:
        """Number of the generation that answers; None while none is open."""
        generation = self._workspace.live_index.generation
        return generation.number if generation else None

    @property
    def stale(self) -> str | None:
        """Why an older generation answers than the current one, in words; None: it does not."""
        return self._workspace.live_index.note

    @property
    def n_texts(self) -> int:
        """Texts of questions whose vectors are kept."""
        return self._workspace.encoders.n_texts

    # -- parts --------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Generation]:
        """Keep the generation that answers open, to look into its index, its signals and its manifest.

        Its items may change meanwhile. `close` waits until the context ends.
        """
        with self._workspace.live_index.pin() as handle:
            yield handle.generation

    def encode_texts(self, texts: Sequence[str]) -> None:
        """Encode texts of questions together and keep their vectors; asking with them is fast then."""
        with self.reading() as generation:
            self._workspace.encoders.text_vectors(texts, generation.manifest)

    def has_text(self, text: str) -> bool:
        """Tell whether the vector of a text of a question is kept."""
        generation = self._workspace.live_index.generation
        return generation is not None and self._workspace.encoders.keeps(text, generation.manifest)
