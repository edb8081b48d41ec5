"""What is given up stops, and a worker that dies is replaced."""

import io
import signal
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from tests.e2e.server import serve
from tests.published import picture

pytestmark = pytest.mark.e2e


def test_a_killed_worker_comes_back(tmp_path: Path, models_dir: Path) -> None:
    with serve(tmp_path, {"MODELS_DIR": models_dir}) as server:
        supervisor = psutil.Process(server.process.pid)
        [worker] = [p for p in supervisor.children(recursive=True) if "--worker-id" in p.cmdline()]
        worker.send_signal(signal.SIGKILL)
        psutil.wait_procs([worker], timeout=10)
        server.wait()
        body = {"sequences": [[[0.0] * 28] * 28]}
        answer = httpx.post(f"{server.url}/predict_sequences", json=body, timeout=30)
        assert answer.json()[0]["model"] == "lstm"


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_a_request_that_took_too_long_works_no_further(tmp_path: Path, models_dir: Path) -> None:
    digit = png(Image.fromarray(picture(7)))
    large = png(Image.fromarray(picture(7)).resize((2000, 2000)))
    settings = {"MODELS_DIR": models_dir, "TIMEOUT_SECONDS": 1, "THREADS": 1}
    with serve(tmp_path, settings) as server:
        files = [("images", ("large.png", large))] * 250  # far more work than for a second
        answer = httpx.post(f"{server.url}/predict_batch", files=files, timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
        # The one thread is free again after the picture that it was at.
        answer = httpx.post(f"{server.url}/predict", files={"image": digit}, timeout=60)
        assert (answer.status_code, answer.json()["digit"]) == (200, 7)
