"""What is given up stops, and a worker that dies is replaced."""

import contextlib
import dataclasses
import errno
import io
import itertools
import os
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from PIL import Image

from tests.support.devices import EACH, PROVIDERS
from tests.support.project import ROOT
from tests.support.published import picture
from tests.support.servers.server import Server, serve
from tests.support.servers.traffic import keep_asking, upload

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DIGIT = (ROOT / "docs" / "seven.png").read_bytes()
WORKERS = 2


def refuses_connections(server: Server) -> bool:
    address = urlsplit(server.url)
    with socket.socket() as connection:
        connection.settimeout(10)
        return connection.connect_ex((address.hostname, address.port)) == errno.ECONNREFUSED


def figure(server: Server, name: str) -> float:
    """A figure of the metrics, all its labels together."""
    with contextlib.suppress(httpx.TransportError):
        lines = httpx.get(f"{server.url}/metrics", timeout=30).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
    return -1


def answered(server: Server) -> float:
    return figure(server, 'rowreader_requests_total{model="lstm"')


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@EACH
def test_the_service_goes_on_when_a_worker_is_killed_under_load(
    tmp_path: Path, device: str
) -> None:
    def right(answer: Any) -> bool:
        return bool(answer["digit"] == 7 and answer["provider"] == PROVIDERS[device])

    asks = itertools.repeat(dataclasses.replace(upload(DIGIT, 7), right=right))
    settings = {"DEVICE": device, "WORKERS": WORKERS}
    with serve(tmp_path, settings) as server, ThreadPoolExecutor(1) as pool:
        server.poll(lambda: len(server.workers) == WORKERS)
        done = threading.Event()
        load = pool.submit(keep_asking, server.url, asks, connections=8, until=done.is_set)
        try:
            victim = server.workers[0]
            server.poll(lambda: answered(server) > 50)
            victim.send_signal(signal.SIGKILL)
            psutil.wait_procs([victim], timeout=10)
            asked = answered(server)
            server.poll(lambda: answered(server) > asked + 50)  # the other goes on meanwhile
            server.poll(lambda: len(server.workers) == WORKERS and victim not in server.workers)
            ready = f"'lstm': '{PROVIDERS[device]}'"  # a line of each worker's log
            server.poll(lambda: server.log.count(ready) == WORKERS + 1)
            asked = answered(server)
            server.poll(lambda: answered(server) > asked + 50)
        finally:
            done.set()
        answers = load.result(timeout=60)
    lost = [answer for answer in answers if answer.status == 0]
    # What the killed worker was at, or had just been sent.
    assert len(lost) <= 8
    assert all(answer.right for answer in answers if answer not in lost)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells of a parent's end")
def test_a_worker_ends_when_its_supervisor_is_killed(tmp_path: Path, models_dir: Path) -> None:
    with serve(tmp_path, {"MODELS_DIR": models_dir, "DEVICE": "cpu"}) as server:
        children = psutil.Process(server.process.pid).children(recursive=True)
        assert len(children) > 1  # a worker, and what parses for it
        os.kill(server.process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []


def test_what_was_accepted_is_answered_before_the_end(tmp_path: Path) -> None:
    settings = {"DEVICE": "cpu", "MAX_DELAY_SECONDS": 60}
    batch = [("images", ("seven.png", DIGIT))] * 40
    with serve(tmp_path, settings) as server, ThreadPoolExecutor(6) as pool:

        def ask() -> httpx.Response:
            return httpx.post(f"{server.url}/predict_batch", files=batch, timeout=60)

        under_way = [pool.submit(ask) for _ in range(6)]
        # Of six requests in turns, every one has begun after so many pictures.
        server.poll(lambda: figure(server, "rowreader_preprocess_seconds_count") > 30)
        server.process.send_signal(signal.SIGTERM)
        server.poll(lambda: refuses_connections(server))
        assert not any(answer.done() for answer in under_way)
        for answer in under_way:
            assert [result["digit"] for result in answer.result().json()] == [7] * 40
        assert server.process.wait(timeout=30) == 0
        with pytest.raises(httpx.TransportError):
            ask()


def test_a_request_that_took_too_long_works_no_further(tmp_path: Path, models_dir: Path) -> None:
    digit = png(Image.fromarray(picture(7)))
    large = png(Image.fromarray(picture(7)).resize((2000, 2000)))
    settings = {
        "MODELS_DIR": models_dir,
        "MAX_BATCH_PIXELS": 10**10,
        "TIMEOUT_SECONDS": 1,
        "THREADS": 1,
    }
    with serve(tmp_path, settings) as server:
        files = [("images", ("large.png", large))] * 250  # far more work than for a second
        answer = httpx.post(f"{server.url}/predict_batch", files=files, timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        # The one thread is free again after the picture that it was at.
        answer = httpx.post(f"{server.url}/predict", files={"image": digit}, timeout=60)
        assert (answer.status_code, answer.json()["digit"]) == (200, 7)
