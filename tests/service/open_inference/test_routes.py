"""The protocol's routes without a server: by each backend, and before there are models."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.errors import NotReadyError
from service.execution.admission import Admission
from service.execution.parser_pool import ParserPool
from service.execution.scheduler import Scheduler
from service.http.endpoints import Endpoints
from service.http.gateway import Gateway, Worker
from service.http.known_paths import KnownPaths
from service.inference.registry import Registry, load
from service.open_inference.routes import OpenInference
from service.settings import Settings
from tests.support.metrics import metrics
from tests.support.published import picture

ROWS = (picture(7) / 255).astype(np.float32)[np.newaxis]
TENSOR = {"name": "rows", "shape": [1, 28, 28], "datatype": "FP32"}


class Served:
    """A process that serves, as far as the protocol needs it; not ready without a registry."""

    def __init__(self, registry: Registry | None) -> None:
        self.registry = registry
        parser = ParserPool(1, 5.0, 2**30, 60.0, metrics())
        self.scheduler = Scheduler(parser, 1, 64, 60.0, metrics())

    def models(self) -> Registry:
        if self.registry is None:
            raise NotReadyError("the reason")
        return self.registry


def ask(registry: Registry | None, method: str, path: str, **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        served = Served(registry)
        models = ["lstm", "gru", "rnn"]
        endpoints = OpenInference(lambda: served, max_axis=64).endpoints(models)
        paths = KnownPaths(endpoints, models)
        admission = Admission(served.scheduler, 9, 10**9, 60.0)
        worker = Worker(admission, lambda *_: None)
        settings = Settings.from_environment()
        app = Gateway(Endpoints(nothing), settings, paths, endpoints, lambda: worker)
        transport = httpx.ASGITransport(app=app)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **request)
        finally:
            served.scheduler.close()

    return asyncio.run(send())


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("every path has an endpoint")


@pytest.fixture(
    scope="module",
    params=[("onnxruntime", "onnxruntime_onnx"), ("torchscript", "pytorch_torchscript")],
)
def served(models_dir: Path, request: pytest.FixtureRequest) -> tuple[Registry, str]:
    """The models by each backend, and what its platform is called."""
    backend, platform = request.param
    settings = Settings.from_environment(models_dir=models_dir, device="cpu", backend=backend)
    return load(settings), platform


@pytest.mark.parametrize("binary", [True, False])
def test_every_backend_infers_from_json_and_bytes(
    served: tuple[Registry, str], binary: bool
) -> None:
    registry, _ = served
    if binary:
        inputs = [{**TENSOR, "parameters": {"binary_data_size": ROWS.nbytes}}]
        text = httpx.Request("POST", "http://test", json={"inputs": inputs, "id": "x"}).content
        text += b" " * ((1 - len(text)) % 4)  # so that the numbers are not aligned
        headers = {"inference-header-content-length": str(len(text))}
        body = text + ROWS.tobytes()
        answer = ask(registry, "POST", "/v2/models/lstm/infer", content=body, headers=headers)
    else:
        inputs = [{**TENSOR, "data": ROWS.tolist()}]
        answer = ask(registry, "POST", "/v2/models/lstm/infer", json={"inputs": inputs})
    [output] = answer.json()["outputs"]
    assert np.argmax(output["data"]) == 7


def test_metadata_names_the_platform(served: tuple[Registry, str]) -> None:
    registry, platform = served
    assert ask(registry, "GET", "/v2/models/gru").json()["platform"] == platform


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/health/ready"),
        ("GET", "/v2/models/lstm"),
        ("GET", "/v2/models/lstm/ready"),
        ("GET", "/v2/models/lstm/versions/1/ready"),
        ("POST", "/v2/models/lstm/infer"),
    ],
)
def test_what_is_not_loaded_is_not_ready(method: str, path: str) -> None:
    answer = ask(None, method, path)
    assert answer.status_code == 503
    assert answer.json()["error"] == "the reason"


@pytest.mark.parametrize("path", ["/v2/models/vit", "/v2/models/lstm/versions/2/ready"])
def test_another_model_or_version_is_not_found(served: tuple[Registry, str], path: str) -> None:
    assert ask(served[0], "GET", path).status_code == 404


def test_large_json_is_read_and_large_tensors_are_run(served: tuple[Registry, str]) -> None:
    rows = np.repeat(ROWS, 40, axis=0)
    tensor = {**TENSOR, "shape": [40, 28, 28]}
    text = ask(
        served[0], "POST", "/v2/models/lstm/infer",
        json={"inputs": [{**tensor, "data": rows.tolist()}]},
    )  # fmt: skip
    head = {"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}]}
    json_bytes = httpx.Request("POST", "http://test", json=head).content
    binary = ask(
        served[0], "POST", "/v2/models/lstm/infer",
        content=json_bytes + rows.tobytes(),
        headers={"inference-header-content-length": str(len(json_bytes))},
    )  # fmt: skip
    assert text.json() == binary.json()
    [output] = text.json()["outputs"]
    assert np.argmax(np.reshape(output["data"], (40, 10)), axis=1).tolist() == [7] * 40
