"""One client's connection: offers, heads, requests in a row, and what is no HTTP."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from service.http import connection
from service.http.answer import CUT
from service.http.connection import MOST_HEAD, Connection
from tests.support.servers.wire import Wire, settle

OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
)


def request(body: bytes, offer: bytes = b"", path: bytes = b"/") -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nX-Kept: yes\r\n%bContent-Length: %d\r\n\r\n"
    return head % (path, offer, len(body)) + body


def chunked(body: bytes, offer: bytes = b"") -> bytes:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Kept: yes\r\n%bTransfer-Encoding: chunked\r\n\r\n"
    return head % offer + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


class Echo:
    """Answers each request with what it got; at most so many at a time as it is let."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append(scope["path"])
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        await self.go_on.wait()
        names = {name for name, _ in scope["headers"]}
        got = [body.decode(), b"upgrade" in names, b"x-kept" in names]
        answer = json.dumps(got).encode()
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def connect(app: Any) -> tuple[Connection, Wire]:
    config, wire = uvicorn.Config(app, log_config=None), Wire()
    made = Connection(config, ServerState(), {})
    wire.protocol = made
    made.connection_made(wire)
    return made, wire


def got(written: bytes) -> list[Any]:
    """What each of the answers says that its request was."""
    return [json.loads(text) for text in re.findall(rb"\r\n\r\n(\[.*?\])", written)]


def ask(*parts: bytes) -> list[Any]:
    async def talk() -> bytes:
        made, wire = connect(Echo())
        for part in parts:
            made.data_received(part)
        await settle()
        return wire.written

    return got(asyncio.run(talk()))


