"""The service with the TorchScript backend."""

from pathlib import Path

import httpx
import pytest

from tests.support.servers.server import serve
from tests.support.servers.smoke import ask_every_route

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_every_route_is_answered(tmp_path: Path, all_tasks: Path) -> None:
    settings = {"MODELS_DIR": all_tasks, "BACKEND": "torchscript"}
    with serve(tmp_path, settings) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        ask_every_route(http)
