"""A server that cannot serve says why, and does not pretend."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.inference import cuda
from tests.support.project import ROOT
from tests.support.published import publish
from tests.support.server import environment, serve

pytestmark = pytest.mark.e2e


def test_an_altered_model_is_never_served(tmp_path: Path) -> None:
    for name in ("lstm", "gru"):
        publish(tmp_path / "models", name)
    with (tmp_path / "models" / "gru" / "model.onnx").open("ab") as file:
        file.write(b"x")
    with serve(tmp_path, {"MODELS_DIR": tmp_path / "models"}, status=503) as server:
        not_ready = httpx.get(f"{server.url}/readyz").json()["error"]
        assert not_ready["code"] == "not_ready"
        assert "gru/model.onnx has" in not_ready["message"]
        assert str(tmp_path) not in not_ready["message"]
        assert httpx.get(f"{server.url}/livez").status_code == 200
        # The sound model is not served either: nothing is loaded by half.
        answer = httpx.post(f"{server.url}/predict", files={"image": b"x"}, data={"model": "lstm"})
        assert (answer.status_code, answer.json()["error"]) == (503, not_ready)
        assert server.log.count("gru/model.onnx has") == 1
        assert "Traceback" not in server.log


@pytest.mark.skipif(cuda.driver_problem() is None, reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_not_ready(tmp_path: Path, models_dir: Path) -> None:
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cuda"}
    with serve(tmp_path, settings, status=503) as server:
        error = httpx.get(f"{server.url}/readyz").json()["error"]
        assert error["message"].startswith("the models are not loaded: device is cuda, but")
        assert httpx.get(f"{server.url}/livez").status_code == 200


def test_a_bad_setting_stops_the_start_with_one_clear_line(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve"],
        cwd=ROOT,
        env=environment(tmp_path, {"DEVICE": "gpu"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert "ROWREADER_DEVICE is 'gpu'" in run.stderr
    assert "'auto', 'cpu' or 'cuda'" in run.stderr
    assert "Traceback" not in run.stderr


def test_torchscript_serves_too(tmp_path: Path, models_dir: Path) -> None:
    settings = {"MODELS_DIR": models_dir, "BACKEND": "torchscript"}
    with serve(tmp_path, settings) as server:
        body = {"sequences": [[[0.0] * 28] * 28], "model": "gru"}
        [prediction] = httpx.post(f"{server.url}/predict_sequences", json=body, timeout=30).json()
        assert prediction["model"] == "gru"
        assert prediction["provider"] in ("cpu", "cuda")


def test_a_request_that_takes_too_long_has_the_one_body(tmp_path: Path, models_dir: Path) -> None:
    settings = {"MODELS_DIR": models_dir, "TIMEOUT_SECONDS": 0.5}

    def slow() -> Iterator[bytes]:
        for _ in range(15):
            yield b" " * 10
            time.sleep(0.1)  # being slow is the point

    with serve(tmp_path, settings) as server:
        json = {"content-type": "application/json"}
        answer = httpx.post(f"{server.url}/predict_sequences", content=slow(), headers=json)
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "timeout"
