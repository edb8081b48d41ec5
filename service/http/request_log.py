"""What the service writes while it runs: text or JSON lines, each naming its request."""

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from starlette.datastructures import Headers, MutableHeaders

from service.settings import Format

Message = MutableMapping[str, Any]
App = Callable[[Message, Any, Any], Awaitable[None]]

HEADER = "X-Request-Id"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")  # nothing that could forge a line of the log
_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s %(process)d %(request_id)s"

# What BentoML adds to each record for its own format of a line.
_OF_BENTOML = ("component", "levelname_bracketed", "service_name", "trace_msg")

_current: ContextVar[str] = ContextVar("request_id", default="")
_log = logging.getLogger("rowreader.access")


def configure(form: Format) -> None:
    """Have all that is logged in this process written as `form`; `text` is BentoML's own."""
    if form == "text":
        return
    formatter = JsonFormatter(
        _FIELDS,
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        reserved_attrs=[*RESERVED_ATTRS, *_OF_BENTOML],
    )
    # Every logger that has a handler of its own; the others hand on to the root.
    names = [name for name, log in logging.root.manager.loggerDict.items()]
    for log in [logging.root, *map(logging.getLogger, names)]:
        for handler in log.handlers:
            handler.addFilter(_name_request)
            handler.setFormatter(formatter)


def _name_request(record: logging.LogRecord) -> bool:
    record.request_id = _current.get()
    return True


class RequestLog:
    """Gives each request an id, sends it back, and writes one line an answer if asked to.

    The id is the client's own `X-Request-Id`, if it is of letters, digits, `.`, `_` and `-`.
    """

    def __init__(self, app: App, *, access: bool) -> None:
        """Wrap `app`; with `access`, log every answer."""
        self.app, self.access = app, access

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Pass the request on, and its answer back with the id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _ACCEPTABLE.fullmatch(given) else uuid.uuid4().hex
        token, start = _current.set(request_id), time.perf_counter()
        status = 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, named)
        finally:
            if self.access:
                self._write(scope, status, time.perf_counter() - start)
            _current.reset(token)

    def _write(self, scope: Message, status: int, seconds: float) -> None:
        # The path as a literal: what a client makes up cannot break the line.
        text = f"{scope['method']} {scope['path']!r} {status} {1000 * seconds:.1f} ms"
        details = {"method": scope["method"], "path": scope["path"], "status": status}
        _log.info(text, extra={**details, "seconds": round(seconds, 6)})
