"""The server store: collections of a Qdrant server or cluster, behind one alias.

Generation n is the collection `<alias>-<n>`; the alias points to the current one. The manifest is part of the
collection's metadata; a collection without one is a build that is not complete. A build holds a lease and
renews it while it writes. When the lease has expired the build is dead, and the next build removes it.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from qdrant_client import QdrantClient, models

from semrec.errors import StoreDamagedError, StoreError
from semrec.store.manifests import dump_manifest, load_manifest, require_current
from semrec.store.protocol import Index, Manifest, VectorField
from semrec.store.server_connection import connect, connection_of
from semrec.store.server_index import BUILDER, LEASE, ServerIndex, is_dead
from semrec.store.server_messages import sparse_vectors_config, vectors_config

_MANIFEST = "semrec_manifest"
_ARRAYS = "semrec_manifest_arrays"


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
    ) -> None:
        self.keep = keep
        self._alias = alias
        self._owns_client = client is None
        if client is not None and url is None:
            self._connection = connection_of(client)
        elif url is not None and client is None:
            self._connection = connect(url, api_key=api_key, prefer_grpc=prefer_grpc, timeout_s=timeout_s)
        else:
            raise StoreError("a server store needs either a URL or a client")
        self._client = self._connection.client
        self._where = self._connection.where

    def describe(self) -> str:
        """Return where the store is, for messages."""
        return f"Qdrant collection {self._alias} at {self._where}"

    def generations(self) -> list[int]:
        """Return the numbers of all complete generations, ascending."""
        return [number for number in self._numbers() if _MANIFEST in self._metadata(number)]

    def current(self) -> int | None:
        """Return the number of the generation that answers; None before the first build."""
        with self._connection.errors():
            aliases = self._client.get_aliases().aliases
        target = {alias.alias_name: alias.collection_name for alias in aliases}.get(self._alias)
        if target is None:
            return None
        number = self._number(target)
        if number is None:
            raise StoreError(
                f"alias {self._alias} at {self._where} points to {target}, which semrec did not make; "
                "choose another collection name"
            )
        return number

    def named(self) -> int | None:
        """Return the same as `current`: an alias always points to a collection."""
        return self.current()

    def manifest(self, generation: int) -> Manifest:
        """Return the manifest of a complete generation."""
        name = self._name(generation)
        metadata = self._metadata(generation) if generation in self._numbers() else {}
        if _MANIFEST not in metadata:
            raise StoreError(f"{self._where} has no complete generation {generation} ({name})")
        return load_manifest(
            metadata[_MANIFEST],
            lambda _: base64.b64decode(metadata.get(_ARRAYS, "")),
            where=f"collection {name} at {self._where}",
            repair=lambda: self._repair_of(generation),
        )

    def create(self, vectors: Sequence[VectorField]) -> tuple[int, ServerIndex]:
        """Start the next generation, empty and invisible to readers; dead builds are removed."""
        numbers = self._numbers()
        for number in numbers:
            self._remove_if_dead(number)
        number = max(numbers, default=0) + 1
        index = ServerIndex(self._connection, self._name(number), vectors)
        with self._connection.errors():
            self._client.create_collection(
                self._name(number),
                vectors_config=vectors_config(vectors),
                sparse_vectors_config=sparse_vectors_config(vectors),
            )
        index.renew_lease()
        return number, index

    def complete(self, generation: int, index: Index, manifest: Manifest) -> None:
        """Finish a build: wait for its search structures, check its count, write its manifest."""
        if not isinstance(index, ServerIndex) or index.name != self._name(generation):
            raise StoreError(f"the index is not generation {generation} of {self._alias}")
        index.build(manifest.fields)
        n_items = index.count()
        if n_items != manifest.n_items:
            raise StoreError(
                f"generation {generation} holds {n_items} items instead of {manifest.n_items}; index again"
            )
        index.close()
        self._write_manifest(generation, manifest)

    def open(self, generation: int) -> ServerIndex:
        """Open a complete generation for reading and writing."""
        name = self._name(generation)
        manifest = require_current(self.manifest(generation), where=f"collection {name} at {self._where}")
        return ServerIndex(self._connection, name, manifest.vectors)

    def damaged(self, generation: int, reason: str) -> StoreDamagedError:
        """Return the error for a damaged generation; it names the commands that help."""
        return StoreDamagedError(
            f"generation {generation} ({self._name(generation)} at {self._where}) is damaged: {reason}; "
            f"{self._repair_of(generation)}"
        )

    def rewrite_manifest(self, generation: int, manifest: Manifest) -> None:
        """Replace the manifest of a complete generation, in one atomic step."""
        self.manifest(generation)
        self._write_manifest(generation, manifest)

    def borrow(self, generation: int) -> ServerIndex:
        """Open a complete generation for reading; other processes may use it at the same time."""
        return self.open(generation)

    def owner(self, generation: int) -> str | None:
        """Return None: on a server no process owns a generation."""
        return None

    def builder(self) -> str | None:
        """Return which process builds a generation, by its lease; None if none does."""
        for number in self._numbers():
            metadata = self._metadata(number)
            if _MANIFEST not in metadata and LEASE in metadata and not is_dead(metadata):
                builder = metadata.get(BUILDER, {})
                until = time.strftime("%H:%M", time.localtime(metadata[LEASE]))
                pid, command, host = (builder.get(name, "unknown") for name in ("pid", "command", "host"))
                return f"process {pid} ({command}) on {host}, whose lease ends at {until}"
        return None

    def make_current(self, generation: int) -> None:
        """Let readers use this generation, in one atomic step."""
        self.manifest(generation)
        remove = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self._alias))
        create = models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=self._name(generation), alias_name=self._alias)
        )
        changes: list[models.AliasOperations] = [create] if self.current() is None else [remove, create]
        with self._connection.errors():
            self._client.update_collection_aliases(changes)

    def drop(self, generation: int) -> None:
        """Remove a generation that is not current."""
        if generation == self.current():
            raise StoreError(f"generation {generation} is current; make another one current first")
        if generation not in self._numbers():
            raise StoreError(f"{self._where} has no generation {generation} ({self._name(generation)})")
        with self._connection.errors():
            self._client.delete_collection(self._name(generation))

    def close(self) -> None:
        """Close the connection, if this store opened it."""
        if self._owns_client:
            self._client.close()

    def _repair_of(self, damaged: int) -> str:
        """Return the commands that replace a damaged generation."""
        whole = [number for number in self.generations() if number != damaged]
        rollback = f"`semrec rollback {whole[-1]}`, or " if whole else ""
        return f"{rollback}`semrec index CATALOG --rebuild`"

    def _name(self, generation: int) -> str:
        return f"{self._alias}-{generation}"

    def _number(self, collection: str) -> int | None:
        found = re.fullmatch(re.escape(self._alias) + r"-([1-9][0-9]*)", collection)
        return int(found[1]) if found else None

    def _numbers(self) -> list[int]:
        with self._connection.errors():
            collections = self._client.get_collections().collections
        numbers = (self._number(collection.name) for collection in collections)
        return sorted(number for number in numbers if number is not None)

    def _metadata(self, generation: int) -> Mapping[str, Any]:
        with self._connection.errors():
            return self._client.get_collection(self._name(generation)).config.metadata or {}

    def _write_manifest(self, generation: int, manifest: Manifest) -> None:
        """Write a manifest, and its arrays as base64 of the safetensors format, in one step."""
        text, arrays = dump_manifest(manifest)
        metadata = {_MANIFEST: text, _ARRAYS: base64.b64encode(arrays).decode()}
        with self._connection.errors():
            self._client.update_collection(self._name(generation), metadata=metadata)

    def _remove_if_dead(self, generation: int) -> None:
        metadata = self._metadata(generation)
        if _MANIFEST not in metadata and is_dead(metadata):
            self.drop(generation)
