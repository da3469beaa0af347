"""Who may: keys, scopes, and how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from semrec.service.errors import ServiceError
from semrec.service.keys import Key, KeyRing, Scope
from semrec.service.rate_limit import Buckets

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine. A page of another site can make a browser ask here under a name of its own."""

KEY_NEEDED = "a key is needed: Authorization: Bearer KEY; make one: semrec keys create"

_bearer = HTTPBearer(auto_error=False, description="A key made by `semrec keys create`.")


class Guard:
    """Tells who asks.

    Parameters
    ----------
    ring : the keys; None: there are none.
    public : whether others than this machine can reach the service; then a key is always needed.
        Otherwise a key is needed as soon as there is one.
    rate, burst : requests of one key: a second, and at once.
    wrong_a_minute : wrong keys of one address that are answered as such; those after them hear 429.
        Right keys of the address still pass: somebody else may sit behind it.
    """

    def __init__(
        self, ring: KeyRing | None, *, public: bool, rate: float, burst: float, wrong_a_minute: float
    ) -> None:
        self._ring = ring
        self._public = public
        self._requests = Buckets(rate, burst)
        self._wrong = Buckets(wrong_a_minute / 60, wrong_a_minute)

    def identify(self, request: Request) -> Key | None:
        """Return the key of a request, None without one.

        Raises
        ------
        ServiceError
            The key is wrong, or asks too often; or no key is needed, but the request came by a strange name.
        """
        if not self.needs_key():
            if request.url.hostname not in LOOPBACK:
                message = "without keys only this machine is answered; make one: semrec keys create"
                raise ServiceError(403, message)
            return None
        kind, _, written = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not written:
            return None
        return self._checked(written.strip(), request.client.host if request.client else "")

    def needs_key(self) -> bool:
        """Tell whether only those with a key are answered."""
        return self._public or bool(self._ring and self._ring.all())

    def _checked(self, written: str, address: str) -> Key:
        key = self._ring.find(written) if self._ring else None
        wait = self._requests.take(key.key_id) if key else self._wrong.take(address)
        if wait:
            whose = "this key asks too often" if key else "too many wrong keys came from this address"
            raise ServiceError(429, f"{whose}; come later", retry_after_s=wait)
        if key is None:
            raise ServiceError(401, "the key is wrong, or was revoked", code="wrong_key")
        return key


def needs(scope: Scope) -> Callable[..., Awaitable[None]]:
    """Return a dependency that lets those pass whose key has a scope."""

    async def check(
        request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
    ) -> None:
        key: Key | None = request.state.key
        guard: Guard = request.app.state.guard
        if key is None and guard.needs_key():
            raise ServiceError(401, KEY_NEEDED)
        if key is not None and not key.allows(scope):
            raise ServiceError(403, f"this needs a key with the scope {scope}; yours has {key.scope}")

    return check


READ, WRITE, ADMIN = (Depends(needs(scope)) for scope in ("read", "write", "admin"))
