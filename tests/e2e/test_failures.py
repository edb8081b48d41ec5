"""The table of docs/api.md of what each failure answers, proven by provoking every one of them."""

import re
import socket
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.errors import known_errors
from service.paths import of_protocol
from tests.support.project import ROOT
from tests.support.published import publish
from tests.support.refused import FORM, IMAGE, INFER, JSON, REFUSED, REFUSED_V2, Refused
from tests.support.server import Server, serve

pytestmark = pytest.mark.e2e

ERRORS = {error.code: error for error in known_errors()}
# Those that only a server in a certain state gives, on routes of both forms: see below.
OF_STATE = {"unauthorized", "not_ready", "too_many_requests", "timeout"}
# What no request may bring about: that is what `test_fuzz.py` is for.
OF_NO_REQUEST = {"internal"}

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


def tells_of_the_inside(response: httpx.Response) -> list[str]:
    """What in headers or body does, and was not in the client's own words."""
    words = str(response.request.headers)
    headers = [f"{k}: {v}" for k, v in response.headers.items() if k != "x-request-id"]
    told = [found[0] for text in (*headers, response.text) for found in INSIDE.finditer(text)]
    told = [word for word in told if word not in words]
    numbers = re.findall(r"\d+\.\d+\.\d+", response.text)
    return [*told, *VERSIONS.intersection(numbers), *({"server"} & set(response.headers))]


def check(response: httpx.Response, code: str) -> None:
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


def ids(requests: list[Refused]) -> list[str]:
    return [f"{number}-{path}-{code}" for number, (_, path, _, code, _) in enumerate(requests)]


@pytest.fixture
def http_v2(v2_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=v2_server.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("request_", REFUSED, ids=ids(REFUSED))
def test_a_refused_request(http: httpx.Client, request_: Refused) -> None:
    refuse(http, request_)


@pytest.mark.parametrize("request_", REFUSED_V2, ids=ids(REFUSED_V2))
def test_a_refused_request_of_the_protocol(http_v2: httpx.Client, request_: Refused) -> None:
    refuse(http_v2, request_)


def refuse(http: httpx.Client, request_: Refused) -> None:
    """Send the request; its failure is as it should be, and documented with its route."""
    method, path, status, code, options = request_
    assert ERRORS[code].status == status
    check(http.request(method, path, **options), code)
    docs = http.get("/docs.json").json()["paths"]
    template = path.partition("?")[0].replace("/lstm", "/{model_name}")
    operation = docs.get(template, {}).get(method.lower())
    if operation:
        assert f"`{code}`" in operation["responses"][str(status)]["description"]


@pytest.mark.parametrize("name", ["server", "v2_server"])
def test_a_refused_request_is_nothing_to_the_log(name: str, request: pytest.FixtureRequest) -> None:
    """Comes after the failures above: not one was an exception to the server."""
    server: Server = request.getfixturevalue(name)
    assert httpx.get(f"{server.url}/readyz", timeout=30).status_code == 200
    assert "Traceback" not in server.log
    assert "ERROR" not in server.log


def test_models_that_are_not_loaded(tmp_path: Path) -> None:
    (publish(tmp_path / "models", "lstm") / "model.onnx").write_bytes(b"altered")
    settings = {"MODELS_DIR": tmp_path / "models"}
    with (
        serve(tmp_path, settings, status=503) as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
    ):
        asked = [
            *(http.get(path) for path in ("/readyz", "/v2/health/ready", "/v2/models/lstm")),
            *(http.post(path) for path in ("/predict", "/predict_batch", "/predict_sequences")),
            http.post(INFER, json={}),
        ]
        for response in asked:
            check(response, "not_ready")
            assert "lstm/model.onnx" in response.text


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Server]:
    limits = {"API_KEYS": "key", "MAX_PENDING": 2, "TIMEOUT_SECONDS": 3}
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu", **limits}
    with serve(tmp_path_factory.mktemp("strict"), settings) as server:
        yield server


@pytest.fixture
def keyed(strict: Server) -> Iterator[httpx.Client]:
    key = {"authorization": "Bearer key"}
    with httpx.Client(base_url=strict.url, timeout=30, headers=key) as client:
        yield client


