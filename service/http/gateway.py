"""The one gate before every endpoint: what can refuse a request comes before what costs much.

A request passes these checks in this order: its key, its path, its method, room for it, the length
and kind of its body; then its endpoint has until its deadline. Whoever fails, the answer has the
one error body. A WebSocket passes a gate of its own, `service.http.web_sockets`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import (
    ApiError,
    InternalError,
    MethodNotAllowedError,
    RequestTimeoutError,
    quote,
)
from service.execution.admission import Admission
from service.http.answer import Answer
from service.http.api_keys import check_key
from service.http.body_limits import bounded, check_body
from service.http.known_paths import KnownPaths
from service.http.request_log import log_answer, naming
from service.http.web_sockets import WebSocketGate
from service.settings import Settings
from service.streaming.connection import Stream
from service.uploads.request_head import Endpoint, RequestHead

# A body of so many bytes is let in however long the queues are: pictures of MNIST's size and a few
# sequences need none. Larger: photos are let in too, which wait; smaller: such are refused.
QUICK_BYTES = 32 * 1024

_NO_ROUTE = "none"  # what metrics call every path that is no route

_log = logging.getLogger("rowreader")


@dataclass(frozen=True)
class Worker:
    """What the gateway needs of the process that it stands before."""

    admission: Admission
    # An answer's route, model and status; of a WebSocket the code of its close.
    count: Callable[[str, str, int], object]


class Gateway:
    """Lets a request through to `app` if it may pass; every failure has the one error body."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        paths: KnownPaths,
        endpoints: Mapping[str, Mapping[str, Endpoint]],
        worker: Callable[[], Worker],
        *,
        streams: Mapping[str, Stream] = MappingProxyType({}),
    ) -> None:
        """Stand before `app`.

        Args:
            app: answers what has no endpoint, and asks the endpoint of what has one.
            settings: the limits.
            paths: those that are answered; another goes no further, for BentoML would keep metrics
                of each for ever, and write it into its log as it came.
            endpoints: ours, by path and method.
            worker: asked once there are requests.
            streams: what talks over WebSockets, by path.

        """
        self.app, self._settings = app, settings
        self._paths, self._endpoints, self._worker = paths, endpoints, worker
        self._sockets = WebSocketGate(settings, streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            worker = self._worker()
            await self._sockets(scope, receive, send, worker.admission, worker.count)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        head, began, worker = RequestHead.read(scope), time.perf_counter(), self._worker()
        route = head.path if head.path in self._paths else _NO_ROUTE

        def count(status: int) -> None:
            worker.count(route, head.model, status)

        answer = Answer(head, scope, receive, send, count)
        with naming(head.id):
            try:
                self._check(head)
                await self._pass(head, scope, receive, answer, worker.admission)
                await answer.finish(self._paths)
            except ApiError as error:
                await answer.refuse(error)
            except Exception:
                if answer.begun:
                    raise  # the server can only cut the connection
                _log.exception("%s %s failed", head.method, quote(head.path))
                request = f"{head.method} {quote(head.path)}"
                await answer.refuse(
                    InternalError(f"{request}: the service failed; its log tells more")
                )
            finally:
                if self._settings.access_log:
                    log_answer(head, answer.status, time.perf_counter() - began)

    def _check(self, head: RequestHead) -> None:
        """Refuse what can be refused by its head alone, and find the endpoint of the rest."""
        check_key(head, self._settings.api_keys)
        self._paths.check(head.method, head.path)
        methods = self._endpoints.get(head.path)
        if methods is None:
            return
        head.endpoint = methods.get("GET" if head.method == "HEAD" else head.method)
        if head.endpoint is None:
            raise MethodNotAllowedError(
                f"{head.method} {quote(head.path)}: the route does not take {head.method}; see "
                "/docs.json",
                {"Allow": ", ".join(methods)},
            )

    async def _pass(
        self,
        head: RequestHead,
        scope: Scope,
        receive: Receive,
        answer: Answer,
        admission: Admission,
    ) -> None:
        """Let the request through if there is room, and end it at its deadline."""
        limit = self._settings.timeout_seconds
        try:
            async with asyncio.timeout(limit) as deadline:
                if head.method != "POST":
                    await self.app(scope, receive, answer.send)
                    return
                with admission.reserve() as reservation:
                    check_body(head, self._settings.max_body_bytes)
                    if not 0 <= head.content_length <= QUICK_BYTES:
                        admission.check_queue()
                    answer.reservation = reservation
                    body = bounded(receive, reservation, self._settings.max_body_bytes)
                    await self.app(scope, body, answer.send)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise RequestTimeoutError(
                f"the request was not done within {limit:g} s; send less at a time, or try again "
                "later"
            ) from None
