"""Clients that exist: what they send beside the usual is answered as HTTP asks."""

import socket
from urllib.parse import urlsplit

import pytest

from tests.support.servers.server import Server

pytestmark = pytest.mark.e2e

BODY = b'{"sequences": []}'
HEAD = (
    b"POST /predict_sequences HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n" % len(BODY)
)
# As the JDK's client and `curl --http2` have it.
OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
)
PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n"


def talk(server: Server, *parts: bytes) -> bytes:
    """What the server says to `parts` on one connection; its last answer is an error."""
    found = b""
    with socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), 10) as line:
        line.settimeout(10)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            line.sendall(part)
        while not found.endswith(b"}}"):
            received = line.recv(65536)
            if not received:
                break
            found += received
    return found


@pytest.mark.parametrize(
    "parts",
    [
        (HEAD + OFFER + b"\r\n" + BODY,),
        (HEAD + OFFER + b"\r\n", BODY),
        (HEAD + OFFER[:40], OFFER[40:] + b"\r\n" + BODY),
        tuple(bytes([byte]) for byte in HEAD + OFFER + b"\r\n" + BODY),
        (HEAD + b"\r\n" + BODY,),
    ],
    ids=["at once", "body apart", "within the offer", "each byte apart", "no offer"],
)
def test_an_offer_of_http_2_is_answered_in_http_1(server: Server, parts: tuple[bytes, ...]) -> None:
    assert b'"code":"empty_batch"' in talk(server, *parts)


def test_a_connection_goes_on_after_such_an_offer(server: Server) -> None:
    found = talk(server, PROBE + OFFER + b"\r\n", HEAD + b"\r\n" + BODY)
    assert found.count(b"HTTP/1.1 200 ") == 1
    assert b'"code":"empty_batch"' in found


def test_requests_in_a_row_are_all_answered_with_offers_and_without(server: Server) -> None:
    count = 1_000  # far more than are parsed ahead
    row = (PROBE + OFFER + b"\r\n" + PROBE + b"\r\n") * count
    found = talk(server, row + HEAD + OFFER + b"\r\n" + BODY)
    assert found.count(b"HTTP/1.1 200 ") == 2 * count
    assert b'"code":"empty_batch"' in found


def test_a_websocket_where_there_is_none_is_refused_as_one(server: Server) -> None:
    port = urlsplit(server.url).port or 0
    handshake = (
        b"GET /predict HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(handshake)
        assert line.recv(4096).startswith(b"HTTP/1.1 404 ")


def test_an_offer_in_a_body_is_part_of_the_body(server: Server) -> None:
    body = b'{"sequences": [], "model": "\r\nUpgrade: h2c\r\n\r\n"}'
    head = HEAD.replace(b"%d" % len(BODY), b"%d" % len(body))
    assert b'"code":"invalid_json"' in talk(server, head + b"\r\n" + body)
