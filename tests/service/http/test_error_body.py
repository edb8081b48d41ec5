"""Around every route: the limit of the body, and the one error body whoever failed."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from service.errors import ApiError, ErrorResponse, NotAnImageError
from service.http.error_body import BodyGuard, OneErrorBody, Receive, Scope, Send
from service.http.known_paths import Paths
from service.uploads import requested_model

LIMIT = 1000


async def echo(request: Request) -> Response:
    """The length of the body, or the error that reading it raised."""
    try:
        return JSONResponse(len(await request.body()))
    except ApiError as error:
        return ErrorResponse(error)


async def fail(request: Request) -> Response:
    """A failure in the way of Starlette, of BentoML, or of ours."""
    status = int(request.path_params["status"])
    if request.query_params.get("by") == "starlette":
        raise HTTPException(status, "the reason", {"x-kept": "yes"})
    return JSONResponse({"error": "File '/secret/path.py'"}, status)


async def ours(request: Request) -> Response:
    requested_model.say(request.scope, "gru")
    return ErrorResponse(NotAnImageError("not an image"))


async def crash(request: Request) -> Response:
    raise RuntimeError("File '/secret/path.py'")


NAMED = {"Server": "BentoML Service/x", "X-BentoML-Request-ID": "7"}
ROUTES = [
    Route("/crash", crash),
    Route("/echo", echo, methods=["POST"]),
    Route("/fail/{status}", fail, methods=["GET", "POST"]),
    Route("/v2/fail/{status}", fail),
    Route("/v2/ours", ours),
    Route("/v2/crash", crash),
    Route("/v2/echo", echo, methods=["POST"]),
    Route("/ours", ours),
    Route("/fine", PlainTextResponse("fine", headers=NAMED)),
]
STATUSES = range(300, 600)
PLAIN = ["/crash", "/echo", "/ours", "/fine", *(f"/fail/{status}" for status in STATUSES)]
PATHS = Paths([*PLAIN, *(f"/v2{path}" for path in PLAIN)], models=["gru"])
COUNTED: list[tuple[str, str, int]] = []


def count(route: str, model: str, status: int) -> None:
    COUNTED.append((route, model, status))


APP = OneErrorBody(BodyGuard(Starlette(routes=ROUTES), max_bytes=LIMIT), PATHS, count)


def ask(method: str, path: str, app: OneErrorBody = APP, **request: object) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)  # type: ignore[arg-type]

    return asyncio.run(send())


def error_of(response: httpx.Response) -> dict[str, object]:
    """The error in `response`, which must be the one body."""
    document = response.json()
    assert document.keys() == {"error"}
    assert document["error"].keys() == {"code", "message", "status"}
    assert document["error"]["status"] == response.status_code
    assert response.headers["content-type"] == "application/json"
    assert int(response.headers["content-length"]) == len(response.content)
    return dict(document["error"])


async def chunks(count: int, size: int = 100) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def test_a_body_within_the_limit_passes() -> None:
    assert ask("POST", "/echo", content=b"x" * LIMIT).json() == LIMIT
    assert ask("POST", "/echo", content=chunks(10)).json() == LIMIT


def test_a_body_beyond_the_limit_is_refused_by_its_length() -> None:
    error = error_of(ask("POST", "/echo", content=b"x" * (LIMIT + 1)))
    assert error["code"] == "body_too_large"
    assert "1001 bytes, at most 1000" in str(error["message"])


@pytest.mark.parametrize("length", ["9" * 30, "9" * 5000])
def test_an_absurd_length_is_refused(length: str) -> None:
    response = ask("POST", "/echo", content=b"x", headers={"content-length": length})
    assert error_of(response)["code"] == "body_too_large"


def test_a_body_in_chunks_is_refused_before_it_is_read_whole() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield b"x" * 100

    async def run() -> list[dict[str, object]]:
        messages: list[dict[str, object]] = []
        body = endless()

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": await anext(body), "more_body": True}

        async def send(message: dict[str, object]) -> None:
            messages.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/echo",
            "headers": [],
            "query_string": b"",
        }
        await APP(scope, receive, send)  # type: ignore[arg-type]
        return messages

    start, body = asyncio.run(run())
    assert start["status"] == 413
    assert json.loads(body["body"])["error"]["code"] == "body_too_large"  # type: ignore[arg-type]
    assert sent == LIMIT + 100


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/vnd.bentoml+pickle"},
        {"content-type": "Application/X-Python-Pickle"},
        {"content-encoding": "gzip"},
    ],
)
def test_pickled_or_compressed_bodies_are_refused(headers: dict[str, str]) -> None:
    error = error_of(ask("POST", "/echo", content=b"x", headers=headers))
    assert error["code"] == "unsupported_media_type"


@pytest.mark.parametrize("by", ["starlette", "bentoml"])
@pytest.mark.parametrize(
    ("status", "code", "answered"),
    [
        (400, "malformed_request", 400),
        (404, "not_found", 404),
        (405, "method_not_allowed", 405),
        (415, "unsupported_media_type", 415),
        (418, "malformed_request", 400),
        (429, "too_many_requests", 429),
        (500, "internal", 500),
        (502, "internal", 500),
    ],
)
def test_a_foreign_failure_gets_our_body_and_the_status_of_its_code(
    by: str, status: int, code: str, answered: int
) -> None:
    response = ask("GET", f"/fail/{status}?by={by}")
    assert response.status_code == answered
    assert error_of(response)["code"] == code
    assert "secret" not in response.text


def test_not_ready_keeps_its_reason() -> None:
    error = error_of(ask("GET", "/fail/503?by=starlette"))
    assert (error["code"], error["message"]) == ("not_ready", "the reason")


def test_a_foreign_failure_keeps_its_other_headers() -> None:
    assert ask("GET", "/fail/404?by=starlette").headers["x-kept"] == "yes"
    assert ask("GET", "/echo").headers["allow"] == "POST"


def test_an_unknown_route_names_itself_and_those_that_exist() -> None:
    error = error_of(ask("GET", "/nope"))
    assert "GET '/nope'" in str(error["message"])
    assert "/echo" in str(error["message"])


async def bare_crash(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("File '/secret/path.py'")


@pytest.mark.parametrize("app", [APP, OneErrorBody(bare_crash, PATHS, count)])
def test_a_crash_is_logged_and_answered_without_its_words(
    app: OneErrorBody, caplog: pytest.LogCaptureFixture
) -> None:
    response = ask("GET", "/crash", app=app)
    assert error_of(response)["code"] == "internal"
    assert "secret" not in response.text
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    "content_type", [b"text/\xff", "multipart/form-data; boundary=\u00e4".encode()]
)
def test_a_content_type_that_no_log_could_show_is_refused(content_type: bytes) -> None:
    response = ask("POST", "/echo", content=b"x", headers={b"content-type": content_type})
    assert error_of(response)["code"] == "unsupported_media_type"


def test_our_own_failure_and_every_success_pass_untouched() -> None:
    assert error_of(ask("GET", "/ours"))["message"] == "not an image"
    assert ask("GET", "/fine").text == "fine"


def test_no_answer_names_what_serves_it() -> None:
    assert not {name.lower() for name in NAMED}.intersection(ask("GET", "/fine").headers)


@pytest.mark.parametrize(
    ("method", "path", "counted"),
    [
        ("GET", "/fine", ("/fine", "none", 200)),
        ("GET", "/ours", ("/ours", "gru", 415)),
        ("GET", "/echo", ("/echo", "none", 405)),
        ("GET", "/crash", ("/crash", "none", 500)),
        ("GET", "/no/such/path", ("none", "none", 404)),
    ],
)
def test_each_answer_is_counted_once_by_its_route_and_model(
    method: str, path: str, counted: tuple[str, str, int]
) -> None:
    COUNTED.clear()
    ask(method, path)
    assert [counted] == COUNTED


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v2/nope", 404, "no such route"),
        ("GET", "/v2/models/vit", 404, "no model 'vit'; published are: gru"),
        ("GET", "/v2/ours", 415, "not an image"),
        ("GET", "/v2/crash", 500, "its log tells more"),
        ("GET", "/v2/echo", 405, "does not take GET"),
        ("GET", "/v2/fail/503?by=starlette", 503, "the reason"),
        ("GET", "/v2/fail/429?by=bentoml", 429, "too many requests"),
        ("GET", "/v2/fail/500?by=bentoml", 500, "its log tells more"),
        ("POST", "/v2/echo", 413, f"at most {LIMIT}"),
    ],
)
def test_under_v2_every_failure_has_the_protocol_s_form(
    method: str, path: str, status: int, message: str
) -> None:
    response = ask(method, path, content=b"x" * (LIMIT + 1) if method == "POST" else b"")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document.keys() == {"error"}
    assert message in document["error"]
    assert "secret" not in response.text