def splits(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    return ((data[:i], data[i:]) for i in range(1, len(data)))


@pytest.mark.parametrize("make", [request, chunked])
def test_an_offer_is_not_seen_wherever_the_request_is_cut_in_two(
    make: Callable[[bytes, bytes], bytes],
) -> None:
    whole = make(b"a body", OFFER)
    assert ask(whole) == [["a body", False, True]]
    for parts in splits(whole):
        assert ask(*parts) == [["a body", False, True]], parts
    assert ask(*(bytes([byte]) for byte in whole)) == [["a body", False, True]]


def test_nor_in_a_row_of_requests_wherever_that_is_cut() -> None:
    row = request(b"one", OFFER) + chunked(b"two") + chunked(b"three", OFFER) + request(b"4", OFFER)
    answers = [[body, False, True] for body in ("one", "two", "three", "4")]
    assert ask(row) == answers
    for parts in splits(row):
        assert ask(*parts) == answers, parts


def test_an_offer_in_a_body_is_part_of_the_body() -> None:
    body = b"\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    for parts in splits(request(body)):
        assert ask(*parts) == [[body.decode(), False, True]], parts


def test_a_websocket_s_handshake_goes_to_uvicorn_wherever_it_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed: list[list[tuple[bytes, bytes]]] = []
    monkeypatch.setattr(
        Connection, "handle_websocket_upgrade", lambda self: handed.append(self.headers)
    )
    handshake = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    for count, parts in enumerate(splits(handshake), 1):
        assert ask(*parts) == []
        assert len(handed) == count
        assert (b"upgrade", b"WebSocket") in handed[-1]


def refusal(*parts: bytes) -> tuple[int, str]:
    """The status and the code of the answer to `parts`, after which the connection is closed."""

    async def talk() -> bytes:
        made, wire = connect(Echo())
        for part in parts:
            if not wire.closing:
                made.data_received(part)
        await settle()
        assert wire.closing
        return wire.written

    head, _, body = asyncio.run(talk()).partition(b"\r\n\r\n")
    assert b"\r\nX-Request-Id: ".lower() in head.lower()
    assert b"\r\nconnection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)["error"]["code"]


@pytest.mark.parametrize(
    "raw",
    [b"\x16\x03\x01\x02", b"NOTHING\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
     b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n",
     b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
     b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
)  # fmt: skip
def test_what_is_no_request_has_the_one_body_and_no_line_in_the_log(
    raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert refusal(raw) == (400, "malformed_request")
    assert not caplog.records


LINE = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
TOO_MUCH = MOST_HEAD + 8 * 1024


@pytest.mark.parametrize(
    ("start", "endless"),
    [(LINE, b"a: b\r\n"), (LINE + b"a: ", b"a"), (b"GET /", b"a"), (b"", b"\r\n"),
     (CHUNKED + b"1\r\na\r\n0\r\n", b"a: b\r\n"), (CHUNKED + b"1;", b"a")],
    ids=["headers", "a header", "a path", "empty lines", "trailers", "an extension"],
)  # fmt: skip
@pytest.mark.parametrize("size", [7, 1_000, 2**20])
def test_what_does_not_end_is_refused(start: bytes, endless: bytes, size: int) -> None:
    data = start + endless * (TOO_MUCH // len(endless))
    parts = (data[i : i + size] for i in range(0, len(data), size))
    assert refusal(*parts) == (431, "head_too_large")


def test_a_long_head_and_a_long_body_are_read() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Kept: %b\r\nContent-Length: %d\r\n\r\n"
    body = b"a" * 5 * MOST_HEAD
    whole = head % (b"b" * (MOST_HEAD - 8 * 1024), len(body)) + body
    assert ask(whole) == [[body.decode(), False, True]]
    assert ask(*(whole[i : i + 999] for i in range(0, len(whole), 999)))[0][0] == body.decode()


def test_few_requests_are_parsed_ahead_and_all_are_answered_in_order() -> None:
    count = 3_000
    row = b"".join(request(b"%d" % i, path=b"/%d" % i) for i in range(count))

    async def talk() -> bytes:
        app = Echo()
        app.go_on.clear()
        made, wire = connect(app)
        made.data_received(row[: len(row) // 2])
        assert wire.paused
        made.data_received(row[len(row) // 2 :])  # what the kernel had handed over before
        await settle()
        assert app.begun == ["/0"]
        assert len(made.pipeline) < 200
        app.go_on.set()
        while wire.written.count(b"HTTP/1.1 200") < count:
            await asyncio.sleep(0)
        return wire.written

    assert [body for body, *_ in got(asyncio.run(talk()))] == [str(i) for i in range(count)]


def test_a_body_in_many_small_parts_lets_others_have_their_turn_and_comes_whole() -> None:
    body = b"a" * 30_000
    parts = b"1\r\na\r\n" * len(body)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nX-Kept: yes\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = head + parts + b"0\r\n\r\n"

    async def talk() -> tuple[bytes, int]:
        made, wire = connect(Echo())
        made.data_received(whole[:100_000])
        made.data_received(whole[100_000:])
        turns = 0
        while b"HTTP/1.1 200" not in wire.written:
            turns += 1
            await asyncio.sleep(0)
        return wire.written, turns

    written, turns = asyncio.run(talk())
    assert got(written) == [[body.decode(), False, True]]
    assert turns > 10


class TestTimes:
    """A head in a hundredth of a second."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "HEAD_SECONDS", 0.01)

    @pytest.mark.parametrize(
        "begun",
        [b"", b"\r\n", LINE, request(b"whole") + LINE],
        ids=["none", "empty", "half", "2nd"],
    )
    def test_who_does_not_finish_a_head_is_hung_up_on(self, begun: bytes) -> None:
        async def talk() -> None:
            made, wire = connect(Echo())
            if begun:
                made.data_received(begun)
            await settle()
            if begun == request(b"whole") + LINE:
                made.data_received(b"a")  # of the second head, the first being answered
            async with asyncio.timeout(10):
                while not wire.closing:
                    await asyncio.sleep(0.001)

        asyncio.run(talk())

    def test_who_waits_for_an_answer_is_not(self) -> None:
        async def talk() -> bytes:
            app = Echo()
            app.go_on.clear()
            made, wire = connect(app)
            made.data_received(request(b"one"))
            await asyncio.sleep(0.05)
            assert not wire.closing
            app.go_on.set()
            await settle()
            return wire.written

        assert got(asyncio.run(talk())) == [["one", False, True]]


def test_what_is_cut_off_is_cut_off_at_once_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def cut(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope[CUT]()

    async def talk() -> None:
        made, wire = connect(cut)
        made.data_received(request(b""))
        await settle()
        assert wire.closing

    asyncio.run(talk())
    assert not caplog.records
