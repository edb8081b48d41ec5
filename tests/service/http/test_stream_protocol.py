"""uvicorn's WebSockets within our limits: floods, refusals, and clients that do not read."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from service.http.stream_protocol import StreamProtocol
from tests.support.servers.wire import Wire, settle

BINARY, TEXT, PING, PONG, PART = 2, 1, 9, 10, 0
FLOOD = 40_000


def frame(kind: int, data: bytes = b"", *, last: bool = True) -> bytes:
    """A frame as a client sends it, short, by a mask that changes nothing."""
    assert len(data) < 126
    return bytes([0x80 * last | kind, 0x80 | len(data)]) + bytes(4) + data


def head(line: bytes = b"GET /stream HTTP/1.1", more: bytes = b"", version: bytes = b"13") -> bytes:
    return (
        line + b"\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        b"Sec-WebSocket-Version: " + version + b"\r\n" + more + b"\r\n"
    )


class Listener:
    """Accepts, and notes what it receives, as long as it is let."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failure: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await self.go_on.wait()
            event = await receive()
            if event["type"] == "websocket.disconnect":
                break
            self.received.append(event.get("bytes") or event.get("text"))
        try:
            await send({"type": "websocket.send", "text": "late"})
        except OSError as error:
            self.failure = error


def connect(app: Any, start: bytes) -> tuple[StreamProtocol, Wire]:
    config, wire = uvicorn.Config(app, log_config=None), Wire()
    made = StreamProtocol(config, ServerState(), {})
    wire.protocol = made
    made.connection_made(wire)
    made.data_received(start)
    return made, wire


def talk(test: Callable[[StreamProtocol, Wire, Listener], Any], start: bytes = b"") -> None:
    async def run() -> None:
        listener = Listener()
        made, wire = connect(listener, start or head())
        await settle()
        await test(made, wire, listener)

    asyncio.run(run())


def close_code(written: bytes) -> int:
    """Of a close frame, which is the last one."""
    start = written.rindex(b"\x88")
    return int.from_bytes(written[start + 2 : start + 4], "big")


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0)


def test_a_flood_of_pings_lets_others_have_their_turns_and_is_answered() -> None:
    async def flood(made: StreamProtocol, wire: Wire, _: Listener) -> None:
        begun = len(wire.written)
        made.data_received(frame(PING) * FLOOD)
        await settle()
        assert 0 < len(wire.written) - begun < FLOOD  # two bytes a pong
        assert wire.paused
        await until(lambda: len(wire.written) - begun == 2 * FLOOD)
        await settle()
        assert not wire.paused

    talk(flood)


def test_a_flood_of_pings_is_not_answered_to_a_client_that_does_not_read() -> None:
    async def flood(made: StreamProtocol, wire: Wire, _: Listener) -> None:
        begun = len(wire.written)
        made.pause_writing()
        made.data_received(frame(PING) * FLOOD)
        await settle()
        assert (len(wire.written) - begun, wire.paused) == (0, True)
        made.resume_writing()
        await until(lambda: len(wire.written) - begun == 2 * FLOOD)

    talk(flood)


def test_nothing_is_written_to_a_client_that_has_gone() -> None:
    async def flood(made: StreamProtocol, wire: Wire, _: Listener) -> None:
        made.data_received(frame(PING) * FLOOD)
        await settle()
        wire.abort()
        begun = len(wire.written)
        await until(lambda: made.disconnected)
        await settle()
        assert len(wire.written) == begun

    talk(flood)


def test_messages_wait_for_the_conversation_in_order() -> None:
    async def send_many(made: StreamProtocol, wire: Wire, listener: Listener) -> None:
        listener.go_on.clear()
        sent = [b"%05d" % i for i in range(5_000)]
        made.data_received(b"".join(frame(BINARY, message) for message in sent))
        await settle()
        assert wire.paused
        assert made.queue.qsize() < 500
        listener.go_on.set()
        await until(lambda: len(listener.received) == len(sent))
        assert listener.received == sent
        await settle()
        assert not wire.paused

    talk(send_many)


def test_a_message_may_come_in_parts_but_not_without_end() -> None:
    async def send_parts(made: StreamProtocol, wire: Wire, listener: Listener) -> None:
        parts = [frame(PART, b"%d" % i, last=i == 9) for i in range(10)]
        made.data_received(frame(BINARY, b"x", last=False) + b"".join(parts))
        await until(lambda: listener.received == [b"x0123456789"])
        made.data_received(frame(BINARY, last=False) + frame(PART, last=False) * FLOOD)
        await until(lambda: wire.closing)
        assert close_code(wire.written) == 1009

    talk(send_parts)


def test_a_text_that_is_none_closes_the_connection_and_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def send_nonsense(made: StreamProtocol, wire: Wire, listener: Listener) -> None:
        made.data_received(frame(TEXT, "é".encode()) + frame(TEXT, b"\xff"))
        await until(lambda: wire.closing and listener.failure is not None)
        assert listener.received == ["é"]
        assert close_code(wire.written.partition(b"\r\n\r\n")[2][:4]) == 1007

    talk(send_nonsense)
    assert not caplog.records


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (head(more=b"X: y\r\n" * 200), 431),
        (head(more=b"X: " + b"y" * 9_000 + b"\r\n"), 431),
        (head(b"GET /" + b"x" * 9_000 + b" HTTP/1.1"), 431),
        (head(b"POST /stream HTTP/1.1"), 400),
        (head(b"POST /stream HTTP/1.1", b"Content-Length: 5\r\n"), 400),
        (head(version=b"8"), 400),
        (head(more=b"Sec-WebSocket-Key: x\r\n"), 400),
    ],
)
def test_what_opens_no_web_socket_is_answered_by_the_one_error_body(
    start: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def look(made: StreamProtocol, wire: Wire, _: Listener) -> None:
        await until(lambda: wire.closing)
        [answer, body] = wire.written.split(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"content-type: application/json" in answer.lower()
        assert b"x-request-id: " in answer.lower()
        assert json.loads(body)["error"]["status"] == status
        await until(lambda: made.disconnected)

    talk(look, start)
    assert not caplog.records


def test_a_client_that_does_not_read_the_last_words_is_cut_off() -> None:
    class Stubborn(Wire):
        """Closes after all is read, which is never."""

        aborted = False

        def close(self) -> None:
            self.closing = True

        def abort(self) -> None:
            self.aborted = True

    async def run() -> None:
        async def app(_: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})

        wire = Stubborn()
        made = StreamProtocol(uvicorn.Config(app, log_config=None), ServerState(), {})
        made.close_timeout = 0.01
        wire.protocol = made
        made.connection_made(wire)
        made.data_received(head())
        async with asyncio.timeout(60):
            while not wire.aborted:
                await asyncio.sleep(0.01)

    asyncio.run(run())
