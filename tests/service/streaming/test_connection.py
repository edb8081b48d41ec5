"""A WebSocket's conversation, without a server: what ends it that no client would wait for."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.datastructures import QueryParams
from starlette.types import Message

from service.execution.admission import Admission
from service.http.web_sockets import WebSocketGate
from service.inference.registry import Registry, load
from service.settings import Settings
from service.streaming import web_socket
from service.streaming.connection import GOING_AWAY, LEAVING, LOST, TRY_AGAIN, Connection
from service.streaming.web_socket import Streams
from service.uploads.request_head import RequestHead
from tests.support.published import finished, picture

ROW = picture(7)[:1].tobytes()


class Queue:
    """A queue in which nothing waits."""

    delay = 0.0


class Line:
    """What a client has sent, and what came back; it may not read what comes."""

    def __init__(self, sent: Sequence[bytes | str | Message], *, reads: bool = True) -> None:
        self._sent, self._reads = list(sent), reads
        self.answers: list[Any] = []
        self.closes: list[int] = []
        self.status = 0

    async def receive(self) -> Message:
        if not self._sent:
            await asyncio.Event().wait()
        message = self._sent.pop(0)
        if isinstance(message, (bytes, str)):
            kind = "bytes" if isinstance(message, bytes) else "text"
            return {"type": "websocket.receive", kind: message}
        return message

    async def send(self, event: Message) -> None:
        if not self._reads:
            await asyncio.Event().wait()
        if event["type"] == "websocket.send":
            self.answers.append(json.loads(event["text"]))
        elif event["type"] == "websocket.close":
            self.closes.append(event["code"])
        elif event["type"] == "websocket.http.response.start":
            self.status = event["status"]


@pytest.fixture(scope="module")
def registry(models_dir: Path) -> Registry:
    return load(Settings.from_environment(models_dir=models_dir, device="cpu"))


@pytest.fixture
def streams(registry: Registry) -> Streams:
    async def infer(run: Any) -> Any:
        return finished(run)

    worker: Any = SimpleNamespace(
        scheduler=SimpleNamespace(infer=infer),
        predictor=SimpleNamespace(count=lambda prediction: None),
        models=lambda: registry,
    )
    return Streams(lambda: worker)


def connected(streams: Streams, line: Line, headers: dict[str, str] | None = None) -> int:
    """The code by which a whole connection, from its handshake on, is counted."""
    counted: list[tuple[str, str, int]] = []
    settings = Settings.from_environment(stream_idle_seconds=0.05, max_pending=2)
    gate = WebSocketGate(settings, {"/stream": streams})
    scope = {
        "type": "websocket",
        "path": "/stream",
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }

    async def connect() -> None:
        admission = Admission(Queue(), 2, 10**6, 1.0)
        await gate(scope, line.receive, line.send, admission, lambda *seen: counted.append(seen))
        with admission.reserve(), admission.reserve():  # both places are free again
            pass

    line._sent.insert(0, {"type": "websocket.connect"})
    asyncio.run(connect())
    [(route, _, code)] = counted
    assert route == "/stream"
    return code


def test_a_client_that_does_not_read_is_given_up(streams: Streams) -> None:
    head = RequestHead.read({"method": "GET", "path": "/stream", "headers": []})

    async def talk() -> int:
        line = Line([ROW] * 5, reads=False)
        connection = Connection(line.receive, line.send, idle_seconds=0.05)
        return await asyncio.wait_for(streams(connection, head, QueryParams()), 30)

    assert asyncio.run(talk()) == LOST


def test_a_client_that_has_gone_without_a_word_is_let_go(streams: Streams) -> None:
    line = Line([ROW, {"type": "websocket.disconnect", "code": None}])
    assert connected(streams, line) == LOST
    assert [answer["row"] for answer in line.answers] == [1]
    assert line.closes == []


def test_a_connection_takes_so_many_messages_and_no_more(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_socket, "MAX_MESSAGES", 3)
    line = Line([ROW] * 5)
    assert connected(streams, line) == TRY_AGAIN
    *rows, error = line.answers
    assert [row["row"] for row in rows] == [1, 2, 3]
    assert "3 messages have come on this connection" in error["error"]["message"]


def test_rows_that_came_before_the_service_ends_are_answered(streams: Streams) -> None:
    line = Line([ROW, ROW, {"type": GOING_AWAY}])
    assert connected(streams, line) == LEAVING
    assert [answer.get("row") for answer in line.answers] == [1, 2, None]
    assert line.closes == [LEAVING]


def test_a_fault_of_the_service_is_told_without_its_words(
    streams: Streams, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(run: Any) -> Any:
        raise RuntimeError("File '/secret/path.py'")

    streams.worker().scheduler.infer = fail  # type: ignore[method-assign]
    line = Line([ROW])
    assert connected(streams, line) == 1011
    [answer] = line.answers
    assert answer["error"]["code"] == "internal"
    assert "secret" not in json.dumps(line.answers)
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://reader.example", "reader.example", 0),
        ("https://Reader.example:8443", "reader.example:8443", 0),
        ("https://reader.example", "reader.example:8443", 400),
        ("https://other.example", "reader.example", 400),
        ("null", "reader.example", 400),
    ],
)
def test_a_page_of_the_service_itself_may_connect(
    streams: Streams, origin: str, host: str, status: int
) -> None:
    line = Line([{"type": "websocket.disconnect", "code": 1001}])
    code = connected(streams, line, {"origin": origin, "host": host})
    assert line.status == status
    assert code == (status or 1001)
