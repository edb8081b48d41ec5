"""Requests as a server hands them to the service, without a server."""

from collections.abc import Iterator

import httpx
from starlette.requests import Request
from starlette.types import Message


def upload(url: str = "http://test/predict", **body: object) -> Request:
    """The request that httpx would send to `url` with this body (`files=`, `data=`, `content=`)."""
    sent = httpx.Request("POST", url, **body)  # type: ignore[arg-type]
    return raw(sent.read(), dict(sent.headers), query=sent.url.query)


def raw(body: bytes, headers: dict[str, str], chunk: int = 1000, query: bytes = b"") -> Request:
    """A request with exactly this body, in chunks."""
    parts: Iterator[bytes] = (body[i : i + chunk] for i in range(0, len(body), chunk))

    async def receive() -> Message:
        part = next(parts, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query}
    return Request({**scope, "headers": encoded}, receive)
