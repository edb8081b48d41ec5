"""The time that a request may take, from its first byte to the last of its answer."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from service.errors import RequestTimeoutError

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Deadline:
    """Ends what takes too long.

    In the place of BentoML's own, which keeps every request in memory until its time would have
    been up, and does not end an answer that has begun.
    """

    def __init__(self, app: App, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass the request on.

        Raises:
            RequestTimeoutError: it was not done in time; whatever worked on it is cancelled.

        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.seconds) as limit:
                await self.app(scope, receive, send)
        except TimeoutError:
            if not limit.expired():
                raise
            raise RequestTimeoutError(
                f"the request was not done within {self.seconds:g} s; send less at a time, or try "
                "again later"
            ) from None
