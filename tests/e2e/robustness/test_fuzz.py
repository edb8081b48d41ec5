"""Whatever is sent is answered as documented: requests made of `/docs.json`, and broken images."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.pictures.broken_images.corpus import broken
from tests.support.pictures.sound_images import whole
from tests.support.servers.refused import IMAGE
from tests.support.servers.server import Server
from tests.support.servers.smoke import EVERY_ROUTE

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# Each that the document describes, itself left out.
ROUTES = sorted(EVERY_ROUTE.keys() - {"/", "/docs.json"})
EXAMPLES = {"/predict_sequences": 12}  # of 784 numbers each, which are slow to make up
# Not whether data is accepted that fits its schema, or refused that does not: of an image, a schema
# says no more than that it is bytes.
PROMISES = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Fuzzed = Callable[[], None]


@pytest.fixture(scope="module")
def schema(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/docs.json")


def fuzzed(operation: Any, mode: GenerationMode) -> Fuzzed:
    """A test of requests to `operation`, the same ones every time."""

    @settings(
        max_examples=EXAMPLES.get(operation.path, 60),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def test(case: Any) -> None:
        case.call_and_validate(checks=PROMISES)

    return test


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_is_as_documented(schema: Any, route: str) -> None:
    operations = [found.ok() for found in schema.get_all_operations()]
    [operation] = [operation for operation in operations if operation.path == route]
    fuzzed(operation, GenerationMode.POSITIVE)()
    if operation.body or operation.path_parameters:
        fuzzed(operation, GenerationMode.NEGATIVE)()


def test_a_broken_image_is_read_or_refused_and_harms_nobody(
    server: Server, http: httpx.Client
) -> None:
    before, logged = server.workers, len(server.log)
    assert before

    def ask(name: str) -> tuple[str, int]:
        data = {**broken(), **whole()}[name]
        one = http.post("/predict", files={"image": ("image", data)})
        [same] = http.post("/predict_batch", files={"images": ("image", data)}).json()
        assert same == one.json()
        return name, one.status_code

    small = [name for name, data in broken().items() if len(data) < 990_000]
    # One after the other: at once, some would rightly be told to come back later.
    statuses = dict(map(ask, [*small, *whole()]))
    assert {name: statuses[name] for name in whole()} == dict.fromkeys(whole(), 200)
    assert set(statuses.values()) == {200, 413, 415}
    assert server.workers == before
    assert http.post("/predict", files=IMAGE).json()["digit"] == 7
    assert "Traceback" not in server.log[logged:]
