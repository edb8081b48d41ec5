"""The gate before every endpoint: who may pass, until when, and the one error body."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import NotAnImageError
from service.execution.admission import Admission
from service.http import body_limits
from service.http.endpoints import Endpoints
from service.http.gateway import QUICK_BYTES, Gateway, Worker
from service.http.known_paths import KnownPaths
from service.settings import Settings
from service.uploads.request_head import Endpoint, head_of

LIMIT = 100_000


class Queue:
    """A queue in which work waits as long as is told."""

    delay = 0.0


async def echo(request: Request) -> Response:
    """The length of the body."""
    return JSONResponse(len(await request.body()))


async def fail(request: Request) -> Response:
    """A failure in the way of Starlette or of BentoML."""
    status = int(request.path_params["status"])
    if request.query_params.get("by") == "starlette":
        raise HTTPException(status, "the reason", {"x-kept": "yes"})
    return JSONResponse({"error": "File '/secret/path.py'"}, status)


async def ours(request: Request) -> Response:
    """A failure in our way."""
    head_of(request.scope).model = "gru"
    raise NotAnImageError("not an image")


async def crash(request: Request) -> Response:
    raise RuntimeError("File '/secret/path.py'")


async def hang(request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def disk(request: Request) -> Response:
    raise TimeoutError("of a disk")


NAMED = {"Server": "BentoML Service/x", "X-BentoML-Request-ID": "7"}
FOREIGN = Endpoints(
    Starlette(
        routes=[
            Route("/fail/{status}", fail, methods=["GET", "POST"]),
            Route("/v2/fail/{status}", fail),
            Route("/fine", PlainTextResponse("fine", headers=NAMED)),
        ]
    )
)
OURS: dict[str, dict[str, Endpoint]] = {
    "/crash": {"GET": crash},
    "/disk": {"GET": disk},
    "/echo": {"POST": echo},
    "/hang": {"GET": hang, "POST": hang},
    "/ours": {"GET": ours},
}
ENDPOINTS = {**OURS, **{f"/v2{path}": methods for path, methods in OURS.items()}}
STATUSES = range(300, 600)
PROBES = ("/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready")
GUARDED = ("/predict", "/metrics", "/docs.json", "/", "/v2", "/v2/models/lstm", "/v2/health")
PATHS = KnownPaths(
    [*ENDPOINTS, *PROBES, *GUARDED, "/fine"]
    + [f"{start}/fail/{status}" for status in STATUSES for start in ("", "/v2")],
    models=["gru"],
)
COUNTED: list[tuple[str, str, int]] = []


def count(route: str, model: str, status: int) -> None:
    COUNTED.append((route, model, status))


def gateway(
    app: ASGIApp = FOREIGN,
    endpoints: dict[str, dict[str, Endpoint]] = ENDPOINTS,
    admission: Admission | None = None,
    **settings: Any,
) -> Gateway:
    known = Settings.from_environment(**{"max_body_bytes": LIMIT, **settings})
    worker = Worker(admission or Admission(Queue(), 9, 10**6, 1.0), count)
    return Gateway(app, known, PATHS, endpoints, lambda: worker)


APP = gateway()


def ask(method: str, path: str, app: ASGIApp = APP, **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)

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


async def chunks(count: int, size: int = 10_000) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def test_a_body_within_the_limit_passes() -> None:
    assert ask("POST", "/echo", content=b"x" * LIMIT).json() == LIMIT
    assert ask("POST", "/echo", content=chunks(10)).json() == LIMIT


def test_a_body_beyond_the_limit_is_refused_by_its_length() -> None:
    error = error_of(ask("POST", "/echo", content=b"x" * (LIMIT + 1)))
    assert error["code"] == "body_too_large"
    assert "100001 bytes, at most 100000" in str(error["message"])


@pytest.mark.parametrize("length", ["9" * 30, "9" * 5000])
def test_an_absurd_length_is_refused(length: str) -> None:
    response = ask("POST", "/echo", content=b"x", headers={"content-length": length})
    assert error_of(response)["code"] == "body_too_large"


def test_a_body_in_chunks_is_refused_before_it_is_read_whole() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 10_000
            yield b"x" * 10_000

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
    assert sent == LIMIT + 10_000


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


@pytest.mark.parametrize("app", [APP, gateway(bare_crash, {})])
def test_a_crash_is_logged_and_answered_without_its_words(
    app: ASGIApp, caplog: pytest.LogCaptureFixture
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


def test_what_takes_too_long_is_answered() -> None:
    error = error_of(ask("GET", "/hang", gateway(timeout_seconds=0.01)))
    assert error["code"] == "timeout"
    assert "not done within 0.01 s" in str(error["message"])


def test_a_timeout_of_the_work_itself_is_not_mistaken_for_it() -> None:
    assert error_of(ask("GET", "/disk"))["code"] == "internal"


def test_only_requests_end() -> None:
    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)  # longer than a request may

    app = gateway(live, {}, timeout_seconds=0.01)
    asyncio.run(app({"type": "lifespan"}, None, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3", True), ("a b", False), ("", False), ("x" * 129, False), ("a\u00e4", False)],
)
def test_every_answer_has_an_id_the_client_s_own_if_it_is_fit_for_a_log(
    given: str, kept: bool
) -> None:
    for path in ("/fine", "/ours", "/nope"):
        found = ask("GET", path, headers={"x-request-id": given.encode()}).headers["x-request-id"]
        assert (found == given) == kept
        assert found


@pytest.mark.parametrize("authorization", ["Bearer one", "bearer two", "Bearer  two "])
def test_any_of_the_keys_opens(authorization: str) -> None:
    app = gateway(api_keys="one, two")
    assert ask("GET", "/fine", app, headers={"authorization": authorization}).text == "fine"


@pytest.mark.parametrize(
    "authorization", [None, "one", "Basic one", "Bearer", "Bearer three", "Bearer one,two"]
)
@pytest.mark.parametrize("path", [*GUARDED, "/no/such/path", "/v2/models/vit", "/echo"])
def test_nothing_else_does_whatever_is_asked_for(path: str, authorization: str | None) -> None:
    headers = {"authorization": authorization} if authorization else {}
    answer = ask("GET", path, gateway(api_keys="one, two"), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in str(answer.json()["error"])


@pytest.mark.parametrize("path", PROBES)
def test_probes_want_no_key(path: str) -> None:
    app = gateway(PlainTextResponse("fine"), {}, api_keys="one")
    assert ask("GET", path, app).status_code == 200


@pytest.mark.parametrize(
    ("method", "body", "requests", "delay", "status"),
    [
        ("GET", b"", 0, 9, 200),
        ("POST", b"", 0, 0, 429),
        ("POST", bytes(QUICK_BYTES + 1), 1, 0, 200),
        ("POST", bytes(QUICK_BYTES + 1), 1, 9, 429),
        # It may need no turn.
        ("POST", bytes(QUICK_BYTES), 1, 9, 200),
    ],
)
def test_work_is_turned_away_when_there_is_too_much_and_questions_pass(
    method: str, body: bytes, requests: int, delay: float, status: int
) -> None:
    queue = Queue()
    queue.delay = delay
    admission = Admission(queue, requests, 10**6, max_wait=1)
    app = gateway(PlainTextResponse("fine"), {}, admission)
    answer = ask(method, "/fine", app, content=body)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("1" if status == 429 else None)


async def trickle(size: int) -> AsyncIterator[bytes]:
    """Twenty parts of `size` bytes, together over a longer time than a body is waited for."""
    for _ in range(20):
        await asyncio.sleep(0.01)
        yield b"x" * size


@pytest.mark.parametrize(("size", "fast_enough"), [(1, False), (1_000, True)])
def test_a_body_is_waited_for_while_enough_of_it_comes(
    size: int, fast_enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limits, "PATIENCE", 0.1)
    monkeypatch.setattr(body_limits, "SLOWEST", 20_000)
    admission = Admission(Queue(), 1, 10**6, max_wait=1)
    app = gateway(admission=admission)
    answer = ask("POST", "/echo", app, content=trickle(size))
    if fast_enough:
        assert answer.json() == 20 * size
    else:
        assert error_of(answer)["code"] == "client_too_slow"
        assert answer.headers["connection"] == "close"
    assert ask("POST", "/echo", app, content=b"x").json() == 1, "its place is free"


def test_a_body_holds_what_has_come_of_it_and_is_refused_where_there_is_no_room() -> None:
    admission = Admission(Queue(), 9, 15_000, max_wait=1)
    with admission.reserve() as other:
        other.hold(2_000)
        assert (
            ask("POST", "/echo", gateway(admission=admission), content=chunks(1)).json() == 10_000
        )
        answer = ask("POST", "/echo", gateway(admission=admission), content=chunks(2))
    assert error_of(answer)["code"] == "too_many_requests"
    assert "hold 2000 bytes, no 20000 more" in answer.text


def test_a_large_answer_beside_others_is_refused_before_it_begins() -> None:
    async def large(request: Request) -> Response:
        return PlainTextResponse("x" * 80)

    admission = Admission(Queue(), 9, 100, max_wait=1)
    app = gateway(endpoints={"/echo": {"POST": large}}, admission=admission)
    with admission.reserve() as other:
        other.hold(30)
        assert error_of(ask("POST", "/echo", app))["code"] == "too_many_requests"
    assert ask("POST", "/echo", app).text == "x" * 80
