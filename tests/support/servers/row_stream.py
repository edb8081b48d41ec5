"""Server-sent events and WebSockets as their clients see them."""

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.support.servers.server import Server


def events(response: httpx.Response) -> list[tuple[str, Any]]:
    """Each event's name and data, as the standard has them parsed (HTML, 9.2.6)."""
    found = []
    for block in response.text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        assert fields.keys() == {"event", "data"}
        found.append((fields["event"], json.loads(fields["data"])))
    return found


@contextlib.contextmanager
def opened(
    server: Server,
    query: str = "",
    *,
    path: str = "/stream",
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] = (),
) -> Iterator[ClientConnection]:
    """A connection to `server`."""
    url = server.url.replace("http", "ws", 1) + path + (f"?{query}" if query else "")
    with connect(
        url,
        additional_headers=headers,
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        open_timeout=30,
        proxy=None,
    ) as socket:
        yield socket


def ask(socket: ClientConnection, message: bytes | Mapping[str, Any]) -> Any:
    """The answer to one message."""
    socket.send(message if isinstance(message, bytes) else json.dumps(message))
    return json.loads(socket.recv(timeout=30))


def read(socket: ClientConnection, rows: bytes) -> list[Any]:
    """What is answered to `rows`, sent in one message."""
    socket.send(rows)
    return [json.loads(socket.recv(timeout=30)) for _ in range(len(rows) // 28)]


def closed(socket: ClientConnection) -> tuple[int, list[Any]]:
    """The code with which the service closes, and what it says before."""
    said = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            said.append(json.loads(socket.recv(timeout=60)))
    assert socket.close_code is not None
    return socket.close_code, said


def browser_key(key: str) -> list[str]:
    """The subprotocols by which a page sends a key."""
    encoded = base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    return ["rowreader", f"rowreader.key.{encoded}"]
