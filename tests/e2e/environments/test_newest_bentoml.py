"""The service on the newest BentoML that it accepts and the package index has."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from tests.support.project import dependencies
from tests.support.servers.server import serve
from tests.support.servers.smoke import ask_every_route

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

[WANTED] = [need for need in dependencies() if Requirement(need).name == "bentoml"]


def pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's pip for that of `python`."""
    options = ["--disable-pip-version-check", "--retries", "1", "--timeout", "20"]
    command = [sys.executable, "-m", "pip", "--python", str(python), *options, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment like this one, but for BentoML and what it needs anew."""
    environment = tmp_path / "environment"
    venv.create(environment)
    paths = sysconfig.get_paths("venv", {"base": str(environment)})
    # All that is installed beside the tests, unless it is here too.
    (Path(paths["purelib"]) / "tests.pth").write_text(sysconfig.get_path("purelib"))
    python = Path(paths["scripts"]) / "python"
    found = pip(python, "download", "--no-deps", "--dest", str(tmp_path), WANTED)
    if found.returncode:
        pytest.skip(f"no package index has {WANTED}: {found.stderr.strip().splitlines()[-1]}")
    [wheel] = tmp_path.glob("bentoml-*.whl")
    installed = pip(python, "install", str(wheel))
    assert installed.returncode == 0, installed.stderr
    asked = [str(python), "-c", "import bentoml; print(bentoml.__version__)"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    assert wheel.name.split("-")[1] == version
    print(f"BentoML {version}")
    return python


def test_every_route_is_answered(python: Path, tmp_path: Path, all_tasks: Path) -> None:
    settings = {"MODELS_DIR": all_tasks, "DEVICE": "cpu"}
    with (
        serve(tmp_path, settings, python=python) as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        ask_every_route(http)
