"""What the service writes while it runs: text or JSON lines, each naming its request."""

import contextlib
import logging
from collections.abc import Iterable, Iterator

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from service.settings import Format
from service.uploads.request_head import RequestHead, current_id

_FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s %(process)d %(request_id)s"

_log = logging.getLogger("rowreader.access")


def configure(form: Format, left_out: Iterable[str]) -> None:
    """Have all that is logged in this process written as `form`; `text` is BentoML's own.

    `left_out` are attributes of a record that are none of ours, and no part of a JSON line.
    """
    if form == "text":
        return
    formatter = JsonFormatter(
        _FIELDS,
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        reserved_attrs=[*RESERVED_ATTRS, *left_out],
    )
    # Every logger that has a handler of its own; the others hand on to the root.
    names = list(logging.root.manager.loggerDict)  # a copy: getLogger adds to it
    for log in [logging.root, *map(logging.getLogger, names)]:
        for handler in log.handlers:
            handler.addFilter(_name_request)
            handler.setFormatter(formatter)


def _name_request(record: logging.LogRecord) -> bool:
    record.request_id = current_id.get()
    return True


@contextlib.contextmanager
def naming(request_id: str) -> Iterator[None]:
    """Have every line that is logged meanwhile name this request."""
    token = current_id.set(request_id)
    try:
        yield
    finally:
        current_id.reset(token)


def log_answer(head: RequestHead, status: int, seconds: float) -> None:
    """Write the line of one answer."""
    # The path as a literal: what a client makes up cannot break the line.
    text = f"{head.method} {head.path!r} {status} {1000 * seconds:.1f} ms"
    details = {"method": head.method, "path": head.path, "status": status}
    _log.info(text, extra={**details, "seconds": round(seconds, 6)})
