"""`bentoml build` packs the service and the models, nothing else, and what it packs serves."""

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.project import ROOT
from tests.support.published import publish
from tests.support.servers.server import environment, serve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what matters, with small models, and beside it what must stay out."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "bentofile.yaml", project)
    shutil.copytree(ROOT / "service", project / "service")
    (project / "models").mkdir()
    for source in (ROOT / "models").glob("*.py"):
        shutil.copy(source, project / "models")
    publish(project / "models", "lstm")
    for unwanted in (
        "training/train.py",
        "tests/test_service.py",
        "runs/lstm/epoch-0001.safetensors",
        "data/MNIST/raw/train-images-idx3-ubyte",
        "models/.lstm-123/manifest.json",
        "models/.lstm-123/model.onnx",
        "models/lstm/notes.txt",
        ".env",
    ):
        (project / unwanted).parent.mkdir(parents=True, exist_ok=True)
        (project / unwanted).write_text("unwanted")
    return project


@pytest.fixture(scope="module")
def bento(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built Bento's folder."""
    folder = tmp_path_factory.mktemp("bento")
    run = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag"],
        cwd=project,
        env=environment(folder, {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    name, version = run.stdout.strip().removeprefix("__tag__:").split(":")
    return folder / "bentoml" / "bentos" / name / version


def test_holds_the_service_and_the_models_and_nothing_else(project: Path, bento: Path) -> None:
    source = bento / "src"
    packed = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    modules = (project / "service").rglob("*.py")
    service = {str(path.relative_to(project)) for path in modules}
    contract = {f"models/{path.name}" for path in (project / "models").glob("*.py")}
    model = {f"models/lstm/{file}" for file in ("manifest.json", "model.onnx", "model.pt")}
    page = {f"service/page/{path.name}" for path in (ROOT / "service/page").glob("*.*")}
    assert packed == service | page | contract | model | {"bentofile.yaml"}


def test_the_bento_answers(bento: Path, tmp_path: Path) -> None:
    with serve(tmp_path, {}, arguments=[str(bento)], cwd=tmp_path) as server:
        body = {"sequences": [[[0.0] * 28] * 28]}
        [prediction] = httpx.post(f"{server.url}/predict_sequences", json=body, timeout=30).json()
    assert prediction["model"] == "lstm"


def test_its_image_is_for_cuda_and_not_root_s(bento: Path) -> None:
    """The image that `bentoml containerize` makes."""
    dockerfile = (bento / "env" / "docker" / "Dockerfile").read_text().splitlines()
    assert [line for line in dockerfile if line.startswith("USER ")] == ["USER bentoml"]
    assert "FROM python:3.11-slim AS base-container" in dockerfile
    described = yaml.safe_load((bento / "bento.yaml").read_text())
    # The new format; docker.cuda_version or docker.dockerfile_template would make it the old one.
    assert described["image"]["base_image"] == "python:3.11-slim"
    installed = (bento / "env" / "python" / "requirements.txt").read_text()
    assert "onnxruntime-gpu[cuda,cudnn]" in installed
