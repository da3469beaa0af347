"""API keys: how they are stored and checked.

A key is `semrec_<id>_<secret>`, with a secret of 256 random bits. Only the SHA-256 of the secret is stored.
A slow hash and a salt protect passwords, because people choose passwords that can be guessed. A random secret
cannot be guessed, so a fast hash is enough, and every request can be checked. The id is public: it finds the
stored entry, so that one comparison is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import TypeAdapter

from semrec.errors import ConfigError
from semrec.files.atomic import write_atomically
from semrec.types import to_plain

Scope = Literal["read", "write", "admin"]
"""read: query. write: also change items and events. admin: also delete users."""
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""All scopes; each includes the scopes before it."""

FILE_NAME = "keys.json"
PREFIX = "semrec"
NO_HASH = "0" * 64
"""An unknown id is compared with this, so that it takes as long as a known id."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored.

    Parameters
    ----------
    key_id : the public part of the key.
    name : its owner, for people.
    scope : what it allows.
    hash : SHA-256 of the secret, hexadecimal.
    created_at : Unix seconds.
    """

    key_id: str
    name: str
    scope: Scope
    hash: str
    created_at: float

    def allows(self, scope: Scope) -> bool:
        """Return whether the key allows requests that need this scope."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Content of the key file; an older one has no digest of the keys."""

    keys: tuple[ApiKey, ...]
    format: int = 1
    digest: str = ""


_FILE: TypeAdapter[KeyFile] = TypeAdapter(KeyFile)


class ApiKeys:
    """The keys of a workspace, in one file. Every process that uses the file sees a change at once.

    Parameters
    ----------
    folder : of the workspace.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._keys: dict[str, ApiKey] = {}
        self._stamp: tuple[int, int] | None = None

    def all(self) -> list[ApiKey]:
        """Return all keys, the oldest first.

        Raises
        ------
        ConfigError
            The file cannot be read; then no key is accepted.
        """
        self._refresh()
        return list(self._keys.values())

    def create(self, name: str, scope: Scope) -> tuple[str, ApiKey]:
        """Create a key; return the key itself, which cannot be shown again, and its stored form."""
        secret = secrets.token_urlsafe(32)
        key = ApiKey(secrets.token_hex(4), name, scope, _hash(secret), time.time())
        self._write([*self.all(), key])
        return f"{PREFIX}_{key.key_id}_{secret}", key

    def revoke(self, key_id: str) -> ApiKey:
        """Delete a key and return its stored form.

        Raises
        ------
        ConfigError
            There is no key with this id.
        """
        keys = {key.key_id: key for key in self.all()}
        if key_id not in keys:
            raise ConfigError(f"there is no key with the id {key_id!r}; see: semrec keys list")
        revoked = keys.pop(key_id)
        self._write(list(keys.values()))
        return revoked

    def find(self, text: str) -> ApiKey | None:
        """Return the stored form of a key, None for a wrong key; both take the same time."""
        self._refresh()
        _, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        key = self._keys.get(key_id)
        same = hmac.compare_digest(_hash(secret), key.hash if key else NO_HASH)
        return key if same else None

    def _refresh(self) -> None:
        """Read the file again if it has changed."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._keys, self._stamp = {}, None
            return
        stamp = status.st_mtime_ns, status.st_ino
        if stamp == self._stamp:
            return
        try:
            stored = _FILE.validate_json(self._path.read_bytes())
            if stored.digest not in ("", _digest(stored.keys)):
                raise ValueError("its digest is wrong")
        except OSError as error:
            raise ConfigError(f"cannot read the keys in {self._path}: {error.strerror}") from error
        except ValueError as error:
            path, folder = shlex.quote(str(self._path)), shlex.quote(str(self._path.parent))
            raise ConfigError(
                f"cannot read the keys in {self._path}: the file is damaged; restore it, or delete it and "
                f"create new keys: `rm {path} && semrec keys create NAME --workspace {folder}`"
            ) from error
        self._keys = {key.key_id: key for key in stored.keys}
        self._stamp = stamp

    def _write(self, keys: list[ApiKey]) -> None:
        """Replace the file in one step; only its owner can read it."""
        if not self._path.parent.is_dir():
            raise ConfigError(f"{str(self._path.parent)!r} is not a workspace; index a catalog first")
        write_atomically(
            self._path, _FILE.dump_json(KeyFile(tuple(keys), digest=_digest(keys)), indent=2), mode=0o600
        )


def _digest(keys: Sequence[ApiKey]) -> str:
    return hashlib.blake2b(repr([to_plain(key) for key in keys]).encode(), digest_size=8).hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
