"""`/docs.json` is valid OpenAPI and names every limit and every error."""

import json
from pathlib import Path
from urllib.parse import urljoin

import pytest
from openapi_spec_validator import validate

from models.manifest import FILENAME
from service.errors import ApiError, known_errors
from service.openapi.document import build_document
from service.paths import PROBES
from service.settings import Settings
from tests.support.published import publish, publish_stateful

DOCUMENT = build_document(
    Settings.from_environment(
        max_batch=17,
        max_body_bytes=12345,
        max_pixels=777,
        max_batch_pixels=888,
        monitor=Path("kept"),
    )
)
INFER = "/v2/models/{model_name}/infer"
ROUTES = (
    "/predict", "/predict_number", "/predict_batch", "/predict_sequences", "/predict_rows",
    "/feedback", INFER,
)  # fmt: skip


def test_is_valid_openapi() -> None:
    validate(json.loads(json.dumps(DOCUMENT)))


def test_clients_find_the_routes_below_a_sub_path() -> None:
    [server] = DOCUMENT["servers"]
    base = urljoin("https://example.org/digits/docs.json", server["url"])
    assert base.rstrip("/") + "/predict" == "https://example.org/digits/predict"


def test_shows_the_limits_in_force() -> None:
    batch = DOCUMENT["paths"]["/predict_batch"]["post"]["requestBody"]
    images = batch["content"]["multipart/form-data"]["schema"]["properties"]["images"]
    assert images["maxItems"] == 17
    assert "777 pixels" in images["items"]["description"]
    assert "888 pixels" in images["description"]
    assert "12345 bytes" in batch["description"]


def test_shows_the_limit_of_a_tensor() -> None:
    document = build_document(Settings.from_environment(max_v2_batch=33))
    shape = document["components"]["schemas"]["RequestInput"]["properties"]["shape"]
    assert "33" in shape["items"]["description"]


def test_a_failure_under_v2_has_the_protocol_s_form() -> None:
    for route, methods in DOCUMENT["paths"].items():
        operation = methods.get("post") or methods["get"]
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                form = "V2Error" if route.startswith("/v2") else "Error"
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{form}"}


def test_what_can_be_refused_for_want_of_a_key_or_of_time_says_so() -> None:
    for route, methods in DOCUMENT["paths"].items():
        operation = methods.get("post") or methods["get"]
        assert ("401" in operation["responses"]) == (route not in PROBES), route
        assert ("429" in operation["responses"]) == ("post" in methods), route


def test_where_there_are_keys_the_probes_want_none() -> None:
    document = build_document(Settings.from_environment(api_keys="key"))
    assert document["security"] == [{"key": []}]
    free = {route for route, methods in document["paths"].items() if "get" in methods
            and methods["get"].get("security") == []}  # fmt: skip
    assert free == PROBES


@pytest.mark.parametrize(
    ("route", "options"),
    [
        ("/predict", {"model", "preview"}),
        ("/predict_batch", {"model", "preview"}),
        ("/predict_number", {"model", "preview"}),
        ("/predict_sequences", {"model"}),
    ],
)
def test_an_option_may_be_given_in_the_query_or_in_the_body(route: str, options: set[str]) -> None:
    operation = DOCUMENT["paths"][route]["post"]
    [body] = operation["requestBody"]["content"].values()
    assert {given["name"] for given in operation["parameters"]} == options
    assert {given["in"] for given in operation["parameters"]} == {"query"}
    assert options < body["schema"]["properties"].keys()


def test_rows_are_read_from_a_form_or_from_json() -> None:
    operation = DOCUMENT["paths"]["/predict_rows"]["post"]
    options = {"model", "hidden", "stop_at", "preview"}
    assert {given["name"] for given in operation["parameters"]} == options
    form, json_body = operation["requestBody"]["content"].values()
    assert form["schema"]["properties"].keys() == {"image", *options}
    assert json_body["schema"]["properties"].keys() == {"rows", *options - {"preview"}}
    assert operation["responses"]["200"]["content"].keys() == {"text/event-stream"}
    schemas = DOCUMENT["components"]["schemas"]
    told = {"row", "digit", "confidence", "probabilities", "hidden"}
    assert schemas["RowPrediction"]["properties"].keys() == told
    assert "rows" in schemas["EarlyPrediction"]["required"]


def test_only_models_that_read_digits_are_offered_for_it(tmp_path: Path) -> None:
    publish(tmp_path, "lstm")
    publish_stateful(tmp_path)
    (publish(tmp_path, "broken") / FILENAME).write_text("{")
    document = build_document(Settings.from_environment(models_dir=tmp_path))
    schemas = document["components"]["schemas"]
    assert schemas["ClassifierName"]["enum"] == ["lstm"]
    assert schemas["ModelName"]["enum"] == ["broken", "lstm", "stateful"]
    classifier = {"$ref": "#/components/schemas/ClassifierName"}
    for route in ("/predict", "/predict_batch", "/predict_sequences"):
        operation = document["paths"][route]["post"]
        [body] = operation["requestBody"]["content"].values()
        assert body["schema"]["properties"]["model"]["anyOf"] == [classifier, {"type": "null"}]
        [model] = [given for given in operation["parameters"] if given["name"] == "model"]
        assert model["schema"] == classifier
    [named] = document["paths"][INFER]["parameters"]
    assert named["schema"] == {"$ref": "#/components/schemas/ModelName"}


def test_the_error_body_lists_every_code() -> None:
    error = DOCUMENT["components"]["schemas"]["Error"]["properties"]["error"]
    assert set(error["properties"]["code"]["enum"]) == {leaf.code for leaf in known_errors()}


@pytest.mark.parametrize("error", known_errors())
def test_every_error_is_found_with_the_routes_or_belongs_to_none(error: type[ApiError]) -> None:
    of_no_route = {"not_found", "origin_not_allowed", "head_too_large", "wrong_state"}
    documented = [
        route
        for route in ROUTES
        if f"`{error.code}`"
        in DOCUMENT["paths"][route]["post"]["responses"]
        .get(str(error.status.value), {})
        .get("description", "")
    ]
    assert bool(documented) == (error.code not in of_no_route)
