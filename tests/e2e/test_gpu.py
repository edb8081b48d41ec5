"""The real server on a GPU: several workers on one card, and what happens without the card."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.devices import CPU, CUDA, EACH, PROVIDERS
from tests.support.published import picture
from tests.support.server import Server, serve

pytestmark = pytest.mark.e2e
WORKERS = 3


def read(server: Server, digit: int) -> tuple[int, str]:
    """What the server reads in the picture of `digit`, and what ran it."""
    sequence = (picture(digit) / 255.0).tolist()
    body = {"sequences": [sequence]}
    answer = httpx.post(f"{server.url}/predict_sequences", json=body, timeout=60)
    [prediction] = answer.json()
    return prediction["digit"], prediction["provider"]


@EACH
def test_several_workers_share_one_device(tmp_path: Path, models_dir: Path, device: str) -> None:
    loaded = f"'lstm': '{PROVIDERS[device]}'"  # a line of each worker's log
    settings = {"MODELS_DIR": models_dir, "DEVICE": device, "WORKERS": WORKERS}
    with serve(tmp_path, settings) as server, ThreadPoolExecutor(16) as pool:
        server.poll(lambda: server.log.count(loaded) == WORKERS)
        wanted = [int(digit) for digit in np.random.default_rng(0).integers(0, 10, 200)]
        answers = list(pool.map(lambda digit: read(server, digit), wanted))
        assert answers == [(digit, PROVIDERS[device]) for digit in wanted]

        server.workers[0].kill()
        server.poll(lambda: server.log.count(loaded) == WORKERS + 1)
        assert read(server, 7) == (7, PROVIDERS[device])


@pytest.mark.gpu
def test_auto_is_the_cpu_when_the_card_is_hidden(
    tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with serve(tmp_path, {"MODELS_DIR": models_dir, "DEVICE": "auto"}) as server:
        assert read(server, 7) == (7, PROVIDERS[CPU])
        assert server.log.count("Models run on the CPU: the NVIDIA driver finds no GPU") == 1


@pytest.mark.gpu
def test_cuda_is_refused_when_the_card_is_hidden(
    tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    settings = {"MODELS_DIR": models_dir, "DEVICE": CUDA}
    with serve(tmp_path, settings, status=503) as server:
        message = httpx.get(f"{server.url}/readyz").json()["error"]["message"]
        assert "device is cuda, but the NVIDIA driver finds no GPU" in message
