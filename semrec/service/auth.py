"""Authentication: API keys, their scopes and their rate limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from semrec.service.api_keys import ApiKey, ApiKeys, Scope
from semrec.service.error_responses import ServiceError
from semrec.service.rate_limit import RateLimiter

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
"""Names of this machine. A page of another site can send a browser here, but only under a name of its own."""

KEY_NEEDED = "a key is needed: Authorization: Bearer KEY; create one: semrec keys create"

_bearer = HTTPBearer(auto_error=False, description="A key from `semrec keys create`.")


class Authenticator:
    """Checks the key of a request.

    Parameters
    ----------
    keys : the keys; None: there are none.
    public : whether other machines can reach the service; then every request needs a key. Otherwise requests
        need a key as soon as there is one.
    rate, burst : requests of one key, in a second and at once.
    wrong_keys_per_minute : wrong keys of one address that get status 401; further ones get 429. Valid keys of
        the address are still accepted: several clients can share an address.
    """

    def __init__(
        self,
        keys: ApiKeys | None,
        *,
        public: bool,
        rate: float,
        burst: float,
        wrong_keys_per_minute: float,
    ) -> None:
        self._keys = keys
        self._public = public
        self._requests = RateLimiter(rate, burst)
        self._wrong_keys = RateLimiter(wrong_keys_per_minute / 60, wrong_keys_per_minute)

    def authenticate(self, request: Request) -> ApiKey | None:
        """Return the key of a request, None if it has no key.

        Raises
        ------
        ServiceError
            The key is wrong or is used too often; or no key is needed, but the host name is not local.
        """
        if not self.requires_key():
            if request.url.hostname not in LOCAL_NAMES:
                message = "without keys, only this machine is answered; create a key: semrec keys create"
                raise ServiceError(403, message)
            return None
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not credentials:
            return None
        return self._check_key(credentials.strip(), request.client.host if request.client else "")

    def requires_key(self) -> bool:
        """Return whether every request needs a key."""
        return self._public or bool(self._keys and self._keys.all())

    def _check_key(self, credentials: str, address: str) -> ApiKey:
        key = self._keys.find(credentials) if self._keys else None
        wait_s = self._requests.take(key.key_id) if key else self._wrong_keys.take(address)
        if wait_s:
            reason = "too many requests with this key" if key else "too many wrong keys from this address"
            raise ServiceError(429, f"{reason}; try again later", retry_after_s=wait_s)
        if key is None:
            raise ServiceError(401, "the key is wrong or was revoked", code="wrong_key")
        return key


def require_scope(scope: Scope) -> Callable[..., Awaitable[None]]:
    """Return a dependency that refuses requests whose key does not have a scope."""

    async def check(
        request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
    ) -> None:
        key: ApiKey | None = request.state.key
        authenticator: Authenticator = request.app.state.authenticator
        if key is None and authenticator.requires_key():
            raise ServiceError(401, KEY_NEEDED)
        if key is not None and not key.allows(scope):
            raise ServiceError(403, f"this needs a key with the scope {scope}; this key has {key.scope}")

    return check


READ, WRITE, ADMIN = (Depends(require_scope(scope)) for scope in ("read", "write", "admin"))
