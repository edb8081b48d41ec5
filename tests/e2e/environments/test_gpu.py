"""The real server on a machine with a GPU, once the card is hidden from it."""

from pathlib import Path

import httpx
import pytest

from tests.support.devices import CPU, CUDA, PROVIDERS
from tests.support.servers.refused import ROWS
from tests.support.servers.server import serve

pytestmark = [pytest.mark.e2e, pytest.mark.gpu, pytest.mark.slow]


def test_auto_is_the_cpu(tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with serve(tmp_path, {"MODELS_DIR": models_dir, "DEVICE": "auto"}) as server:
        body = {"sequences": [ROWS]}
        [prediction] = httpx.post(f"{server.url}/predict_sequences", json=body, timeout=60).json()
        assert (prediction["digit"], prediction["provider"]) == (7, PROVIDERS[CPU])
        assert server.log.count("Models run on the CPU: the NVIDIA driver finds no GPU") == 1


def test_cuda_is_refused(tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    settings = {"MODELS_DIR": models_dir, "DEVICE": CUDA}
    with serve(tmp_path, settings, status=503) as server:
        message = httpx.get(f"{server.url}/readyz").json()["error"]["message"]
        assert "device is cuda, but the NVIDIA driver finds no GPU" in message
