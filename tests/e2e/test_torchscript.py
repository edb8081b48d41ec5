"""The service with the TorchScript backend."""

import shutil
from pathlib import Path

import httpx
import pytest

from tests.support.project import ROOT
from tests.support.servers.server import serve
from tests.support.servers.smoke import ask_every_route

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_every_route_is_answered(tmp_path: Path, models_dir: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(models_dir, models)
    shutil.copytree(ROOT / "models" / "numbers", models / "numbers")
    settings = {"MODELS_DIR": models, "BACKEND": "torchscript"}
    with serve(tmp_path, settings) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        ask_every_route(http)
