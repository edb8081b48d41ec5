"""A server that cannot serve says why, and does not pretend."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from service.inference import cuda
from tests.support.project import ROOT
from tests.support.servers.failures import check_failure
from tests.support.servers.refused import INFER
from tests.support.servers.server import Server, environment, serve

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    "path",
    ["/readyz", "/v2/health/ready", "/v2/models/lstm", "/v2/models/lstm/ready",
     "/v2/models/gru/ready"],
)  # fmt: skip
def test_no_model_is_ready_when_one_is_altered(unready: Server, path: str) -> None:
    response = httpx.get(unready.url + path, timeout=30)
    check_failure(response, "not_ready")
    assert "gru/model.onnx" in response.text


@pytest.mark.parametrize("path", ["/predict", "/predict_batch", "/predict_sequences", INFER])
def test_nothing_is_read_by_the_sound_model_either(unready: Server, path: str) -> None:
    response = httpx.post(unready.url + path, json={}, timeout=30)
    check_failure(response, "not_ready")
    assert "gru/model.onnx" in response.text


@pytest.mark.parametrize("path", ["/livez", "/v2/health/live", "/v2", "/metrics", "/docs.json"])
def test_what_needs_no_model_is_answered(unready: Server, path: str) -> None:
    assert httpx.get(unready.url + path, timeout=30).status_code == 200


def test_the_log_says_once_what_is_wrong(unready: Server) -> None:
    assert unready.log.count("gru/model.onnx has") == 1
    assert "Traceback" not in unready.log


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("DEVICE", "gpu", "ROWREADER_DEVICE is 'gpu': Input should be 'auto', 'cpu' or 'cuda'"),
        # What no header can hold; a key is never shown.
        ("API_KEYS", "schlüssel", "ROWREADER_API_KEYS is not shown: A key holds more than ASCII"),
    ],
    ids=["unknown device", "key of other letters"],
)
def test_a_bad_setting_stops_the_start_with_one_clear_line(
    tmp_path: Path, setting: str, value: str, message: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", "--port", "0"],
        cwd=ROOT,
        env=environment(tmp_path, {setting: value}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    [line] = [line for line in run.stderr.splitlines() if "ROWREADER" in line]
    assert message in line
    assert "schl" not in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.slow
@pytest.mark.skipif(cuda.driver_problem() is None, reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_not_ready(tmp_path: Path, models_dir: Path) -> None:
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cuda"}
    with serve(tmp_path, settings, status=503) as server:
        error = httpx.get(f"{server.url}/readyz").json()["error"]
        assert error["message"].startswith("the models are not loaded: device is cuda, but")
        assert httpx.get(f"{server.url}/livez").status_code == 200
