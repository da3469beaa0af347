"""The recommender: the methods that callers use, each a call of one function."""

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
from semrec.events.kinds import KindNames
from semrec.identifiers import AnyId, identifiers
from semrec.maintenance import Maintenance
from semrec.ranking.answer import impersonal_signals
from semrec.ranking.generation import Generation
from semrec.ranking.query import make_query
from semrec.ranking.user_profile import DeletedUser, UserProfile
from semrec.ranking.why_not import WhyNot
from semrec.store import Record, Store
from semrec.types import ChangeReport, Event, Float1D, Float2D, Item, ItemPatch, Recommendations, item_keys
from semrec.workspace.predictions import Predictions
from semrec.workspace.queries import answer_query, explain_absence, profile_of, recommend_to_all
from semrec.workspace.session import OpenWorkspace
from semrec.workspace.shared_workspaces import share_workspace

if TYPE_CHECKING:
    from semrec.evaluation.evaluate_recommender import EvaluationResult
    from semrec.events.append_report import AppendReport
    from semrec.events.event_columns import EventMapping
    from semrec.indexer.index_report import IndexReport
    from semrec.indexer.read import FieldMapping
    from semrec.indexer.rejects import Reject
    from semrec.learning.fit import FitReport
    from semrec.ranking.all_users import BatchReport


