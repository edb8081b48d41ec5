"""A client that does not read its answer holds up only itself, and not for ever."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.polling import DEADLINE
from tests.support.servers.server import Server, serve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PATH = "/v2/models/autoencoder-decoder/infer"
ROWS = 1024
LARGE = {
    "inputs": [{"name": "code", "shape": [ROWS, 3], "datatype": "FP32", "data": [0.5] * 3 * ROWS}]
}
SMALL = {"inputs": [{"name": "code", "shape": [1, 3], "datatype": "FP32", "data": [0.5] * 3}]}


@contextlib.contextmanager
def ask_and_do_not_read(url: str) -> Iterator[int]:
    """Hold a connection on which megabytes of an answer begin to come; its own port."""
    body = json.dumps(LARGE).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(DEADLINE)
        connection.connect((urlsplit(url).hostname, urlsplit(url).port))
        connection.sendall(head.encode() + body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        yield connection.getsockname()[1]


def ports_of_clients(server: Server) -> set[int]:
    """The ports of those whose connections the server's workers hold."""
    held = [c for worker in server.workers for c in worker.net_connections("tcp")]
    return {connection.raddr.port for connection in held if connection.raddr}


def status(server: Server, body: object = SMALL) -> int:
    return httpx.post(server.url + PATH, json=body, timeout=DEADLINE).status_code


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that gives each request five seconds, and has room for one large answer, not two."""
    settings = {"MAX_PENDING_BYTES": 12_000_000, "TIMEOUT_SECONDS": 5}
    with serve(tmp_path_factory.mktemp("roomy"), settings) as server:
        yield server


def test_an_answer_that_is_not_read_keeps_its_place_until_its_time_is_up(tmp_path: Path) -> None:
    with serve(tmp_path, {"MAX_PENDING": 1, "TIMEOUT_SECONDS": 3}) as server:
        with ask_and_do_not_read(server.url) as port:
            assert status(server) == 429
            assert port in ports_of_clients(server)
            server.poll(lambda: status(server) == 200)
            server.poll(lambda: port not in ports_of_clients(server))  # nor its descriptor
        assert "was cut off: the request was not done within 3 s" in server.log
        assert "Traceback" not in server.log


def test_an_answer_that_is_not_read_keeps_its_bytes_until_its_time_is_up(roomy: Server) -> None:
    logged = len(roomy.log)
    with ask_and_do_not_read(roomy.url):
        refusal = httpx.post(roomy.url + PATH, json=LARGE, timeout=DEADLINE)
        assert refusal.status_code == 429
        assert "more are taken; try again in a second" in refusal.json()["error"]
        assert refusal.headers["Retry-After"] == "1"
        assert status(roomy) == 200
        roomy.poll(lambda: status(roomy, LARGE) == 200)
    assert "was cut off: the request was not done within 5 s" in roomy.log[logged:]
    assert "Traceback" not in roomy.log


def test_a_large_answer_that_is_read_slowly_arrives_whole(roomy: Server) -> None:
    with httpx.stream("POST", roomy.url + PATH, json=LARGE, timeout=DEADLINE) as answer:
        body = b"".join(answer.iter_raw(chunk_size=10_000))
    assert len(body) == int(answer.headers["content-length"]) > 4_000_000
    [output] = json.loads(body)["outputs"]
    assert output["shape"] == [ROWS, 28, 28]
    assert len(output["data"]) == ROWS * 28 * 28
