"""One healthy server for all end-to-end tests, and BentoML's own client for it."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.published import publish, publish_stateful
from tests.support.server import Server, serve

# Small, so that every limit can be met quickly.
LIMITS = {
    "MAX_BATCH": 5,
    "MAX_BODY_BYTES": 1_000_000,
    "MAX_PIXELS": 10_000,
    "MAX_BATCH_PIXELS": 20_000,
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Server]:
    """A server of three small models with small limits, on the CPU."""
    folder = tmp_path_factory.mktemp("server")
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu", **LIMITS}
    with serve(folder, settings) as server:
        yield server


@pytest.fixture(scope="session")
def v2_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two classifiers, and of a model of another task that carries state."""
    models = tmp_path_factory.mktemp("v2_models")
    publish(models, "lstm")
    publish(models, "gru", shift=1)
    publish_stateful(models)
    limits = {"MAX_V2_BATCH": 6, "MAX_BODY_BYTES": 100_000, "MAX_BATCH": 5}
    settings = {"MODELS_DIR": models, "DEVICE": "cpu", **limits}
    with serve(tmp_path_factory.mktemp("v2_server"), settings) as server:
        yield server


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as `make serve` starts it, but for the port."""
    with serve(tmp_path_factory.mktemp("shipped"), {"DEVICE": "cpu"}) as server:
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
    client._temp_dir.cleanup()  # BentoML leaves it to the collector, which warns
