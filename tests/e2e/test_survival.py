"""A worker that dies is replaced."""

import signal
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.server import serve

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
