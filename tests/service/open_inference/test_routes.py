"""The protocol's routes without a server: by each backend, and before there are models."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

import httpx
import numpy as np
import pytest

from service.errors import NotReadyError
from service.execution.cost import Load
from service.inference.model import Done, Run
from service.inference.registry import Registry, load
from service.open_inference.routes import OpenInference
from service.settings import Settings
from tests.support.published import finished, picture

T = TypeVar("T")
Args = TypeVarTuple("Args")

ROWS = (picture(7) / 255).astype(np.float32)[np.newaxis]
TENSOR = {"name": "rows", "shape": [1, 28, 28], "datatype": "FP32"}


class Reader:
    """The service, as far as the protocol needs it; not ready without a registry."""

    def __init__(self, registry: Registry | None) -> None:
        self.registry = registry

    def models(self) -> Registry:
        if self.registry is None:
            raise NotReadyError("the reason")
        return self.registry

    async def infer(
        self, load: Load | None, prepare: Callable[[*Args], Run[T] | Done[T]], *args: *Args
    ) -> T:
        prepared = prepare(*args)
        return finished(prepared) if isinstance(prepared, Run) else prepared.result


def ask(registry: Registry | None, method: str, path: str, **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        app = OpenInference(lambda: Reader(registry), max_axis=4).application()
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


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
    assert answer.json()["error"]["message"] == "the reason"


@pytest.mark.parametrize("path", ["/v2/models/vit", "/v2/models/lstm/versions/2/ready"])
def test_another_model_or_version_is_not_found(served: tuple[Registry, str], path: str) -> None:
    answer = ask(served[0], "GET", path)
    assert answer.json()["error"]["code"] == "model_not_found"