class TestStrictServer:
    """A server that asks for a key, takes two requests at once, and gives each three seconds."""

    @pytest.mark.parametrize("key", [{}, {"authorization": "Bearer other"}])
    @pytest.mark.parametrize(
        ("method", "path"), [("POST", "/predict"), ("POST", INFER), ("GET", "/v2"), ("GET", "/")]
    )
    def test_without_a_key(
        self, strict: Server, key: dict[str, str], method: str, path: str
    ) -> None:
        check(httpx.request(method, strict.url + path, headers=key, timeout=30), "unauthorized")

    @pytest.mark.parametrize(
        ("path", "headers"), [("/predict", FORM), ("/predict_sequences", JSON), (INFER, JSON)]
    )
    def test_clients_that_send_nothing_more_hold_their_places_no_longer_than_the_timeout(
        self, keyed: httpx.Client, path: str, headers: dict[str, str]
    ) -> None:
        held = [begin(keyed, path, headers) for _ in range(2)]
        try:
            check(until(keyed, "too_many_requests"), "too_many_requests")
            check(keyed.post(INFER, json={}), "too_many_requests")
            for connection in held:
                check(answer(connection, keyed, path), "timeout")
            assert keyed.post("/predict", files=IMAGE).status_code == 200
        finally:
            for connection in held:
                connection.close()

    def test_a_body_that_trickles_in_holds_its_place_no_longer(self, keyed: httpx.Client) -> None:
        trickling = begin(keyed, "/predict_sequences", JSON)
        with trickling:
            trickling.settimeout(0.05)
            received = b""
            while not received:  # each turn waits for an answer, and sends a little more
                trickling.sendall(b"1\r\n \r\n")
                try:
                    received = trickling.recv(65_536)
                except TimeoutError:
                    continue
            assert received.startswith(b"HTTP/1.1 504")
        assert keyed.post("/predict", files=IMAGE).status_code == 200


def begin(http: httpx.Client, path: str, headers: dict[str, str]) -> socket.socket:
    """A connection that has sent the head of a request, the beginning of its body, and no more."""
    url = http.base_url
    connection = socket.create_connection((url.host, url.port), timeout=30)
    sent = {"host": url.host, "transfer-encoding": "chunked", **headers}
    sent["authorization"] = http.headers["authorization"]
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n1\r\n-\r\n")
    return connection


def until(http: httpx.Client, code: str) -> httpx.Response:
    """The first answer with this code to one request after the other."""
    for _ in range(1000):
        response = http.post("/predict", files=IMAGE)
        if response.status_code == ERRORS[code].status:
            return response
    raise AssertionError(f"none of a thousand requests was answered with {code}")


def answer(connection: socket.socket, http: httpx.Client, path: str) -> httpx.Response:
    """What the server sends at last."""
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"}"):
        part = connection.recv(65_536)
        assert part, f"the connection ended after {received!r}"
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = [line.split(": ", 1) for line in lines]
    return httpx.Response(
        int(status.split()[1]),
        headers=[(name, value) for name, value in headers],
        content=body,
        request=http.build_request("POST", path),
    )


def test_every_code_is_provoked_on_a_route_of_its_form() -> None:
    native = {code for _, path, _, code, _ in [*REFUSED, *REFUSED_V2] if not of_protocol(path)}
    assert native | OF_STATE | OF_NO_REQUEST | {"unknown_tensor"} == ERRORS.keys()
    protocol = {code for _, path, _, code, _ in REFUSED_V2 if of_protocol(path)}
    of_images = {"image_too_large", "not_an_image", "empty_file", "not_a_file", "wrong_task"}
    assert protocol | OF_STATE | OF_NO_REQUEST | of_images == ERRORS.keys()


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
        text = response.text.replace('"openapi":"3.1.0"', "")
        assert not VERSIONS.intersection(re.findall(r"\d+\.\d+\.\d+", text)), path
        assert str(ROOT) not in text
        assert "server" not in response.headers


def test_a_client_that_hangs_up_does_no_harm(server: Server, http: httpx.Client) -> None:
    def half() -> Any:
        yield b"--b\r\n"
        raise ConnectionError("gone")

    for _ in range(3):
        with pytest.raises(ConnectionError, match="gone"):
            http.post("/predict", content=half(), headers=FORM)
    assert http.post("/predict", files=IMAGE).status_code == 200
    assert "Traceback" not in server.log
