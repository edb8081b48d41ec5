"""Large answers go out as fast as they are read, and arrive whole."""

import asyncio
from typing import Any

import pytest

from service.responses import PiecewiseResponse


@pytest.mark.parametrize("length", [0, 1, 65_536, 65_537, 200_000])
def test_a_body_arrives_whole_in_pieces_of_64_kib_at_most(length: int) -> None:
    body = bytes(i % 251 for i in range(length))
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(PiecewiseResponse(body, 201, {"x-test": "yes"})({}, None, send))
    start, *pieces = messages
    assert start["status"] == 201
    assert dict(start["headers"])[b"content-length"] == str(length).encode()
    assert b"".join(piece["body"] for piece in pieces) == body
    assert max(len(piece["body"]) for piece in pieces) <= 65_536
    assert [piece["more_body"] for piece in pieces] == [True] * (len(pieces) - 1) + [False]
