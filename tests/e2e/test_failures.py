"""The table of docs/api.md of what each failure answers, proven by provoking every one of them."""

import re
import socket
from typing import Any

import httpx
import pytest

from service.paths import of_protocol
from tests.support.project import ROOT
from tests.support.servers.failures import (
    ERRORS,
    INSIDE,
    check_failure,
    tells_of_the_inside,
    versions_in,
)
from tests.support.servers.refused import FORM, IMAGE, INFER, REFUSED, Refused
from tests.support.servers.server import Server

pytestmark = pytest.mark.e2e

# Those that only a server in a certain state gives, on routes of both forms: see
# test_operators.py and test_unready.py.
OF_STATE = {"unauthorized", "origin_not_allowed", "not_ready", "too_many_requests", "too_costly",
            "timeout", "client_too_slow"}  # fmt: skip
# What is told over a WebSocket only: see test_streaming.py.
OF_STREAMS = {"wrong_state"}
# What only a server tells that keeps predictions: see test_feedback.py.
OF_FEEDBACK = {"unknown_request", "ambiguous_request", "not_kept"}
# What no request may bring about: that is what `test_fuzz.py` is for.
OF_NO_REQUEST = {"internal"}


def ids(requests: list[Refused]) -> list[str]:
    return [f"{number}-{path}-{code}" for number, (_, path, _, code, _) in enumerate(requests)]


@pytest.mark.parametrize("request_", REFUSED, ids=ids(REFUSED))
def test_a_refused_request(server: Server, http: httpx.Client, request_: Refused) -> None:
    """It fails as it should, as documented with its route, and is nothing to the log."""
    method, path, status, code, options = request_
    assert ERRORS[code].status == status
    logged = len(server.log)
    check_failure(http.request(method, path, **options), code)
    docs = http.get("/docs.json").json()["paths"]
    template = path.partition("?")[0].replace("/lstm", "/{model_name}")
    operation = docs.get(template, {}).get(method.lower())
    if operation:
        assert f"`{code}`" in operation["responses"][str(status)]["description"]
    assert server.log[logged:] == ""


def test_every_code_is_provoked_on_a_route_of_its_form() -> None:
    native = {code for _, path, _, code, _ in REFUSED if not of_protocol(path)}
    unasked = OF_STATE | OF_STREAMS | OF_FEEDBACK | OF_NO_REQUEST
    assert native | unasked | {"unknown_tensor"} == ERRORS.keys()
    protocol = {code for _, path, _, code, _ in REFUSED if of_protocol(path)}
    of_images = {"image_too_large", "not_an_image", "empty_file", "not_a_file", "wrong_task"}
    assert protocol | unasked | of_images == ERRORS.keys()


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO")
PATHS = ("/", "/predict", "/predict_batch", "/predict_sequences", "/livez", "/readyz", "/healthz",
         "/metrics", "/docs.json", "/schema.json", "/v2", "/v2/models/lstm", INFER, "/nowhere",
         "/v2/nowhere", "//", "/predict/", "/%00", "/%ff", "/..%2f..%2fetc/passwd", "/predict?\xff",
         "/static_content/index.css", "/docs", "/openapi.json", "/v2/models/%00/infer")  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_failure_of_any_route_tells_of_the_inside(http: httpx.Client, path: str) -> None:
    for method in METHODS:
        for content in (b"", b"\x80\x04cos\nsystem\n."):
            response = http.request(method, path, content=content)
            assert response.status_code < 500, f"{method} {path}"
            if response.status_code >= 400:
                assert tells_of_the_inside(response) == [], f"{method} {path}"
            assert "server" not in response.headers


@pytest.mark.parametrize(
    "raw",
    [b"\r\n\r\n", b"\x16\x03\x01\x02", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
     b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
     b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 9_000,
     b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
     b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
     b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
     b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"],
    ids=["nothing", "tls", "version", "no host", "null", "header", "length", "chunk", "websocket"],
)  # fmt: skip
def test_what_is_no_http_is_answered_in_few_words(http: httpx.Client, raw: bytes) -> None:
    url = http.base_url
    with socket.create_connection((url.host, url.port), timeout=30) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while part := connection.recv(65_536):
                received += part
        except ConnectionResetError:
            pass  # of what was sent, more was left than the server wanted to read
    assert re.match(rb"$|HTTP/1\.1 [234]\d\d", received), received[:200]
    assert not INSIDE.search(received.decode("latin-1"))
    assert http.get("/livez").status_code == 200


def test_a_success_tells_of_no_version_and_no_place(http: httpx.Client) -> None:
    for path in PATHS[:13]:
        response = http.get(path)
        assert not versions_in(response.text.replace('"openapi":"3.1.0"', "")), path
        assert str(ROOT) not in response.text
        assert "server" not in response.headers


@pytest.mark.parametrize("path", ["/predict", INFER])
def test_a_client_that_hangs_up_does_no_harm(server: Server, http: httpx.Client, path: str) -> None:
    def half() -> Any:
        yield b"--b\r\n"
        raise ConnectionError("gone")

    logged = len(server.log)
    for _ in range(3):
        with pytest.raises(ConnectionError, match="gone"):
            http.post(path, content=half(), headers=FORM if path == "/predict" else {})
    assert http.post("/predict", files=IMAGE).status_code == 200
    assert server.log[logged:] == ""
