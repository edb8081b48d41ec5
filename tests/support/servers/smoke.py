"""One request to every route that `/docs.json` describes, and a look at each answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.support.project import ROOT
from tests.support.servers.refused import IMAGE, SEVEN, TENSOR, files, png

with Image.open(ROOT / "docs" / "number.png") as _number:
    NUMBER = files(png(np.asarray(_number.convert("L").resize((150, 60)))), field="image")
SEQUENCES = {"sequences": [TENSOR["data"][0]]}
METADATA = {"model_name": "lstm", "model_version": "1"}


@dataclass(frozen=True)
class Smoke:
    """A method, what goes along as options of httpx, and whether the answer is right."""

    method: str
    right: Callable[[httpx.Response], object]
    options: dict[str, Any]


def get(right: Callable[[httpx.Response], object]) -> Smoke:
    return Smoke("GET", right, {})


def post(right: Callable[[httpx.Response], object], **options: Any) -> Smoke:
    return Smoke("POST", right, options)


def _infers(response: httpx.Response) -> bool:
    """Whether the logits are those of two sevens."""
    [output] = response.json()["outputs"]
    logits = np.reshape(output["data"], output["shape"])  # (2, 10)
    return bool((logits.argmax(axis=1) == 7).all())


def _reads(*digits: int) -> Callable[[httpx.Response], bool]:
    def right(response: httpx.Response) -> bool:
        answer = response.json()
        predictions = answer if isinstance(answer, list) else [answer]
        return tuple(prediction["digit"] for prediction in predictions) == digits

    return right


def _reads_rows(response: httpx.Response) -> bool:
    """Whether there is an event for each of 28 rows, and then a seven."""
    *rows, last = response.text.removesuffix("\n\n").split("\n\n")
    return len(rows) == 28 and last.startswith('event: prediction\ndata: {"digit":7,')


MODEL = "/v2/models/{model_name}"
VERSION = f"{MODEL}/versions/{{model_version}}"
EVERY_ROUTE = {
    "/": get(lambda answer: "/predict" in answer.json()["routes"]),
    "/predict": post(_reads(7), files=IMAGE),
    "/predict_number": post(lambda answer: answer.json()["text"] == "4071", files=NUMBER),
    "/predict_batch": post(_reads(7, 7), files=files(SEVEN, SEVEN)),
    "/predict_sequences": post(_reads(7), json=SEQUENCES),
    "/predict_rows": post(_reads_rows, files=IMAGE),
    "/v2": get(lambda answer: answer.json()["name"] == "rowreader"),
    "/v2/health/live": get(lambda answer: answer.json() == {"live": True}),
    "/v2/health/ready": get(lambda answer: answer.json() == {"ready": True}),
    MODEL: get(lambda answer: answer.json()["name"] == "lstm"),
    VERSION: get(lambda answer: answer.json()["versions"] == ["1"]),
    f"{MODEL}/ready": get(lambda answer: answer.json()["ready"]),
    f"{VERSION}/ready": get(lambda answer: answer.json()["ready"]),
    f"{MODEL}/infer": post(_infers, json={"inputs": [TENSOR]}),
    f"{VERSION}/infer": post(_infers, json={"inputs": [TENSOR]}),
    "/healthz": get(lambda answer: answer.is_success),
    "/livez": get(lambda answer: answer.is_success),
    "/readyz": get(lambda answer: answer.is_success),
    "/metrics": get(lambda answer: "rowreader_requests_total{" in answer.text),
    "/docs.json": get(lambda answer: answer.json()["openapi"]),
    "/schema.json": get(lambda answer: answer.json()["routes"]),
}


def ask_every_route(http: httpx.Client) -> None:
    """Ask a server whose `lstm` reads `picture(7)` as 7.

    Raises:
        AssertionError: a route is not answered rightly, or is none of `EVERY_ROUTE`.

    """
    documented = http.get("/docs.json").json()["paths"].keys()
    assert documented | {"/"} == EVERY_ROUTE.keys()
    for path, smoke in EVERY_ROUTE.items():
        answer = http.request(smoke.method, path.format(**METADATA), **smoke.options)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        assert smoke.right(answer), f"{path}: {answer.text}"