class Recommender(Predictions, Maintenance):
    """Recommends items of one workspace; see `Recommender.open`.

    Several threads may ask and change items at the same time. Each answer comes from one generation; if
    another one becomes current meanwhile, the next answers come from it within a second.
    """

    def __init__(
        self, folder: Path, settings: Settings, *, store: Store | None = None, encoder: Encoder | None = None
    ) -> None:
        """Use an open store or encoder; most callers want `Recommender.open`.

        Parameters
        ----------
        folder : the workspace.
        settings : of this recommender.
        store : None: the one that the settings and the workspace name.
        encoder : for indexing and for queries; None: the one that the settings name.
        """
        if store or encoder:
            super().__init__(OpenWorkspace(folder, settings, store=store, encoder=encoder))
        else:
            super().__init__(share_workspace(self, folder, settings))

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

        Recommenders of one workspace with equal settings share what is open in this process.

        Parameters
        ----------
        workspace : its folder; `index` makes it if it does not exist.
        qdrant : URL of a Qdrant server; None: the one that the workspace uses, else no server.
        model : sentence encoder: a hub name or a folder; None: the one of the index, or the bundled one for
            a new index.
        settings : all other settings; None: from the environment, see `Settings`.

        Raises
        ------
        ConfigError
            An environment variable has a wrong value.
        """
        return cls(Path(workspace), (settings or Settings()).using(qdrant=qdrant, model=model))

    def __enter__(self) -> Recommender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the answers that have begun, and close the index, so that another process can open it.

        The next call of this recommender, or of one that shares the workspace, opens it again.
        """
        self._workspace.close()

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
        """Bring the index up to date with a catalog: encode and write only the differences.

        Encoder, template and passage length stay, unless others are asked for. Items that are not in the
        catalog are kept. Many changes make a new generation, which answers when it is complete.

        Parameters
        ----------
        source : a file, a folder, an archive, a glob, `-` for standard input, or a list of them; a polars or
            pandas frame, an Arrow table, a data set of Hugging Face, a `SqlQuery`, or an iterable of `Item`
            or of dicts.
        mapping : which columns to read; missing parts are guessed and reported in the notes.
        format : csv, tsv, jsonl or parquet; None: by the name or the first bytes.
        sync : delete the items that are not in the catalog.
        allow_large_delete : with `sync`, delete them also if they are more than a fifth of the items.
        rebuild : build the index from this catalog alone, without earlier items and without `fit`'s models.
        progress : called with the number of rows just processed.
        announce : called with the opened catalog (its notes and number of rows) before the work starts.

        Raises
        ------
        CatalogError, EncoderError, StoreError, WorkspaceError
            The previous index still answers.
        """
        from semrec.workspace.indexing import IndexOptions, index

        options = IndexOptions(mapping, format, sync, allow_large_delete, rebuild, progress, announce)
        return index(self._workspace, source, options)

    def put_items(self, items: Iterable[Item | Mapping[str, Any]]) -> ChangeReport:
        """Write items; they can be found when this returns. Only new and changed texts are encoded.

        Parameters
        ----------
        items : `Item` objects, or dicts with `id` and optional `title`, `text` and `metadata`. An item
            replaces the one with its id as a whole; of several with the same id, the first one holds, as in a
            catalog. Types of fields become wider when a value needs it, see the notes.

        Returns
        -------
        ChangeReport
            Also why an item was refused, for instance because it has no text; all other items are written.

        Raises
        ------
        CatalogError
            There are items, and none of them can be written.
        WorkspaceError
            Nothing is indexed yet.
        """
        from semrec.workspace.indexing import put_items

        return put_items(self._workspace, items)

    def patch_items(self, patches: Iterable[ItemPatch | Mapping[str, Any]]) -> ChangeReport:
        """Change metadata of items, such as a price; texts stay, so nothing is encoded.

        Parameters
        ----------
        patches : `ItemPatch` objects, or dicts with `id` and `metadata`: new values by field. None removes
            the field, and so does a value that does not fit it, with a note; other fields stay.

        Returns
        -------
        ChangeReport
            Also the ids that are not in the index, and why a patch was refused.

        Raises
        ------
        CatalogError
            No patch can be written, for instance because its field is part of the encoded text.
        WorkspaceError
            Nothing is indexed yet.
        """
        from semrec.workspace.indexing import patch_items

        return patch_items(self._workspace, patches)

    def delete_items(self, item_ids: Iterable[AnyId]) -> ChangeReport:
        """Delete items from the index that answers; the report also lists the unknown ids."""
        from semrec.workspace.indexing import delete_items

        return delete_items(self._workspace, item_ids)

    # -- queries -----------------------------------------------------------------------------------

    def recommend(
        self,
        *,
        text: str | None = None,
        history: Iterable[AnyId | Event | Mapping[str, Any]] = (),
        user: AnyId | None = None,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        exclude: Iterable[AnyId] = (),
        exclude_seen: bool = True,
        diversity: float = 0.0,
        group: str | Mapping[str, int] | None = None,
        near_duplicates: str | None = None,
        weights: Mapping[str, float] | None = None,
        explain: bool = True,
        after: str | None = None,
        explore: float = 0.0,
        text_vector: Float1D | None = None,
    ) -> Recommendations:
        """Recommend items by a text, by a history, for a user, or by several: "like these, but about X".

        Parameters
        ----------
        text : a description of the wanted items.
        history : item ids, `Event` objects, or dicts with the fields of `Event`, oldest first.
        user : a user of the event log; the stored events come before `history`. Without a text and without
            events that count, the answer is what is popular after `fit`, and new with
            `RankingSettings.freshness_field`; else central items of its groups. The notes say which.
        k : number of recommendations, 1 to 1000.
        where : metadata filters, see `parse_where`.
        exclude : ids that are never recommended.
        exclude_seen : leave out what the user has used, also by events that do not count.
        diversity : in [0, 1]; 0: the best items, 1: the most different ones.
        group : a metadata field of whose values each has at most one place, over all pages; `brand=2`: two.
        near_duplicates : see `RankingSettings.near_duplicates`, which holds for None.
        weights : weights of signals, 0 to 1000, instead of those of `fit` or of the settings.
        explain : also return the reasons; without them an answer is a little faster.
        after : the next page of the same query: `Recommendations.next` of the last answer; None: the first.
        explore : share of the places for items with few events or none, which are marked as `explored`.
        text_vector : float32 (dim,), the row of `encode_texts` for `text`; None: encode the text now.

        Raises
        ------
        UnknownItemError, UnknownFieldError, QueryError
            No item of the history is in the index; a filter or an option does not fit.
        EncoderError
            The index was built with another encoder.
        """
        options = (k, where, exclude, exclude_seen, diversity, weights, explain, after)
        kinds = KindNames.of(self.settings.events)
        query = make_query(text, history, user, *options, group, near_duplicates, kinds, explore)
        return answer_query(self._workspace, query, text_vector)

    def recommend_many(
        self, users: Iterable[AnyId], *, explain: bool = False, **options: Any
    ) -> list[Recommendations]:
        """Recommend to some users; see `recommend` for one user, and `recommend_all` for all of them.

        Parameters
        ----------
        users : users of the event log.
        explain, options : as in `recommend`.

        Returns one answer for each user, in the order given: what `recommend(user=...)` returns.
        """
        return [self.recommend(user=user, explain=explain, **options) for user in identifiers(users, "users")]

    def similar(
        self,
        item_id: AnyId,
        *,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        diversity: float = 0.0,
        group: str | Mapping[str, int] | None = None,
        near_duplicates: str | None = None,
        after: str | None = None,
    ) -> Recommendations:
        """Recommend the items that are most similar to one item; options as in `recommend`.

        Signals that are the same for everyone, such as popularity, do not count.
        """
        weights = dict.fromkeys(impersonal_signals(), 0.0)
        options = (k, where, (), True, diversity, weights, True, after)
        query = make_query(None, [item_id], None, *options, group, near_duplicates)
        found = answer_query(self._workspace, query)
        return replace(found, query={"item": query.history[0].item_id, "k": k, "where": dict(query.where)})

    def why_not(
        self,
        item_id: AnyId,
        *,
        text: str | None = None,
        history: Iterable[AnyId | Event | Mapping[str, Any]] = (),
        user: AnyId | None = None,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        exclude: Iterable[AnyId] = (),
        exclude_seen: bool = True,
        diversity: float = 0.0,
        group: str | Mapping[str, int] | None = None,
        near_duplicates: str | None = None,
        weights: Mapping[str, float] | None = None,
        text_vector: Float1D | None = None,
    ) -> WhyNot:
        """Return the exact reason why an item is not in the answer of `recommend` for the same arguments.

        Raises
        ------
        QueryError
            As in `recommend`. An item that is not in the index is no error: the answer says so.
        """
        options = (k, where, exclude, exclude_seen, diversity, weights, True, None)
        kinds = KindNames.of(self.settings.events)
        query = make_query(text, history, user, *options, group, near_duplicates, kinds)
        return explain_absence(self._workspace, item_id, query, text_vector)

    def encode_texts(self, texts: Sequence[str]) -> Float2D:
        """Return the vectors of query texts, float32 (n, dim), rows of unit length, for `recommend`.

        Several texts together are faster. The latest vectors are kept, see `kept_text_vector`.
        """
        with self.reading() as generation:
            return self._workspace.encoders.text_vectors(texts, generation.manifest)

    def kept_text_vector(self, text: str) -> Float1D | None:
        """Return the vector of a query text, float32 (dim,), if it is kept; else None. Nothing is encoded."""
        generation = self._workspace.live_index.generation
        return self._workspace.encoders.kept_vector(text, generation.manifest) if generation else None

    @property
    def n_texts(self) -> int:
        """Number of query texts whose vectors are kept."""
        return self._workspace.encoders.n_texts

    # -- users -------------------------------------------------------------------------------------

    def user_profile(self, user: AnyId, *, recent: int = 20) -> UserProfile:
        """Return the interests of a user, with their central items, and the latest events.

        Parameters
        ----------
        user : a user; an unknown one has an empty profile.
        recent : number of latest events.
        """
        return profile_of(self._workspace, user, recent)

    def set_interests(self, user: AnyId, weights: Mapping[Any, float]) -> UserProfile:
        """Set how much interests of a user count, and return the profile.

        Parameters
        ----------
        user : a user of the event log.
        weights : by an item of each interest, from 0 to 10. 0: muted. 1: normal. 2: counts double.

        Raises
        ------
        QueryError
            A weight is out of range, or an item is in no interest of the user.
        """
        from semrec.workspace.users import set_interests

        set_interests(self._workspace, self.user_profile(user), weights)
        return self.user_profile(user)

    def delete_user(self, user: AnyId) -> DeletedUser:
        """Delete all events and preferences of a user, and return how many there were.

        The models of `fit` describe items. The next fit no longer knows the user.
        """
        from semrec.workspace.users import delete_user

        return delete_user(self._workspace, user)

    def recommend_all(
        self,
        output: str | Path,
        *,
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        group: str | Mapping[str, int] | None = None,
        near_duplicates: str | None = None,
        popular: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> BatchReport:
        """Recommend to every user of the event log, into one Parquet file.

        Every item of the catalog is scored for every user, as `recommend(user=...)` scores its candidates,
        without the items of the user's history. After a kill, a run with the same arguments continues. The
        file is written at the end. Changes of items wait until then; queries do not.

        Parameters
        ----------
        output : the file: user_id, rank, item_id, score, and the share of every signal.
        k : recommendations for each user, 1 to 1000; fewer if the catalog or the filters leave fewer.
        where, group, near_duplicates : as in `recommend`.
        popular : recommend to users without usable events what `recommend` gives them: popular, new or
            central items; False: leave these users out.
        progress : called with the number of finished users and the number of all users.

        Raises
        ------
        ConfigError, QueryError, StoreError
            The file cannot be written, another process writes it, the index holds no items, a filter or an
            option does not fit, there is no event log, or the store failed.
        """
        query = make_query(k=k, where=where, group=group, near_duplicates=near_duplicates)
        return recommend_to_all(self._workspace, Path(output), query, popular, progress)

    # -- events and learning -----------------------------------------------------------------------

    def add_events(
        self,
        source: Any,
        *,
        mapping: EventMapping | None = None,
        format: str | None = None,  # noqa: A002 - the word people use
        announce: Callable[[Any], None] | None = None,
        on_reject: Callable[[Reject], None] | None = None,
    ) -> AppendReport:
        """Add events to the log; events that are already in it change nothing.

        Parameters
        ----------
        source, format, announce : as in `index`.
        mapping : which columns to read; missing parts are guessed.
        on_reject : called with every row that is not an event.

        Returns
        -------
        AppendReport
            Also which rows were refused, and which stored events do not count, with reasons.

        Raises
        ------
        CatalogError, StoreError, WorkspaceError
            The source cannot be read, or the log cannot be written.
        """
        from semrec.workspace.training import add_events

        return add_events(self._workspace, source, mapping, format, announce, on_reject)

    def fit(self, *, seed: int = 0, progress: Callable[[str], None] | None = None) -> FitReport:
        """Learn from the event log; the new models answer when they are complete.

        Parameters
        ----------
        seed : of all random numbers; the same seed and events give the same models.
        progress : called with the name of each step.

        Raises
        ------
        ConfigError, StoreError
            The events are not enough to learn from, there is no event log, or the store failed.
        """
        from semrec.workspace.training import fit

        return fit(self._workspace, seed=seed, progress=progress)

    def check_evaluation(
        self,
        source: Any,
        catalog: Any,
        *,
        mapping: EventMapping | None = None,
        format: str | None = None,  # noqa: A002 - the word people use
        split: str = "random",
        seed: int = 42,
    ) -> None:
        """Raise what `evaluate` would raise after `catalog` was indexed; nothing is encoded or stored.

        Parameters
        ----------
        source, mapping, format, split, seed, catalog : as in `evaluate`, and as in `index`.
        """
        from semrec.workspace.preflight import check_evaluation

        check_evaluation(self._workspace, source, mapping, format, catalog, split, seed)

    def evaluate(
        self,
        source: Any,
        *,
        mapping: EventMapping | None = None,
        format: str | None = None,  # noqa: A002 - the word people use
        split: str = "random",
        k: int = 10,
        seed: int = 42,
        baselines: str = "quick",
        progress: Callable[[str], None] | None = None,
    ) -> EvaluationResult:
        """Measure the quality of the recommender on events, compared with baselines; nothing is stored.

        Parameters
        ----------
        source, mapping, format : events, as in `add_events`.
        split : how the test part is held out, see `semrec.evaluation.SPLITS`.
        k, seed : length of the lists; seed of the split and of all random numbers.
        baselines : what to compare with: "none", "quick", or "all", which takes minutes to hours more.
        progress : called with the name of each step.

        Raises
        ------
        ConfigError
            The split or the set of baselines is unknown, or the events are not enough.
        """
        from semrec.workspace.training import evaluate

        return evaluate(self._workspace, source, mapping, format, split, k, seed, baselines, progress)

    # -- the index ---------------------------------------------------------------------------------

    def items(self, item_ids: Iterable[AnyId]) -> list[Record]:
        """Return the stored fields of items, in the order given; unknown ids are left out."""
        keys = item_keys(dict.fromkeys(identifiers(item_ids, "item_ids")))
        with self._workspace.live_index.read() as generation:
            return generation.index.fetch(keys, records=True).records()

    def map(self) -> CatalogMap | None:
        """Return the map of the catalog; None if all items that it is drawn by are deleted."""
        with self._workspace.live_index.read() as generation:
            return draw_map(generation.index, generation.manifest)

    def places(self, item_ids: Iterable[AnyId]) -> Mapping[str, tuple[float, float]] | None:
        """Return x and y in [-1, 1] by id of items on the map, see `map`; unknown ids are left out."""
        with self._workspace.live_index.read() as generation:
            return place_items(generation.index, generation.manifest, identifiers(item_ids, "item_ids"))

    @contextmanager
    def reading(self) -> Iterator[Generation]:
        """Keep the generation that answers open, to read it; its items may change. `close` waits."""
        with self._workspace.live_index.pin() as handle:
            yield handle.generation

    def warm_up(self) -> None:
        """Open the index and load the encoder, so that the first answer is as fast as later ones.

        Raises
        ------
        EncoderError, StoreError, WorkspaceError
            Nothing is indexed yet, or it cannot be opened.
        """
        with self._workspace.live_index.read() as generation:
            self._workspace.encoders.text_vector("warm", generation.manifest)
