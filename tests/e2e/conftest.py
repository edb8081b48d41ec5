"""The servers that the end-to-end tests share, and clients of them."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.project import ROOT
from tests.support.published import publish, publish_stateful
from tests.support.servers.server import GUARDS, SMALL_LIMITS, Server, serve


@pytest.fixture(scope="session")
def all_tasks(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Path:
    """A folder of small classifiers and the reader of numbers that ships."""
    models = tmp_path_factory.mktemp("models") / "all"
    shutil.copytree(models_dir, models)
    shutil.copytree(ROOT / "models" / "numbers", models / "numbers")
    return models


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, all_tasks: Path) -> Iterator[Server]:
    """A server of small classifiers, a reader of numbers and a model that carries state.

    Its limits are small.
    """
    models = tmp_path_factory.mktemp("models") / "small"
    shutil.copytree(all_tasks, models)
    publish_stateful(models)
    settings = {"MODELS_DIR": models, "DEVICE": "cpu", **SMALL_LIMITS}
    with serve(tmp_path_factory.mktemp("server"), settings) as server:
        yield server


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as `make serve` starts it, but for the port."""
    with serve(tmp_path_factory.mktemp("shipped"), {"DEVICE": "cpu"}) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Server]:
    """A server that asks for a key, takes two requests at once, and logs every answer as JSON."""
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu", **GUARDS}
    with serve(tmp_path_factory.mktemp("guarded"), settings) as server:
        yield server


@pytest.fixture(scope="session")
def unready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has a sound model, `lstm`, and an altered one, `gru`."""
    models = tmp_path_factory.mktemp("altered")
    publish(models, "lstm")
    with (publish(models, "gru") / "model.onnx").open("ab") as file:
        file.write(b"x")
    folder = tmp_path_factory.mktemp("unready")
    with serve(folder, {"MODELS_DIR": models}, status=503) as server:
        yield server


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """Plain HTTP."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    """BentoML's client; it learns the routes from the server."""
    with warnings.catch_warnings():
        # BentoML's import uses what pathspec and pydantic have deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        from bentoml import SyncHTTPClient
    with SyncHTTPClient(server.url) as client:
        yield client
