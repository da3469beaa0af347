"""API keys: what is stored of them, and who a key belongs to.

A key is `semrec_<id>_<secret>`; the secret has 256 random bits. Only its SHA-256 is stored. A slow hash and
a salt defend what people choose, because it can be guessed; what is random cannot, and a fast hash lets
every request be checked. The id is no secret: it finds the entry, so that one comparison is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from semrec.errors import ConfigError

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each may do what those before it may: ask; change items and events; delete users."""

FILE_NAME = "keys.json"
PREFIX = "semrec"
NO_HASH = "0" * 64
"""What an unknown id is compared with, so that it takes as long as a known one."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is stored of a key.

    Parameters
    ----------
    key_id : the part of the key that is no secret.
    name : whose it is, for people.
    scope : what it may do.
    hash : SHA-256 of the secret, hexadecimal.
    created_at : unix seconds.
    """

    key_id: str
    name: str
    scope: Scope
    hash: str
    created_at: float

    def allows(self, scope: Scope) -> bool:
        """Tell whether the key may do what needs this scope."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class KeyRing:
    """The keys of a workspace, in a file of it; a change counts at once, in every process that reads it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._keys: dict[str, Key] = {}
        self._stamp: tuple[int, int] | None = None

    def all(self) -> list[Key]:
        """Return all keys, the oldest first.

        Raises
        ------
        ConfigError
            The file cannot be read; nobody is let in then.
        """
        self._refresh()
        return list(self._keys.values())

    def create(self, name: str, scope: Scope) -> tuple[str, Key]:
        """Make a key and return it with what is stored of it; it cannot be shown again."""
        secret = secrets.token_urlsafe(32)
        key = Key(secrets.token_hex(4), name, scope, _hash(secret), time.time())
        self._write([*self.all(), key])
        return f"{PREFIX}_{key.key_id}_{secret}", key

    def revoke(self, key_id: str) -> Key:
        """Delete a key and return what was stored of it.

        Raises
        ------
        ConfigError
            There is none with this id.
        """
        gone = [key for key in self.all() if key.key_id == key_id]
        if not gone:
            raise ConfigError(f"there is no key with the id {key_id!r}; see: semrec keys list")
        self._write([key for key in self.all() if key.key_id != key_id])
        return gone[0]

    def find(self, written: str) -> Key | None:
        """Return the key that somebody showed, None for a wrong one; both take the same time."""
        self._refresh()
        _, _, rest = written.partition("_")
        key_id, _, secret = rest.partition("_")
        key = self._keys.get(key_id)
        same = hmac.compare_digest(_hash(secret), key.hash if key else NO_HASH)
        return key if same else None

    def _refresh(self) -> None:
        """Read the file again if it has changed."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._keys, self._stamp = {}, None
            return
        stamp = found.st_mtime_ns, found.st_ino
        if stamp == self._stamp:
            return
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            self._keys = {entry["key_id"]: Key(**entry) for entry in stored["keys"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"cannot read the keys in {self._path}: {type(error).__name__}; restore the file, or delete "
                "it and make new keys"
            ) from error
        self._stamp = stamp

    def _write(self, keys: list[Key]) -> None:
        """Replace the file at once; only its owner can read it."""
        if not self._path.parent.is_dir():
            raise ConfigError(f"{str(self._path.parent)!r} is no workspace; index something first")
        written = self._path.with_suffix(".new")
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"format": 1, "keys": [asdict(key) for key in keys]}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._path)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
