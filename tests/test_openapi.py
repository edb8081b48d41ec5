"""`/docs.json` is valid OpenAPI and names every limit and every error."""

import json

import pytest
from openapi_spec_validator import validate

from service import openapi
from service.errors import ApiError
from service.settings import Settings
from tests.test_errors import leaves

DOCUMENT = openapi.document(
    Settings.from_environment(
        max_batch=17, max_body_bytes=12345, max_pixels=777, max_batch_pixels=888
    )
)
INFER = "/v2/models/{model_name}/infer"
ROUTES = ("/predict", "/predict_batch", "/predict_sequences", INFER)


def test_is_valid_openapi() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))


def test_shows_the_limits_in_force() -> None:
    batch = DOCUMENT["paths"]["/predict_batch"]["post"]["requestBody"]
    images = batch["content"]["multipart/form-data"]["schema"]["properties"]["images"]
    assert images["maxItems"] == 17
    assert "777 pixels" in images["items"]["description"]
    assert "888 pixels" in images["description"]
    assert "12345 bytes" in batch["description"]


def test_shows_the_limit_of_a_tensor() -> None:
    document = openapi.document(Settings.from_environment(max_v2_batch=33))
    request = document["components"]["schemas"]["V2Request"]["properties"]
    assert "33" in request["inputs"]["items"]["properties"]["shape"]["items"]["description"]


def test_a_failure_under_v2_has_the_protocol_s_form() -> None:
    for route, methods in DOCUMENT["paths"].items():
        operation = methods.get("post") or methods["get"]
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                form = "V2Error" if route.startswith("/v2") else "Error"
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{form}"}


def test_the_error_body_lists_every_code() -> None:
    error = DOCUMENT["components"]["schemas"]["Error"]["properties"]["error"]
    assert set(error["properties"]["code"]["enum"]) == {leaf.code for leaf in leaves()}


@pytest.mark.parametrize("error", leaves())
def test_every_error_is_found_with_the_routes_or_belongs_to_none(error: type[ApiError]) -> None:
    of_no_route = {"not_found"}
    documented = [
        route
        for route in ROUTES
        if f"`{error.code}`"
        in DOCUMENT["paths"][route]["post"]["responses"]
        .get(str(error.status.value), {})
        .get("description", "")
    ]
    assert bool(documented) == (error.code not in of_no_route)
