"""The interface of a store, the same for every engine.

A `Store` holds the generations of one shop. A generation is an `Index`: points, one per item, each with named
vectors, passages and metadata. Readers use the current generation; a build makes the next one beside it, and
`Store.make_current` switches in one atomic step.

Engines raise `StoreError`, and bigger scores are better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from pydantic import ConfigDict

from semrec.errors import StoreDamagedError
from semrec.store.text_values import TextValues
from semrec.types import Condition, Float1D, Float2D, Keys, Precision, Value
from semrec.version import __version__

TEXT = "text"
"""Name of the dense vector that every item has: its text."""
PASSAGES = "passages"
"""Name of the multi-vector of every item: one row a passage."""
LONG = "long"
"""Name of the same multi-vector, which is searched, of items with more than one passage."""


@dataclass(frozen=True, slots=True)
class VectorField:
    """One named vector of every point.

    Parameters
    ----------
    name : such as `text`.
    kind : `dense`; `sparse`; or `multi` (one dense vector per passage).
    dimension : length of the vectors; 0 for sparse.
    distance : `cosine` or `dot`; sparse vectors are compared by dot product.
    idf : sparse only: the query is weighted by inverse document frequency.
    max_entries : sparse only: most entries of one item, so that `Index.sparse_rows` can read it; 0: no limit.
    quantized : dense only: searched in int8, one byte a number; hits are scored again by the exact vectors,
        which stay on the disk. Scores are exact; a near item may be missed.
    searched : False if it is only read, so that no search graph is built. A search of a `multi` field scores
        an item by its best row.
    """

    name: str
    kind: Literal["dense", "sparse", "multi"]
    dimension: int = 0
    distance: Literal["cosine", "dot"] = "cosine"
    idf: bool = False
    max_entries: int = 0
    quantized: bool = False
    searched: bool = True


OVERSAMPLING = 2.0
"""A search in int8 finds this many times the hits that it returns, and scores them again."""


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Non-zero entries: uint32 indices (n,), unique, and float32 values (n,)."""

    indices: np.ndarray
    values: Float1D


@dataclass(frozen=True, slots=True)
class SparseRows:
    """Sparse vectors side by side: uint32 indices and float32 values, both (n, max_entries).

    An entry with value 0 is unused.
    """

    indices: np.ndarray
    values: Float2D


Vector: TypeAlias = "Float1D | Float2D | SparseVector"
"""dense (dim,), multi (n_passages, dim), or sparse."""


@dataclass(frozen=True, slots=True)
class Record:
    """The data of an item besides its vectors.

    Parameters
    ----------
    item_id, title : the item.
    passages : texts of its passages, in order; row p of the multi-vector `passages` belongs to passage p.
    metadata : fields for filters.
    content_hash : changes when the encoded text changes.
    """

    item_id: str
    title: str
    passages: tuple[str, ...] = ()
    metadata: Mapping[str, Value] = field(default_factory=dict)
    content_hash: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """An item as it is stored: its record and its vectors by name."""

    record: Record
    vectors: Mapping[str, Vector]


@dataclass(frozen=True, slots=True)
class Search:
    """The nearest items to one query vector.

    Parameters
    ----------
    vector_name : a dense or sparse field of the index.
    query : dense (dim,) or sparse.
    limit : at most so many hits.
    where : conditions that all must hold.
    exclude : keys never returned.
    with_vector : each hit brings its vector of the searched field.
    """

    vector_name: str
    query: Float1D | SparseVector
    limit: int
    where: tuple[Condition, ...] = ()
    exclude: Keys = field(default_factory=lambda: np.empty(0, np.uint64))
    with_vector: bool = False


@dataclass(frozen=True, slots=True)
class ScoreQuery:
    """One query whose exact score is asked for given items.

    Parameters
    ----------
    vector_name : a dense or sparse field of the index.
    query : dense (dim,) or sparse.
    """

    vector_name: str
    query: Float1D | SparseVector


@dataclass(frozen=True, slots=True)
class Hits:
    """The answer to a search, best first.

    Parameters
    ----------
    keys : uint64 (n,).
    scores : float32 (n,).
    vectors : for every hit its vector of the searched field; None unless the search asked for it.
    """

    keys: Keys
    scores: Float1D
    vectors: tuple[Vector, ...] | None = None


FieldType: TypeAlias = Literal["keyword", "integer", "float", "bool"]
"""Type of a metadata field; a keyword field may hold several values."""


