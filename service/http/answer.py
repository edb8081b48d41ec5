"""What goes out for one request: a success as it comes, a failure with the one error body."""

import logging
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from service.errors import (
    ApiError,
    ErrorBody,
    InternalError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotReadyError,
    TooManyRequestsError,
    UnsupportedMediaTypeError,
    quote,
)
from service.execution.admission import Reservation
from service.http.known_paths import KnownPaths
from service.paths import of_protocol
from service.uploads.request_head import REQUEST_ID, RequestHead

CUT = "rowreader.cut"  # in a request's scope: closes its connection, whatever waits to be sent
# With them BentoML names itself; requests have an id of ours.
_HIDDEN = ("server", "x-bentoml-request-id")
_HTTP_ERROR, _SERVER_ERROR = 400, 500

_log = logging.getLogger("rowreader")


class Answer:
    """Sends what answers one request, and its id with it."""

    def __init__(
        self,
        head: RequestHead,
        scope: Scope,
        receive: Receive,
        send: Send,
        count: Callable[[int], object],
    ) -> None:
        """Send by `send`; `count` is told the status once."""
        self._head, self._scope, self._receive, self._send = head, scope, receive, send
        self._count = count
        self.begun = False
        self.status = 0
        self.reservation: Reservation | None = (
            None  # where the answer's bytes are counted, if at all
        )
        self._foreign: Message | None = None  # a failure that is not ours, until its body is whole
        self._foreign_body = b""
        self._refusal: TooManyRequestsError | None = None

    async def send(self, message: Message) -> None:
        """Pass on what the application sends; what is no failure of ours is held back if it fails.

        An answer that has no room beside others is not begun either; `finish` says so. Raised from
        here, the refusal would be taken for a failure of what sends it.
        """
        if message["type"] == "http.response.start":
            if message["status"] >= _HTTP_ERROR and not self._head.answered:
                self._foreign = message
                return
            try:
                self._hold(message)
            except TooManyRequestsError as error:
                self._refusal = error
                return
            await self._begin(message)
        elif self._foreign is not None:
            self._foreign_body += message.get("body", b"")
        elif self._refusal is None:
            await self._send(message)

    def _hold(self, start: Message) -> None:
        """Count the bytes that follow, as the head of the answer says.

        Raises:
            TooManyRequestsError: there is no room for them beside those of others.

        """
        if self.reservation is None:
            return
        for name, value in start["headers"]:
            if name == b"content-length":
                self.reservation.hold(int(value))

    async def _begin(self, start: Message) -> None:
        headers = MutableHeaders(scope=start)
        for name in _HIDDEN:
            del headers[name]
        headers[REQUEST_ID] = self._head.id
        self.begun, self.status = True, start["status"]
        self._count(self.status)
        await self._send(start)

    async def finish(self, paths: KnownPaths) -> None:
        """Send what was held back: a foreign failure in our form, or that there was no room.

        Raises:
            TooManyRequestsError: there was none.

        """
        if self._refusal is not None:
            raise self._refusal
        if self._foreign is None:
            return
        status, headers = self._foreign["status"], MutableHeaders(raw=self._foreign["headers"])
        del headers["content-length"]
        del headers["content-type"]
        text = self._foreign_body.decode(errors="replace")
        await self._fail(self._translate(status, text, paths).body(), headers)

    async def refuse(self, error: ApiError) -> None:
        """Answer with `error`; what has begun can only be cut off."""
        if self.begun:
            method, path = self._head.method, quote(self._head.path)
            _log.warning("%s %s was cut off: %s", method, path, error)
            if cut := self._scope.get(CUT):
                cut()
            return
        await self._fail(error.body(), error.headers)

    async def _fail(self, body: ErrorBody, headers: Mapping[str, str]) -> None:
        response = failure(body, self._head.path, headers)

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._begin(message)
            else:
                await self._send(message)

        await response(self._scope, self._receive, send)

    def _translate(self, status: int, text: str, paths: KnownPaths) -> ApiError:
        """What Starlette or BentoML answered with `status` and `text`, as an error of ours."""
        method, path = self._head.method, self._head.path
        request = f"{method} {quote(path)}"
        match status:
            case 404:
                return paths.not_found(method, path)
            case 405:
                return MethodNotAllowedError(
                    f"{request}: the route does not take {method}; see /docs.json"
                )
            case 429:
                return TooManyRequestsError(
                    "too many requests are under way; try again in a moment"
                )
            case 503:
                return NotReadyError(text)
            case 415:
                return UnsupportedMediaTypeError(f"{request}: this Content-Type is not read here")
            case _ if status < _SERVER_ERROR:
                return MalformedRequestError(f"{request}: the request cannot be read")
            case _:
                return InternalError(f"{request}: the service failed; its log tells more")


def failure(body: ErrorBody, path: str, headers: Mapping[str, str]) -> JSONResponse:
    """The failure `body` as a response, in the form that clients of `path` read."""
    detail = body["error"]
    form = {"error": detail["message"]} if of_protocol(path) else body
    return JSONResponse(form, detail["status"], headers)
