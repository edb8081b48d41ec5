"""What stands before a WebSocket: key, path and origin, then room for one more, and its log line.

Who may not connect is refused before the connection is made, by an HTTP status and the one error
body. All else is told on the connection, in words and by the code of its close.
"""

import base64
import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from service.errors import (
    ApiError,
    InternalError,
    NotFoundError,
    OriginNotAllowedError,
    TooManyRequestsError,
    quote,
)
from service.execution.admission import Admission
from service.http.answer import failure
from service.http.api_keys import check_key
from service.http.request_log import log_answer, naming
from service.settings import Settings
from service.streaming.connection import LOST, Connection, Stream
from service.uploads.options import read_query_string
from service.uploads.request_head import NO_MODEL, REQUEST_ID, RequestHead

# The subprotocols that a browser offers, which cannot send a key in a header.
SUBPROTOCOL, _KEY = "rowreader", "rowreader.key."

_NO_ROUTE = "none"
_METHOD = "WEBSOCKET"  # in the log, where requests have theirs

_log = logging.getLogger("rowreader")


class WebSocketGate:
    """Lets WebSockets through that may connect, a bounded number at a time."""

    def __init__(self, settings: Settings, streams: Mapping[str, Stream]) -> None:
        """Let them to `streams`, by path."""
        self._settings, self._streams = settings, streams
        # Whoever writes by hand holds a place for long; half of the places are for requests.
        self._most = max(1, settings.max_pending // 2)
        self._open = 0

    async def __call__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        admission: Admission,
        count: Callable[[str, str, int], object],
    ) -> None:
        """Serve one WebSocket, and `count` its route, model and status, or code of its close."""
        head = _with_key(RequestHead.read({**scope, "method": _METHOD}), scope["subprotocols"])
        began, status = time.perf_counter(), LOST
        path = head.path if head.path in self._streams else _NO_ROUTE
        with naming(head.id):
            try:
                stream = self._find(head, scope)
            except ApiError as error:
                status = error.status.value
                await _deny(scope, receive, send, head, error)
            else:
                status = await self._serve(stream, scope, receive, send, head, admission=admission)
            finally:
                count(path, head.model if path != _NO_ROUTE else NO_MODEL, status)
                if self._settings.access_log:
                    log_answer(head, status, time.perf_counter() - began)

    def _find(self, head: RequestHead, scope: Scope) -> Stream:
        """What talks over this WebSocket, if it may connect.

        Raises:
            UnauthorizedError, NotFoundError, OriginNotAllowedError: it may not.

        """
        check_key(head, self._settings.api_keys)
        if head.path not in self._streams:
            raise NotFoundError(
                f"WebSocket {quote(head.path)}: there is no such one; try "
                f"{', '.join(self._streams)}"
            )
        _check_origin(scope, self._settings.cors_origins)
        return self._streams[head.path]

    async def _serve(
        self,
        stream: Stream,
        scope: Scope,
        receive: Receive,
        send: Send,
        head: RequestHead,
        *,
        admission: Admission,
    ) -> int:
        offered = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
        socket = WebSocket(scope, receive, send)
        await socket.accept(offered, [(REQUEST_ID.lower().encode(), head.id.encode())])
        connection = Connection(receive, send, self._settings.stream_idle_seconds)
        if self._open >= self._most:
            return await connection.fail(
                TooManyRequestsError(
                    f"{self._open} streams are open, no more are taken; try again in a second"
                )
            )
        self._open += 1
        try:
            with admission.reserve():
                return await stream(connection, head, read_query_string(scope))
        except ApiError as error:
            return await connection.fail(error)
        except Exception:
            _log.exception("WebSocket %s failed", quote(head.path))
            return await connection.fail(InternalError("the service failed; its log tells more"))
        finally:
            self._open -= 1


def _check_origin(scope: Scope, origins: Sequence[str]) -> None:
    """Let through what comes from no page, from a page of this service, or of `origins`.

    A browser connects to wherever a page says, with whatever rights its user has there; other
    programs send no `Origin`.

    Raises:
        OriginNotAllowedError: it comes from another page.

    """
    headers = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
    origin = headers.get(b"origin")
    if origin is None or "*" in origins or origin in origins:
        return
    # A browser writes no more than scheme and host; what else there is needs no parsing.
    if origin.lower().partition("://")[2] == headers.get(b"host", "").lower():
        return
    raise OriginNotAllowedError(
        f"pages of {quote(origin, 100)} may not connect; the operator names who may with "
        "ROWREADER_CORS_ORIGINS"
    )


def _with_key(head: RequestHead, subprotocols: Sequence[str]) -> RequestHead:
    """`head` with the key that a subprotocol holds, if no header does."""
    for name in subprotocols:
        if name.startswith(_KEY) and not head.authorization:
            text = name.removeprefix(_KEY)
            try:
                key = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
                return dataclasses.replace(head, authorization=f"Bearer {key.decode()}")
            except ValueError:  # it is no key, which is what will be said
                return head
    return head


async def _deny(
    scope: Scope, receive: Receive, send: Send, head: RequestHead, error: ApiError
) -> None:
    response = failure(error.body(), "/", {**error.headers, REQUEST_ID: head.id})
    await WebSocket(scope, receive, send).send_denial_response(response)