MANIFEST_VERSION = 3
"""Version of the stored format. 2: vectors have the names of today's signals. 3: there are checksums."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a generation: how it was built, and what it holds.

    Parameters
    ----------
    encoder : name (hub name, path or `bundled`) of the sentence encoder.
    encoder_fingerprint : hash of the encoder's weights, tokenizer and configuration, and its precision.
    dimension : length of the text vectors.
    query_prompt, document_prompt : prefixes of the encoded texts.
    template : the text of an item that is encoded, with the names of fields in braces.
    vectors : the named vectors of every point.
    fields : type of every metadata field.
    text_mean : mean of all text vectors, `dimension` floats.
    n_items, n_passages : counts at the end of the build.
    built_at : unix seconds.
    models : settings of the models that `fit` learned; empty before the first fit.
    passage_tokens : longest passage, in tokens; None: the limit of the encoder.
    journal : number of the last change of the journal that it contains, see `semrec.events.item_changes`.
    n_changes : items written or deleted in place since the build; `text_mean` is not updated by them.
    landmarks : key and position (x, y) of the items that define the map of the catalog, see
        `semrec.catalog_map.layout`; empty if the generation has no map.
    precision : number type of the encoder's arithmetic.
    set_aside : key of each item of the journal that this generation can never hold, and the reason in words.
    separators : between the values of lists in texts of its catalog, by field.
    decimal_commas : fields whose numbers are written with decimal commas in its catalog.
    unknown_tokens : share of the tokens of a sample of the texts that the encoder does not know.
    languages : share of these texts by language, where the encoder reads one language only.
    average_words : words of an average passage, for BM25; None: 64, as in indexes before it was measured.
    arrays : numbers of the models, by name; stored beside the JSON of the manifest, and not compared by `==`.
    semrec : version of semrec that built it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True)  # for the arrays

    encoder: str
    encoder_fingerprint: str
    dimension: int
    query_prompt: str
    document_prompt: str
    template: str
    vectors: tuple[VectorField, ...]
    fields: Mapping[str, FieldType]
    text_mean: tuple[float, ...] = ()
    n_items: int = 0
    n_passages: int = 0
    built_at: float = 0.0
    models: Mapping[str, object] = field(default_factory=dict)
    precision: Precision = "float32"
    version: int = MANIFEST_VERSION
    passage_tokens: int | None = None
    journal: int = 0
    n_changes: int = 0
    landmarks: tuple[tuple[int, float, float], ...] = ()
    set_aside: tuple[tuple[int, str], ...] = ()
    separators: Mapping[str, str] = field(default_factory=dict)
    decimal_commas: tuple[str, ...] = ()
    unknown_tokens: float = 0.0
    languages: Mapping[str, float] = field(default_factory=dict)
    average_words: float | None = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)
    semrec: str = __version__


class Items(Protocol):
    """What an index holds of some items: row n of every answer belongs to `keys[n]`.

    Only what `Index.fetch` was asked for can be read; anything else is a `StoreError`.

    Attributes
    ----------
    keys : uint64 (n,), those of the given keys that the index holds, in the given order.
    """

    keys: Keys

    def vectors(self, vector_name: str) -> Float2D:
        """Return dense vectors, float32 (n, dim). Raises KeyError for an item without one."""

    def sparse_vectors(self, vector_name: str) -> list[SparseVector]:
        """Return sparse vectors (empty where an item has none)."""

    def sparse_rows(self, vector_name: str) -> SparseRows:
        """Return the sparse vectors of a field with `max_entries` as two arrays, filled up with zeros."""

    def records(self, places: Sequence[int] | None = None) -> list[Record]:
        """Return the records of the items at these places; None: of all."""

    def passage_vectors(self, places: Sequence[int]) -> list[Float2D]:
        """Return the multi-vector `passages` of the items at these places, each float32 (n_passages, dim)."""


class EditableIndex(Protocol):
    """The part of an index that changes of single items need; see `Index`."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; each replaces the one of the same item id as a whole."""

    def update_records(self, records: Sequence[Record]) -> None:
        """Replace the records of items that are there; their vectors stay."""

    def delete(self, keys: Keys) -> None:
        """Delete points; unknown keys are ignored."""

    def add_fields(self, fields: Mapping[str, FieldType]) -> None:
        """Index metadata fields for filters; fields that are indexed already change nothing."""

    def retype_fields(self, fields: Mapping[str, FieldType]) -> None:
        """Index metadata fields that are indexed again, as fields of other types."""

    def search(self, searches: Sequence[Search]) -> list[Hits]:
        """Answer a batch of searches, in order."""

    def fetch(self, keys: Keys, vectors: Sequence[str] = (), *, records: bool = False) -> Items:
        """Return what the index holds of some items, in one request; keys that are not there are left out.

        Parameters
        ----------
        keys : uint64 (n,).
        vectors : names of the vectors that can be read from the result: dense, sparse, or `passages`.
        records : whether records can be read from it.
        """

    def contains(self, keys: Keys) -> np.ndarray:
        """Return bool (n,): which keys the index holds."""

    def records(self, keys: Keys) -> list[Record]:
        """Return the records. Raises KeyError for a key that is not there."""

    def points(self, keys: Keys) -> list[Point]:
        """Return points with all vectors. Raises KeyError for a key that is not there."""

    def sample(self, n_items: int) -> Keys:
        """Return the `n_items` smallest keys, ascending: a fixed random sample of the catalog."""

    def count(self) -> int:
        """Return the number of items."""


