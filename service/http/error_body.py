"""What stands around every route: limits before a request is read, one body after it failed."""

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response

from service.errors import (
    ApiError,
    BodyTooLargeError,
    ErrorBody,
    ErrorResponse,
    InternalError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotReadyError,
    TooManyRequestsError,
    UnsupportedMediaTypeError,
    quote,
)
from service.http.known_paths import Paths
from service.paths import of_protocol
from service.uploads import requested_model

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("rowreader")

_NO_ROUTE = "none"  # what metrics call every path that is no route
# With them BentoML names itself; requests have an id of ours.
_OF_BENTOML = ("server", "x-bentoml-request-id")
HTTP_ERROR = 400
SERVER_ERROR = 500


class BodyGuard:
    """Refuse a body that is too large, pickled or compressed, before it is read whole."""

    def __init__(self, app: App, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an acceptable request on to the app.

        What a refused client still sends is for the server to discard: closing at once would reset
        the connection before the client sees the answer.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            _check_headers(Headers(scope=scope), self.max_bytes)
        except ApiError as error:
            await ErrorResponse(error)(scope, receive, send)
        else:
            await self.app(scope, self._limit(receive), send)

    def _limit(self, receive: Receive) -> Receive:
        """`receive`, raising `BodyTooLargeError` in the app once the body exceeds the limit."""
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise _body_too_large(f"{received} or more", self.max_bytes)
            return message

        return limited


def _check_headers(headers: Headers, max_bytes: int) -> None:
    length = headers.get("content-length", "0")
    if length.isdecimal() and (
        len(length) > 18 or int(length) > max_bytes
    ):  # 18: int() refuses more than thousands
        raise _body_too_large(length, max_bytes)
    if "pickle" in (media_type := headers.get("content-type", "").lower()):
        raise UnsupportedMediaTypeError(
            f"Content-Type is {quote(media_type)}; pickled data can run code and is never read; "
            "send a form or JSON"
        )
    if (encoding := headers.get("content-encoding", "identity").lower()) != "identity":
        raise UnsupportedMediaTypeError(
            f"Content-Encoding is {quote(encoding)}; send the body uncompressed"
        )


def _body_too_large(found: str, max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"the request body has {found} bytes, at most {max_bytes} are allowed; send less at a time"
    )


class OneErrorBody:
    """Give every failure the one error body, whoever answered it: Starlette, BentoML, or we.

    Clients of the Open Inference Protocol get the message of it in their own form.
    """

    def __init__(self, app: App, paths: Paths, count: Callable[[str, str, int], object]) -> None:
        """Let pass what asks for one of `paths`; `count` answers by route, model and status.

        Another path goes no further: BentoML would keep metrics of each for ever, and write it into
        its log as it came, line breaks included.
        """
        self.app, self.paths, self.count = app, paths, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on to the app, and a failure on in our form."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        requested_model.begin(scope)
        send = self._counted(scope, send)
        outgoing = _Outgoing(send)
        try:
            self.paths.check(scope["method"], scope["path"])
            _check_content_type(scope)
            await self.app(scope, receive, outgoing.send)
        except ApiError as error:
            if outgoing.begun:
                # Returning without an end has the server cut the connection.
                _log.warning("%s %s was cut off: %s", scope["method"], quote(scope["path"]), error)
                return
            await _response(scope, error.body(), error.headers)(scope, receive, send)
        except Exception:
            if outgoing.begun:
                raise  # the server can only cut the connection
            _log.exception("%s %s failed", scope["method"], quote(scope["path"]))
            await _response(scope, self._internal(scope).body())(scope, receive, send)
        else:
            if outgoing.failure:
                answer = self._answer(scope, outgoing.failure, outgoing.body)
                await answer(scope, receive, send)

    def _counted(self, scope: Scope, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in _OF_BENTOML:
                    del headers[name]
                route = scope["path"] if scope["path"] in self.paths else _NO_ROUTE
                self.count(route, requested_model.of(scope), message["status"])
            await send(message)

        return counted

    def _answer(self, scope: Scope, start: Message, body: bytes) -> Response:
        """The failure that began with `start`, with our body if it has another."""
        headers = MutableHeaders(raw=list(start["headers"]))
        del headers["content-length"]
        del headers["content-type"]
        text = body.decode(errors="replace")
        ours = _one_body(body) or self._translate(scope, start["status"], text).body()
        return _response(scope, ours, headers)

    def _translate(self, scope: Scope, status: int, text: str) -> ApiError:
        """What Starlette or BentoML answered with `status` and `text`, as an error of ours."""
        request = f"{scope['method']} {quote(scope['path'])}"
        match status:
            case 404:
                return self.paths.not_found(scope["method"], scope["path"])
            case 405:
                return MethodNotAllowedError(
                    f"{request}: the route does not take {scope['method']}; see /docs.json"
                )
            case 429:
                return TooManyRequestsError(
                    "too many requests are under way; try again in a moment"
                )
            case 503:
                return NotReadyError(text)
            case 415:
                return UnsupportedMediaTypeError(f"{request}: this Content-Type is not read here")
            case _ if status < SERVER_ERROR:
                return MalformedRequestError(f"{request}: the request cannot be read")
            case _:
                return self._internal(scope)

    def _internal(self, scope: Scope) -> InternalError:
        request = f"{scope['method']} {quote(scope['path'])}"
        return InternalError(f"{request}: the service failed; its log tells more")


class _Outgoing:
    """Passes a success on as it comes, and holds a failure back until its body is whole."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.failure: Message | None = None
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= HTTP_ERROR:
            self.failure = message
        elif self.failure is None:
            self.begun = True
            await self._send(message)
        else:
            self.body += message.get("body", b"")


def _check_content_type(scope: Scope) -> None:
    """Refuse what is no ASCII: it has no meaning in HTTP, and libraries fail on it."""
    for name, value in scope["headers"]:
        if name == b"content-type" and not value.isascii():
            raise UnsupportedMediaTypeError(f"Content-Type is {quote(value)}, expected ASCII")


class _Detail(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    message: str
    status: int


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    error: _Detail


def _one_body(body: bytes) -> ErrorBody | None:
    """The one error body, if `body` is it."""
    try:
        detail = msgspec.json.decode(body, type=_Body).error
    except ValueError:
        return None
    return {"error": {"code": detail.code, "message": detail.message, "status": detail.status}}


def _response(scope: Scope, body: ErrorBody, headers: Mapping[str, str] | None = None) -> Response:
    """The failure `body`, in the form that clients of this path read."""
    detail = body["error"]
    form = {"error": detail["message"]} if of_protocol(scope["path"]) else body
    return JSONResponse(form, detail["status"], headers)
