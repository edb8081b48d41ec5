"""API keys: who may ask, when the operator gives out keys at all."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers

from service.errors import ErrorResponse, UnauthorizedError
from service.paths import PROBES
from service.settings import digest

Message = MutableMapping[str, Any]
App = Callable[[Message, Any, Any], Awaitable[None]]


class ApiKeys:
    """Lets a request pass that carries one of the keys as `Authorization: Bearer KEY`.

    Everything but the probes needs a key, also the metrics and the documentation.
    """

    def __init__(self, app: App, digests: frozenset[bytes]) -> None:
        """Guard `app`; without any digest, all may pass."""
        self.app, self.digests = app, digests

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Pass the request on, or answer 401."""
        guarded = self.digests and scope["type"] == "http" and scope["path"] not in PROBES
        if not guarded or self._knows(Headers(scope=scope).get("authorization", "")):
            await self.app(scope, receive, send)
            return
        error = UnauthorizedError(
            "this service asks for an API key; send a valid one as 'Authorization: Bearer KEY'"
        )
        await ErrorResponse(error)(scope, receive, send)

    def _knows(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        found = digest(key.strip())
        # Every key is compared, each in constant time, so that time tells nothing about them.
        matches = [hmac.compare_digest(found, known) for known in self.digests]
        return scheme.lower() == "bearer" and any(matches)