@runtime_checkable
class Index(EditableIndex, Protocol):
    """One generation: points that can be written, searched and read.

    Where a method takes keys and returns rows, row n belongs to key n.
    """

    def require_writable(self) -> None:
        """Raise `StoreError` if the index cannot be changed."""

    def scores(self, queries: Sequence[ScoreQuery], keys: Keys) -> Float2D:
        """Return the exact score of every given item by every query, in one request.

        Parameters
        ----------
        queries : in a cosine field a query is scaled to unit length.
        keys : uint64 (n,); beyond 5,000 there are several requests.

        Returns
        -------
        float32 (n_queries, n). By a dense query an item that is not there, or has no such vector, scores NaN;
        by a sparse query an item without a common index, or that is not there, scores 0.
        """

    def metadata_values(self, field: str, keys: Keys) -> list[Value | None]:
        """Return one metadata field of every item, in one request; None where it has none or is not there."""

    def text_values(self, field: str) -> TextValues:
        """Return the different texts of a metadata field, with the number of items of each.

        They are kept in memory; another process that writes is noticed after some seconds.
        """

    def vectors(self, vector_name: str, keys: Keys) -> Float2D:
        """Return dense vectors, float32 (n, dim). Raises KeyError for a key that is not there."""

    def sparse_vectors(self, vector_name: str, keys: Keys) -> list[SparseVector]:
        """Return sparse vectors (empty where an item has none)."""

    def sparse_rows(self, vector_name: str, keys: Keys) -> SparseRows:
        """Return the sparse vectors of a field with `max_entries` as two arrays, filled up with zeros."""

    def passage_vectors(self, keys: Keys) -> list[Float2D]:
        """Return the multi-vector `passages` of every item, each float32 (n_passages, dim)."""

    def scan(self, batch_items: int = 1000) -> Iterator[list[Point]]:
        """Yield all points with all vectors, in order of keys."""

    def point_faults(self) -> Iterator[tuple[Record, list[str]]]:
        """Yield every record, with what is wrong with its point by its checksums; all points are read."""

    def row_faults(self) -> Iterator[str]:
        """Yield what is wrong with copies of the vectors outside of the engine, if the index has some."""

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Return the number of items that meet all conditions."""

    def close(self) -> None:
        """Release the index; it cannot be used afterwards."""


class Store(Protocol):
    """The generations of one shop. Numbers grow; 0 is never used.

    Attributes
    ----------
    keep : number of complete generations that a build leaves, at least 2.
    only_grows : a generation keeps what was replaced or deleted in it, until it is built again.
    """

    keep: int
    only_grows: bool

    def describe(self) -> str:
        """Return where the store is, for messages."""

    def generations(self) -> list[int]:
        """Return the numbers of all complete generations, ascending."""

    def current(self) -> int | None:
        """Return the number of the generation that answers; None before the first build."""

    def named(self) -> int | None:
        """Return the same as `current`, but None where that is an error."""

    def manifest(self, generation: int) -> Manifest:
        """Return the manifest of a complete generation."""

    def create(self, vectors: Sequence[VectorField], key: str = "") -> tuple[int, Index]:
        """Start the next generation, invisible to readers; dead builds are removed before.

        It is empty, unless the store has kept a dead build of the same key: then that one is continued.

        Parameters
        ----------
        vectors : the named vectors of every point.
        key : equal for builds that write the same point for the same text; empty: for no other build.
        """

    def complete(self, generation: int, index: Index, manifest: Manifest) -> None:
        """Finish a build: close the index, optimize it, check its count, write its manifest."""

    def open(self, generation: int) -> Index:
        """Open a complete generation for reading and writing."""

    def damaged(self, generation: int, reason: str) -> StoreDamagedError:
        """Return the error for a damaged generation; it names the commands that help."""

    def rewrite_manifest(self, generation: int, manifest: Manifest) -> None:
        """Replace the manifest of a complete generation, in one atomic step."""

    def borrow(self, generation: int) -> Index:
        """Open a complete generation for reading, even while another process owns it."""

    def owner(self, generation: int) -> str | None:
        """Return which process owns a generation, in words; None if none does."""

    def builder(self) -> str | None:
        """Return which process on another machine builds a generation, in words; None if none does."""

    def incomplete(self) -> dict[int, str | None]:
        """Return the builds that are not complete: the process that is building, in words; None if dead."""

    def remove_dead(self) -> None:
        """Remove what builds have left whose processes have ended."""

    def size(self, generation: int) -> int | None:
        """Return the bytes that a generation takes on the disk, also of a dead build; None if not known."""

    def make_current(self, generation: int) -> None:
        """Let readers use this generation, in one atomic step."""

    def drop(self, generation: int) -> None:
        """Remove a generation that is not current."""

    def close(self) -> None:
        """Release the resources of the store itself; open indexes stay open."""
