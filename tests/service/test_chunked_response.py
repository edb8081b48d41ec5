"""Large answers go out as fast as they are read, and arrive whole."""

import asyncio
from typing import Any

import pytest

from service.chunked_response import ChunkedResponse


@pytest.mark.parametrize("length", [0, 1, 65_536, 65_537, 200_000])
def test_a_body_arrives_whole_in_chunks_of_64_kib_at_most(length: int) -> None:
    body = bytes(i % 251 for i in range(length))
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(ChunkedResponse(body, 201, {"x-test": "yes"})({}, None, send))
    start, *chunks = messages
    assert start["status"] == 201
    assert dict(start["headers"])[b"content-length"] == str(length).encode()
    assert b"".join(chunk["body"] for chunk in chunks) == body
    assert max(len(chunk["body"]) for chunk in chunks) <= 65_536
    assert [chunk["more_body"] for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
