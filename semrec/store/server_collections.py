"""Collections and aliases of a Qdrant server. Every change is waited for until it can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qdrant_client import models

from semrec.errors import StoreLockedError
from semrec.store.points import field_path
from semrec.store.protocol import FieldType, VectorField
from semrec.store.server_connection import Connection
from semrec.store.server_messages import SCHEMAS, sparse_vectors_config, vectors_config


class ServerCollections:
    """What is known of the collections of a server, and the changes of it.

    Parameters
    ----------
    connection : to the server.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.client

    def names(self) -> list[str]:
        """Return the names of all collections."""
        answer = self._connection.call(self._client.get_collections)
        return [collection.name for collection in answer.collections]

    def info(self, name: str) -> models.CollectionInfo:
        """Return what the server knows of a collection."""
        return self._connection.call(self._client.get_collection, name)

    def metadata(self, name: str) -> Mapping[str, Any]:
        """Return the metadata of a collection."""
        return self.info(name).config.metadata or {}

    def create(self, name: str, vectors: Sequence[VectorField], metadata: Mapping[str, Any]) -> None:
        """Make an empty collection.

        Raises
        ------
        StoreLockedError
            Another process has made it.
        """

        def make() -> None:
            if name not in self.names():
                self._client.create_collection(
                    name,
                    vectors_config=vectors_config(vectors),
                    sparse_vectors_config=sparse_vectors_config(vectors),
                    metadata=dict(metadata),
                )
            elif not self._is_stored(metadata, name):  # else the answer to an earlier attempt was lost
                raise StoreLockedError(
                    f"another process has just begun to build {name} at {self._connection.where}; "
                    "wait for it, then try again"
                )

        self._connection.call(make)
        self._connection.wait_until(lambda: name in self.names(), f"collection {name}")

    def set_metadata(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Write some keys of the metadata of a collection, in one step; the other keys stay."""
        self._connection.call(self._client.update_collection, name, metadata=dict(metadata))
        self._connection.wait_until(
            lambda: self._is_stored(metadata, name), f"metadata of the collection {name}"
        )

    def index_fields(self, name: str, fields: Mapping[str, FieldType]) -> None:
        """Index metadata fields for filters; fields that are indexed already change nothing."""
        for field, kind in fields.items():
            self._connection.call(
                self._client.create_payload_index, name, field_path(field), SCHEMAS[kind], wait=True
            )
        if fields and self._connection.lists_payload_indexes:
            paths = {_unquoted(field_path(field)) for field in fields}
            self._connection.wait_until(
                lambda: paths <= set(map(_unquoted, self.info(name).payload_schema)),
                f"payload indexes of the collection {name}",
            )

    def remove_field_indexes(self, name: str, fields: Iterable[str]) -> None:
        """Remove the indexes of metadata fields."""
        for field in fields:
            self._connection.call(self._client.delete_payload_index, name, field_path(field), wait=True)

    def delete(self, name: str) -> None:
        """Delete a collection; one that is not there changes nothing."""
        self._connection.call(self._client.delete_collection, name)
        self._connection.wait_until(lambda: name not in self.names(), f"the end of the collection {name}")

    def target(self, alias: str) -> str | None:
        """Return the collection that an alias points to; None if there is no such alias."""
        aliases = self._connection.call(self._client.get_aliases).aliases
        return {one.alias_name: one.collection_name for one in aliases}.get(alias)

    def point(self, alias: str, name: str) -> None:
        """Let an alias point to a collection, in one atomic step."""
        change = models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=name, alias_name=alias)
        )
        self._connection.call(self._client.update_collection_aliases, [change])
        self._connection.wait_until(lambda: self.target(alias) == name, f"the alias {alias}")

    def _is_stored(self, metadata: Mapping[str, Any], name: str) -> bool:
        stored = self.metadata(name)
        return all(stored.get(key) == value for key, value in metadata.items())


def _unquoted(path: str) -> str:
    """Return a JSON path without quotes: a server lists it without those that it does not need."""
    return path.replace('"', "")
