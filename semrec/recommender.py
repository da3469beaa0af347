"""The recommender: the only place that knows the order of the steps.

question -> profile -> candidates of every signal -> terms -> blend -> diversify -> explain
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from semrec.config import Settings, load_settings
from semrec.encoder import Encoder, load_encoder
from semrec.errors import EmptyProfileError, EncoderError, QueryError, WorkspaceError
from semrec.generation import (
    Generation,
    choose,
    explained,
    find_candidates,
    known_history,
    name_interests,
    open_generation,
    plain,
)
from semrec.profile import find_interests
from semrec.signals import Question
from semrec.signals.text import unit_rows
from semrec.store import Manifest, Store, open_store
from semrec.types import Event, Float1D, Recommendations, item_keys
from semrec.where import parse_where
from semrec.workspace import Workspace, find_workspace, make_workspace

if TYPE_CHECKING:
    from indexer.pipeline import IndexReport
    from indexer.read import FieldMapping

MOST_RECOMMENDATIONS = 1000


class Recommender:
    """Recommends items of one workspace; see `Recommender.open`.

    Not safe for use by several threads at once.
    """

    def __init__(
        self, folder: Path, settings: Settings, *, store: Store | None = None, encoder: Encoder | None = None
    ) -> None:
        """Most callers want `Recommender.open`; a store or an encoder of one's own goes in here."""
        self._folder = folder
        self._settings = settings
        self._store = store
        self._encoder = encoder
        self._generation: Generation | None = None

    @classmethod
    def open(
        cls, workspace: str | Path, *, qdrant: str | None = None, model: str | None = None, **settings: object
    ) -> Recommender:
        """Open a workspace; nothing is read or written before the first call.

        Parameters
        ----------
        workspace : folder; `index` makes it when it is not there.
        qdrant : URL of a Qdrant server; None: as the workspace says, else inside the workspace.
        model : sentence encoder for a new index: a hub name or a folder; None: the bundled one.
        settings : any other field of `Settings`.

        Raises
        ------
        ConfigError
            A setting is unknown or does not fit.
        """
        return cls(Path(workspace), load_settings(qdrant=qdrant, model=model, **settings))

    def __enter__(self) -> Recommender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the index, so that another process can open it."""
        if self._generation:
            self._generation.index.close()
        if self._store:
            self._store.close()
        self._generation = self._store = None

    # -- indexing ----------------------------------------------------------------------------------

    def index(
        self,
        source: Any,
        *,
        mapping: FieldMapping | None = None,
        format: str | None = None,  # noqa: A002 - the word people use
        progress: Callable[[int], None] | None = None,
        announce: Callable[[Any], None] | None = None,
    ) -> IndexReport:
        """Build a new generation from a catalog and make it current.

        Parameters
        ----------
        source : a file, a glob, `-` for standard input or a list of them; a polars or pandas frame, an
            Arrow table, or an iterable of `Item` or of dicts.
        mapping : which column is what; what it leaves open is guessed and reported in the notes.
        format : csv, tsv, jsonl or parquet; None: by the name or the first bytes.
        progress : hears of rows that are done with.
        announce : is given the opened catalog (notes, number of rows) before the work starts.

        Raises
        ------
        CatalogError, EncoderError, StoreError, WorkspaceError
            Nothing was changed: the previous index goes on answering.
        """
        from indexer.pipeline import index_catalog
        from indexer.read import FieldMapping, open_catalog

        catalog = open_catalog(
            source, mapping or FieldMapping(), format=format, max_text_bytes=self._settings.max_text_bytes
        )
        if announce:
            announce(catalog)
        workspace = self._make_workspace()
        report = index_catalog(
            catalog,
            self._index_encoder(),
            self._open_store(workspace),
            rejects=workspace.rejects,
            passage_tokens=self._settings.passage_tokens,
            progress=progress,
        )
        if self._generation:
            self._generation.index.close()
            self._generation = None
        return report

    def _make_workspace(self) -> Workspace:
        remembered = None
        if (self._folder / "semrec.json").exists():
            remembered = find_workspace(self._folder)
        qdrant = self._settings.qdrant or (remembered.qdrant if remembered else None)
        collection = self._settings.collection or (remembered.collection if remembered else None)
        return make_workspace(self._folder, qdrant=qdrant, collection=collection)

    def _index_encoder(self) -> Encoder:
        """Return the encoder for a new generation: the one asked for, which may differ from before."""
        wanted = self._settings.model or "bundled"
        if self._encoder is None or self._encoder.name != wanted:
            self._encoder = load_encoder(wanted, self._settings)
        return self._encoder

    def _open_store(self, workspace: Workspace) -> Store:
        if self._store is None:
            settings = self._settings.model_copy(
                update={
                    "qdrant": self._settings.qdrant or workspace.qdrant,
                    "collection": self._settings.collection or workspace.collection,
                }
            )
            self._store = open_store(settings, workspace.folder)
        return self._store

    # -- asking ------------------------------------------------------------------------------------

    def recommend(
        self,
        *,
        text: str | None = None,
        history: Sequence[str | Event | Mapping[str, Any]] = (),
        k: int = 10,
        where: Mapping[str, Any] | None = None,
        exclude: Sequence[str] = (),
        exclude_seen: bool = True,
        diversity: float = 0.0,
        weights: Mapping[str, float] | None = None,
        explain: bool = True,
    ) -> Recommendations:
        """Recommend items by a text, by a history, or by both: "like these, but about X".

        Parameters
        ----------
        text : what is wanted, in words.
        history : item ids, `Event`s, or dicts with the fields of `Event`, oldest first.
        k : how many, 1 to 1000.
        where : metadata filters, see `parse_where`.
        exclude : ids that are never recommended.
        exclude_seen : leave out the items of the history.
        diversity : in [0, 1]; 0 is the best items, 1 the most different ones.
        weights : weight of each signal, over those of the settings.
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
        _check_options(k, diversity)
        generation = self._open_generation()
        index = generation.index
        conditions = parse_where(where, generation.manifest.fields)
        text = text.strip() if text else None
        if isinstance(history, str):
            raise QueryError(f"a history is a list of items, not one string; write history=[{history!r}].")
        events = [_event(entry) for entry in history]
        known = known_history(events, index, self._settings)
        if not text and not np.any(known.weights):
            raise EmptyProfileError("there is no text and no history; give at least one of them.")
        centred = generation.text_signal.centred(known.keys)
        question = Question(
            text=text,
            text_vector=self._encode_text(text, generation.manifest) if text else None,
            history=known.keys,
            weights=known.weights,
            interests=find_interests(centred, known.weights, self._settings.max_interests),
            limit=max(self._settings.candidates, 2 * k),
        )
        candidates = find_candidates(
            [query for signal in generation.signals for query in signal.ask(question)],
            index,
            where=conditions,
            hidden=item_keys([*exclude, *(known.item_ids if exclude_seen else ())]),
            weights=self._weights(weights or {}),
        )
        chosen = choose(candidates, k, diversity, generation.text_signal)
        asked = {"text": text, "history": [event.item_id for event in events], "k": k}
        return Recommendations(
            query={**asked, "where": dict(where or {}), "exclude": list(exclude), "diversity": diversity},
            recommendations=explained(chosen, candidates, question, known, index)
            if explain
            else plain(chosen, candidates, index),
            interests=name_interests(known, question.interests, centred, index) if explain else (),
            unknown_items=known.unknown,
        )

    def similar(
        self, item_id: str, *, k: int = 10, where: Mapping[str, Any] | None = None, diversity: float = 0.0
    ) -> Recommendations:
        """Recommend the items that are most like one item; options as in `recommend`."""
        found = self.recommend(history=[item_id], k=k, where=where, diversity=diversity)
        return replace(found, query={"item": item_id, **{name: found.query[name] for name in ("k", "where")}})

    def info(self) -> dict[str, Any]:
        """Return what the workspace holds, as plain values."""
        workspace = find_workspace(self._folder)
        store = self._open_store(workspace)
        current = store.current()
        facts: dict[str, Any] = {
            "workspace": str(self._folder),
            "store": store.describe(),
            "current": current,
        }
        if current is None:
            return facts
        manifest = store.manifest(current)
        return {
            **facts,
            "generations": store.generations(),
            "items": manifest.n_items,
            "passages": manifest.n_passages,
            "encoder": manifest.encoder,
            "encoder_fingerprint": manifest.encoder_fingerprint,
            "dimension": manifest.dimension,
            "template": manifest.template,
            "fields": dict(manifest.fields),
            "built_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(manifest.built_at)),
        }

    # -- parts --------------------------------------------------------------------------------------

    def _open_generation(self) -> Generation:
        if self._generation is None:
            store = self._open_store(find_workspace(self._folder))
            current = store.current()
            if current is None:
                raise WorkspaceError(
                    f"nothing is indexed in {str(self._folder)!r} yet. "
                    f"Run: semrec index CATALOG --workspace {self._folder}"
                )
            self._generation = open_generation(store, current, self._settings)
        return self._generation

    def _encode_text(self, text: str, manifest: Manifest) -> Float1D:
        """Return the text's vector; a text too long for the encoder is cut, and its pieces are averaged."""
        from indexer.chunk import Chunker

        encoder = self._query_encoder(manifest)
        pieces = Chunker(encoder).split([text])[0]
        return unit_rows(encoder.encode_queries(pieces).mean(axis=0, keepdims=True))[0]

    def _query_encoder(self, manifest: Manifest) -> Encoder:
        if self._encoder is None or self._encoder.fingerprint != manifest.encoder_fingerprint:
            self._encoder = load_encoder(self._settings.model or manifest.encoder, self._settings)
        if self._encoder.fingerprint != manifest.encoder_fingerprint:
            raise EncoderError(
                f"the index was built with the encoder {manifest.encoder!r} "
                f"({manifest.encoder_fingerprint[:12]}), but {self._encoder.name!r} is "
                f"{self._encoder.fingerprint[:12]}: their vectors cannot be compared. "
                "Ask with the same encoder, or index again with this one."
            )
        return self._encoder

    def _weights(self, given: Mapping[str, float]) -> dict[str, float]:
        weights = {**self._settings.signal_weights, **given}
        unknown = set(given) - set(self._settings.signal_weights)
        if unknown or any(not 0 <= weight < float("inf") for weight in weights.values()):
            raise QueryError(
                f"weights are numbers of 0 or more for the signals "
                f"{', '.join(sorted(self._settings.signal_weights))}; got {dict(given)}."
            )
        return weights


def _check_options(k: int, diversity: float) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST_RECOMMENDATIONS:
        raise QueryError(
            f"k is how many to recommend, a whole number from 1 to {MOST_RECOMMENDATIONS}; got {k!r}."
        )
    if isinstance(diversity, bool) or not isinstance(diversity, int | float) or not 0 <= diversity <= 1:
        raise QueryError(f"diversity is a number from 0 to 1; got {diversity!r}.")


def _event(entry: str | Event | Mapping[str, Any]) -> Event:
    if isinstance(entry, Event):
        return entry
    if isinstance(entry, str):
        return Event(entry)
    try:
        return Event(**entry)
    except TypeError as error:
        raise QueryError(
            f"cannot read the history entry {entry!r}: give an item id, or item_id with kind, value and time."
        ) from error
