"""A client that does not send what it has begun holds up nobody for long."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from service.http.body_limits import PATIENCE
from tests.support.project import ROOT
from tests.support.servers.server import serve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SEVEN = (ROOT / "docs" / "seven.png").read_bytes()
HEAD = (
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 1000000\r\n\r\n"
)


def test_places_are_free_again_long_before_the_time_of_a_request(
    tmp_path: Path, models_dir: Path
) -> None:
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu", "MAX_PENDING": 2}
    with serve(tmp_path, settings, as_shipped=True) as server:
        address = urlsplit(server.url)

        def connect(begun: bytes) -> socket.socket:
            line = socket.create_connection((address.hostname, address.port), 3 * PATIENCE)
            line.sendall(begun)
            return line

        def receive(line: socket.socket) -> bytes:
            """All that is said until the connection is closed."""
            line.settimeout(3 * PATIENCE)
            return b"".join(iter(lambda: line.recv(65_536), b""))

        def ask() -> int:
            return httpx.post(f"{server.url}/predict", files={"image": SEVEN}).status_code

        with connect(HEAD) as silent, connect(HEAD) as trickling, connect(HEAD[:50]) as half:
            server.poll(lambda: ask() == 429)
            trickling.settimeout(0.1)
            answer = b""
            while not answer:
                try:
                    answer = trickling.recv(65_536)
                except TimeoutError:
                    trickling.sendall(b"x")
            for received in (answer + receive(trickling), receive(silent)):
                assert received.startswith(b"HTTP/1.1 408 ")
                assert b'"code":"client_too_slow"' in received
                assert b"connection: close" in received.lower()
            assert receive(half) == b""
            server.poll(lambda: ask() == 200)
        assert "ERROR" not in server.log
        assert "Traceback" not in server.log
