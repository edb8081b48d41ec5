"""What the Dockerfile makes of the project runs, by the image's own commands.

No image is built, which takes a registry: its files are laid out as the Dockerfile copies them,
its command serves them in its environment, and its health check asks.
"""

import contextlib
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.dockerfile import image
from tests.support.project import ROOT
from tests.support.servers.server import Server, serve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The image's files, as the Dockerfile copies them."""
    folder = tmp_path / "app"
    folder.mkdir()
    for instruction in image("COPY"):
        source = ROOT / instruction.words[0]
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source, folder / source.name, ignore=ignored)
        else:
            shutil.copy(source, folder)
    return folder


@contextlib.contextmanager
def container(app: Path, status: int = 200) -> Iterator[Server]:
    """The image's command in the image's files and environment, once `/readyz` answers `status`."""
    [command], [environment] = image("CMD"), image("ENV")
    program, word, *arguments = command.command
    assert (program, word) == ("bentoml", "serve")
    with pytest.MonkeyPatch.context() as patch:
        for pair in environment.words:
            patch.setenv(*pair.split("="))
        settings = {"DEVICE": "cpu"}
        with serve(app.parent, settings, arguments=arguments, cwd=app, status=status) as server:
            yield server


def healthy(server: Server) -> bool:
    """What the image's health check says, asking the port of `server`."""
    [check] = image("HEALTHCHECK")
    [port] = image("EXPOSE")
    python, *arguments = check.command
    assert python == "python"
    assert arguments[-1].count(port.rest) == 1
    arguments[-1] = arguments[-1].replace(port.rest, server.url.rpartition(":")[2])
    return subprocess.run([sys.executable, *arguments], check=False).returncode == 0


def digests(folder: Path) -> dict[Path, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_it_serves_survives_a_killed_worker_and_writes_nothing_to_its_folder(app: Path) -> None:
    before = digests(app)
    with container(app) as server:
        assert healthy(server)
        picture = {"image": (ROOT / "docs" / "seven.png").read_bytes()}
        assert httpx.post(f"{server.url}/predict", files=picture, timeout=30).json()["digit"] == 7
        # BentoML replaces no worker where its own images' BENTOML_CONTAINERIZED is set.
        [worker] = server.workers
        worker.kill()
        psutil.wait_procs([worker], timeout=10)
        server.wait()
        assert healthy(server)
        assert server.stop() == 0
    assert digests(app) == before


def test_it_is_not_healthy_before_it_is_ready_nor_after_its_end(app: Path) -> None:
    (app / "models" / "lstm" / "model.onnx").unlink()
    with container(app, status=503) as server:
        assert httpx.get(f"{server.url}/livez").status_code == 200
        assert not healthy(server)
        server.stop()
        assert not healthy(server)
