"""Answers sent in chunks, so that a client that does not read them holds up only itself."""

from typing import Any

from starlette.responses import Response

_CHUNK = 64 * 1024  # bytes; uvicorn lets go on when fewer than that wait to be sent


class ChunkedResponse(Response):
    """A response whose body goes to the server as it is read by the client.

    Given whole, a body would stay in the server's memory for as long as the client likes, beyond
    the request's time and without its place among those under way.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send it; the server lets each chunk wait until there is room for it."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        body, end = bytes(self.body), len(self.body)
        for begin in range(0, max(end, 1), _CHUNK):
            chunk, more = body[begin : begin + _CHUNK], begin + _CHUNK < end
            await send({"type": "http.response.body", "body": chunk, "more_body": more})
