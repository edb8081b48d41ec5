"""What every failure of the service looks like from outside, and what it must not tell."""

import re
from importlib import metadata

import httpx

from service.errors import known_errors
from service.paths import of_protocol
from tests.support.project import ROOT

ERRORS = {error.code: error for error in known_errors()}

# What tells of the inside: a trace, a place, an address, a library or its version.
LIBRARIES = ("bentoml", "starlette", "uvicorn", "pillow", "numpy", "onnxruntime", "opencv", "cv2",
             "msgspec", "pydantic", "prometheus")  # fmt: skip
VERSIONS = {
    package.version for package in metadata.distributions() if package.version.count(".") == 2
}
INSIDE = re.compile(
    rf"traceback|\.py\b|site-packages|0x[0-9a-f]{{6}}|/tmp/|{re.escape(str(ROOT))}|"
    rf"\bpil\b|{'|'.join(LIBRARIES)}",
    re.IGNORECASE,
)


def versions_in(text: str) -> set[str]:
    """The versions of installed packages that `text` names."""
    return VERSIONS.intersection(re.findall(r"\d+\.\d+\.\d+", text))


def tells_of_the_inside(response: httpx.Response) -> list[str]:
    """What in headers or body does, and was not in the client's own words."""
    words = str(response.request.headers)
    headers = [f"{k}: {v}" for k, v in response.headers.items() if k != "x-request-id"]
    told = [found[0] for text in (*headers, response.text) for found in INSIDE.finditer(text)]
    told = [word for word in told if word not in words]
    return [*told, *versions_in(response.text), *({"server"} & set(response.headers))]


def check_failure(response: httpx.Response, code: str) -> None:
    """Its status, headers and body, in the form of its route, and that it gives nothing away."""
    error = ERRORS[code]
    assert response.status_code == error.status, response.text
    assert response.headers["content-type"] == "application/json"
    for header, value in error.headers.items():
        assert response.headers[header] == value
    document = response.json()
    if of_protocol(response.request.url.path):
        assert document.keys() == {"error"}
        assert document["error"]
        assert isinstance(document["error"], str)
    else:
        message = document["error"]["message"]
        assert message
        assert document == {"error": {"code": code, "message": message, "status": error.status}}
    assert tells_of_the_inside(response) == []
