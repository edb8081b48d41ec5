"""Which paths are answered, and why another is not."""

from pathlib import Path

import pytest

from service.errors import ApiError, ModelNotFoundError, NotFoundError
from service.http.known_paths import KnownPaths
from service.inference.registry import list_models
from service.openapi.document import routes
from service.paths import of_protocol
from service.settings import Settings
from tests.support.published import publish

PATHS = KnownPaths(routes(Settings.from_environment()), ["lstm", "gru"])


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/predict",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/lstm",
        "/v2/models/gru/ready",
        "/v2/models/gru/infer",
        "/v2/models/lstm/versions/1",
        "/v2/models/lstm/versions/1/ready",
        "/v2/models/lstm/versions/1/infer",
    ],
)
def test_a_path_that_is_answered(path: str) -> None:
    PATHS.check("GET", path)


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/v2/models/vit", ModelNotFoundError, "no model 'vit'; published are: gru, lstm"),
        ("/v2/models/vit/infer", ModelNotFoundError, "no model 'vit'"),
        ("/v2/models/vit/versions/7/infer", ModelNotFoundError, "no model 'vit'"),
        ("/v2/models/{model_name}/infer", ModelNotFoundError, "no model '{model_name}'"),
        ("/v2/models/a\nb", ModelNotFoundError, r"no model 'a\\nb'"),
        ("/v2/models/gru/versions/2", ModelNotFoundError, "'gru' has no version '2', only: 1"),
        ("/v2/models/gru/versions/01/ready", ModelNotFoundError, "no version '01'"),
        ("/v2/models/gru/versions", NotFoundError, "no such route"),
        ("/v2/models/gru/", NotFoundError, "no such route"),
        ("/v2/models", NotFoundError, "try /, /docs, /docs.json"),
        ("/v2/", NotFoundError, "no such route"),
        ("/v1/models/gru", NotFoundError, "GET '/v1/models/gru'"),
    ],
)
def test_a_path_that_leads_nowhere(path: str, error: type[ApiError], message: str) -> None:
    with pytest.raises(error, match=message):
        PATHS.check("GET", path)


def test_a_file_is_answered_and_named_to_nobody() -> None:
    paths = KnownPaths(["/predict"], files=["/page/page.js"])
    paths.check("GET", "/page/page.js")
    with pytest.raises(NotFoundError, match=r"try /predict$"):
        paths.check("GET", "/page/secret.js")


def test_what_is_of_the_protocol() -> None:
    assert of_protocol("/v2")
    assert of_protocol("/v2/models/x")
    assert not of_protocol("/v22")
    assert not of_protocol("/predict")


def test_the_published_models_are_those_whose_folders_hold_one(tmp_path: Path) -> None:
    assert list_models(tmp_path / "missing") == []
    publish(tmp_path, "lstm")
    (tmp_path / "notes").mkdir()
    (tmp_path / ".gru-1").mkdir()
    (tmp_path / ".gru-1" / "model.onnx").touch()
    assert list_models(tmp_path) == ["lstm"]
