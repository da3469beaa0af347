"""The server store: collections of a Qdrant server or cluster, behind one alias.

A generation is a collection; the alias points to the current one, see `semrec.store.server_names`. The
manifest is part of the collection's metadata; a collection without one is a build that is not complete. A
build holds a lease and renews it while it writes. When the lease has expired the build is dead: the next one
continues it if it has the same key, and else removes it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import QdrantClient

from semrec.errors import StoreDamagedError, StoreError, StoreLockedError
from semrec.store.manifests import dump_manifest, load_manifest, require_current
from semrec.store.patience import Clock
from semrec.store.protocol import Index, Manifest, VectorField
from semrec.store.server_collections import ServerCollections
from semrec.store.server_connection import connect, connection_of
from semrec.store.server_index import ServerIndex
from semrec.store.server_lease import builder_of, is_dead, lease_from_now
from semrec.store.server_names import check_alias, collection_name, generation_of
from semrec.store.server_owner import Ownership

_MANIFEST = "semrec_manifest"
_ARRAYS = "semrec_manifest_arrays"
_BUILD = "semrec_build"


class ServerStore:
    """The generations behind one alias of a Qdrant server.

    Parameters
    ----------
    alias : name of the alias, and beginning of the collections' names.
    url : REST address of the server; gRPC is expected one port above it, as Qdrant does (6333, 6334).
    client : a client to use instead of `url`; it is not closed here.
    api_key : the server's key; never part of a message.
    prefer_grpc : use gRPC where there is a choice.
    timeout_s : longest wait for one answer, seconds.
    keep : how many complete generations a build leaves.
    ownership : which workspace the collections belong to; None: it is neither written nor checked.
    clock : for pauses between attempts to reach the server.
    """

    def __init__(
        self,
        alias: str,
        *,
        url: str | None = None,
        client: QdrantClient | None = None,
        api_key: str | None = None,
        prefer_grpc: bool = True,
        timeout_s: float = 30.0,
        keep: int = 2,
        ownership: Ownership | None = None,
        clock: Clock = time,
    ) -> None:
        self.keep = keep
        self.only_grows = False
        self._alias = alias
        self._ownership = ownership
        self._owns_client = client is None
        if client is not None and url is None:
            self._connection = connection_of(client, clock=clock)
        elif url is not None and client is None:
            self._connection = connect(
                url, api_key=api_key, prefer_grpc=prefer_grpc, timeout_s=timeout_s, clock=clock
            )
        else:
            raise StoreError("a server store needs either a URL or a client")
        self._collections = ServerCollections(self._connection)
        self._where = self._connection.where

    def describe(self) -> str:
        """Return where the store is, for messages."""
        return f"Qdrant collection {self._alias} at {self._where}"

    def generations(self) -> list[int]:
        """Return the numbers of all complete generations, ascending."""
        return [number for number, name in self._names().items() if self._metadata(name).get(_MANIFEST)]

    def current(self) -> int | None:
        """Return the number of the generation that answers; None before the first build."""
        target = self._collections.target(self._alias)
        if target is None:
            return None
        number = generation_of(self._alias, target)
        if number is None:
            raise StoreError(
                f"alias {self._alias} at {self._where} points to {target}, which semrec did not make; "
                "choose another name with --collection NAME"
            )
        return number

    def named(self) -> int | None:
        """Return the same as `current`: an alias always points to a collection."""
        return self.current()

    def manifest(self, generation: int) -> Manifest:
        """Return the manifest of a complete generation."""
        return self._read(generation)[1]

    def create(self, vectors: Sequence[VectorField], key: str = "") -> tuple[int, ServerIndex]:
        """Start the next generation, or continue a dead build of this key; other dead builds are removed."""
        names, current = self._names(), self.current()
        last = max(names, default=0)
        for number, name in names.items():
            metadata = self._metadata(name)
            if number == current or not is_dead(metadata):
                continue
            if number == last and key and metadata.get(_BUILD) == key:
                self._collections.set_metadata(name, {**lease_from_now(), _MANIFEST: ""})
                return number, ServerIndex(self._connection, name, vectors, leased=True)
            if not metadata.get(_MANIFEST):
                self._collections.delete(name)
        name = collection_name(check_alias(self._alias), last + 1)
        owner = self._ownership.to_metadata() if self._ownership else {}
        self._collections.create(name, vectors, {**lease_from_now(), **owner, _BUILD: key})
        return last + 1, ServerIndex(self._connection, name, vectors, leased=True)

    def complete(self, generation: int, index: Index, manifest: Manifest) -> None:
        """Finish a build: wait for its search structures, check its count, write its manifest."""
        if not isinstance(index, ServerIndex) or index.name != self._names().get(generation):
            raise StoreError(f"the index is not generation {generation} of {self._alias}")
        index.build(manifest.fields)
        n_items = index.count()
        if n_items != manifest.n_items:
            raise StoreError(
                f"generation {generation} holds {n_items} items instead of {manifest.n_items}; index again"
            )
        index.close()
        self._write_manifest(index.name, manifest)

    def open(self, generation: int) -> ServerIndex:
        """Open a complete generation for reading and writing."""
        name, manifest = self._read(generation)
        require_current(manifest, where=f"collection {name} at {self._where}")
        return ServerIndex(self._connection, name, manifest.vectors)

    def damaged(self, generation: int, reason: str) -> StoreDamagedError:
        """Return the error for a damaged generation; it names the commands that help."""
        return StoreDamagedError(
            f"generation {generation} of {self.describe()} is damaged: {reason}; "
            f"{self._repair_of(generation)}"
        )

    def rewrite_manifest(self, generation: int, manifest: Manifest) -> None:
        """Replace the manifest of a complete generation, in one atomic step."""
        name, _ = self._read(generation)
        self._write_manifest(name, manifest)

    def borrow(self, generation: int) -> ServerIndex:
        """Open a complete generation for reading; other processes may use it at the same time."""
        return self.open(generation)

    def owner(self, generation: int) -> str | None:
        """Return None: on a server no process owns a generation."""
        return None

    def builder(self) -> str | None:
        """Return which process builds a generation, by its lease; None if none does."""
        return next(filter(None, self.incomplete().values()), None)

    def incomplete(self) -> dict[int, str | None]:
        """Return the builds that are not complete: the process that is building, in words; None if dead."""
        metadata = {number: self._metadata(name) for number, name in self._names().items()}
        builders = {number: builder_of(one) for number, one in metadata.items() if not one.get(_MANIFEST)}
        return {number: name for number, name in builders.items() if name or is_dead(metadata[number])}

    def remove_dead(self) -> None:
        """Do nothing: a dead build may be continued, and `create` removes those that cannot be."""

    def size(self, generation: int) -> int | None:
        """Return None: a server does not tell."""
        return None

    def make_current(self, generation: int) -> None:
        """Let readers use this generation, in one atomic step."""
        name, _ = self._read(generation)
        self._collections.point(self._alias, name)
        if self._collections.metadata(name).get(_BUILD):
            self._collections.set_metadata(name, {_BUILD: ""})  # no later build may continue it

    def drop(self, generation: int) -> None:
        """Remove a generation that is not current."""
        if generation == self.current():
            raise StoreError(f"generation {generation} is current; make another one current first")
        name = self._names().get(generation)
        if name is None:
            raise StoreError(f"{self._where} has no generation {generation} of {self._alias}")
        self._collections.delete(name)

    def take_over(self) -> None:
        """Make all generations those of the workspace of this store.

        Raises
        ------
        StoreLockedError
            Another workspace builds one at the moment.
        """
        names = self._names().values()
        all_metadata = {name: self._collections.metadata(name) for name in names}
        for metadata in all_metadata.values():
            if not metadata.get(_MANIFEST) and (builder := builder_of(metadata)):
                raise StoreLockedError(
                    f"{self.describe()} is being built by {builder}; wait for it or stop it, then try again"
                )
        for name in names:
            if self._ownership:
                self._collections.set_metadata(name, self._ownership.to_metadata())

    def close(self) -> None:
        """Close the connection, if this store opened it."""
        if self._owns_client:
            self._connection.client.close()

    def _repair_of(self, damaged: int) -> str:
        """Return the commands that replace a damaged generation."""
        whole = [number for number in self.generations() if number != damaged]
        rollback = f"`semrec rollback {whole[-1]}`, or " if whole else ""
        return f"{rollback}`semrec index CATALOG --rebuild`"

    def _names(self) -> dict[int, str]:
        """Return the collection of every generation, by ascending number."""
        names = self._collections.names()
        if self._alias in names:
            raise StoreError(
                f"{self._where} has a collection {self._alias!r}, which is no index of semrec or one of its "
                "generations; choose another name with --collection NAME"
            )
        numbers = {generation_of(self._alias, name): name for name in names}
        return {number: numbers[number] for number in sorted(filter(None, numbers))}

    def _metadata(self, name: str) -> Mapping[str, Any]:
        """Return the metadata of a collection of this workspace."""
        metadata = self._collections.metadata(name)
        if self._ownership:
            self._ownership.check(metadata, self._alias, self._where)
        return metadata

    def _read(self, generation: int) -> tuple[str, Manifest]:
        """Return collection and manifest of a complete generation."""
        name = self._names().get(generation)
        metadata = self._metadata(name) if name else {}
        if name is None or not metadata.get(_MANIFEST):
            raise StoreError(f"{self._where} has no complete generation {generation} of {self._alias}")
        manifest = load_manifest(
            metadata[_MANIFEST],
            lambda _: base64.b64decode(metadata.get(_ARRAYS, "")),
            where=f"collection {name} at {self._where}",
            repair=lambda: self._repair_of(generation),
        )
        return name, manifest

    def _write_manifest(self, name: str, manifest: Manifest) -> None:
        """Write a manifest, and its arrays as base64 of the safetensors format, in one step."""
        text, arrays = dump_manifest(manifest)
        self._collections.set_metadata(name, {_MANIFEST: text, _ARRAYS: base64.b64encode(arrays).decode()})
