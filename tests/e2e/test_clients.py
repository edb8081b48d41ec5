"""Clients that exist: what they send beside the usual is answered as HTTP asks."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.support.project import ROOT
from tests.support.server import Server, environment, serve

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
    [(HEAD + OFFER + b"\r\n" + BODY,), (HEAD + OFFER + b"\r\n", BODY), (HEAD + b"\r\n" + BODY,)],
    ids=["at once", "body apart", "no offer"],
)
def test_an_offer_of_http_2_is_answered_in_http_1(server: Server, parts: tuple[bytes, ...]) -> None:
    assert b'"code":"empty_batch"' in talk(server, *parts)


def test_a_connection_goes_on_after_such_an_offer(server: Server) -> None:
    found = talk(server, PROBE + OFFER + b"\r\n", HEAD + b"\r\n" + BODY)
    assert found.count(b"HTTP/1.1 200 ") == 1
    assert b'"code":"empty_batch"' in found


def test_an_offer_in_a_body_is_part_of_the_body(server: Server) -> None:
    body = b'{"sequences": [], "model": "\r\nUpgrade: h2c\r\n\r\n"}'
    head = HEAD.replace(b"%d" % len(BODY), b"%d" % len(body))
    assert b'"code":"invalid_json"' in talk(server, head + b"\r\n" + body)


def test_a_preflight_that_fails_is_answered_like_all_else(tmp_path: Path, models_dir: Path) -> None:
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu", "CORS_ORIGINS": "https://a.example"}
    with serve(tmp_path, settings) as server:
        asked = {"Origin": "https://b.example", "Access-Control-Request-Method": "POST"}
        answer = httpx.options(f"{server.url}/predict", headers={**asked, "X-Request-Id": "mine"})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "origin_not_allowed"
        assert "https://b.example" in answer.json()["error"]["message"]
        assert answer.headers["x-request-id"] == "mine"
        assert "access-control-allow-origin" not in answer.headers
        allowed = {**asked, "Origin": "https://a.example"}
        assert httpx.options(f"{server.url}/predict", headers=allowed).status_code == 200


def test_a_key_that_no_header_can_hold_is_refused_at_start_and_not_shown(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", "--port", "0"],
        cwd=ROOT,
        env=environment(tmp_path, {"API_KEYS": "schlüssel"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode != 0
    assert "ROWREADER_API_KEYS is not shown: A key holds more than ASCII" in run.stderr
    assert "schl" not in run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells of a parent's end")
def test_a_worker_ends_when_its_supervisor_is_killed(tmp_path: Path, models_dir: Path) -> None:
    with serve(tmp_path, {"MODELS_DIR": models_dir, "DEVICE": "cpu"}) as server:
        children = psutil.Process(server.process.pid).children(recursive=True)
        assert len(children) > 1  # a worker, and what parses for it
        os.kill(server.process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=30)
        with contextlib.suppress(psutil.NoSuchProcess):
            assert not alive
