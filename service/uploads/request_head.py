"""What stands before the body of a request, read once, and what is found out on its way."""

import re
import secrets
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

Endpoint = Callable[[Request], Awaitable[Response]]

REQUEST_ID = "X-Request-Id"
NO_MODEL = "none"  # what metrics call it when no model was asked for, or none that exists

# Of the request that is answered; "" outside of any.
current_id: ContextVar[str] = ContextVar("request_id", default="")

_KEY = "rowreader.head"
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")  # nothing that could forge a line of the log
_HTML, _JSON = "text/html", "application/json"
_WEIGHT = re.compile(r"(?:^|;)\s*q=([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)  # RFC 9110
_DIGITS = 18  # of the length of any body; int() refuses more than thousands


@dataclass
class RequestHead:
    """The head of one request; header values are as they came, "" where there are none."""

    method: str
    path: str
    id: str  # the client's own `X-Request-Id`, if it is fit for a log, or a new one
    content_type: str
    content_encoding: str
    content_length: int  # bytes; -1 where the head does not say, or not sensibly
    authorization: str
    accept: str
    json_length: str | None  # `Inference-Header-Content-Length`, of the Open Inference Protocol
    # Found out on the way:
    endpoint: Endpoint | None = None  # ours that answers; None: BentoML does
    model: str = NO_MODEL  # the published model that is asked for
    answered: bool = False  # by an endpoint of ours, so that its failures have our body already

    @classmethod
    def read(cls, scope: Scope) -> "RequestHead":
        """The head of the HTTP request `scope`, which keeps it for `head_of`."""
        found: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            found.setdefault(name, value)  # of several the first counts
        json_length = found.get(b"inference-header-content-length")
        head = cls(
            method=scope["method"],
            path=scope["path"],
            id=request_id(found.get(b"x-request-id", b"")),
            content_type=found.get(b"content-type", b"").decode("latin-1"),
            content_encoding=found.get(b"content-encoding", b"").decode("latin-1"),
            content_length=_length(found.get(b"content-length", b"")),
            authorization=found.get(b"authorization", b"").decode("latin-1"),
            accept=found.get(b"accept", b"").decode("latin-1"),
            json_length=None if json_length is None else json_length.decode("latin-1"),
        )
        scope[_KEY] = head
        return head

    @property
    def prefers_html(self) -> bool:
        """Whether `Accept` names HTML, as browsers do that open a page, and JSON with less weight.

        What only `*/*` stands for is not named: curl and libraries get JSON.
        """
        weights = {_HTML: 0.0, _JSON: 0.0}
        for entry in self.accept.split(","):
            kind, _, parameters = entry.partition(";")
            if (name := kind.strip().lower()) in weights:
                weight = _WEIGHT.search(parameters)
                weights[name] = float(weight[1]) if weight else 1.0
        return weights[_HTML] > weights[_JSON]


def head_of(scope: Scope) -> RequestHead:
    """The head of the request `scope`, read now if nobody has read it before."""
    head = scope.get(_KEY)
    return head if isinstance(head, RequestHead) else RequestHead.read(scope)


def request_id(given: bytes) -> str:
    """`given` by the client if it is of letters, digits, `.`, `_` and `-`, or a new one."""
    return given.decode() if _ACCEPTABLE_ID.fullmatch(given) else secrets.token_hex(16)


def _length(text: bytes) -> int:
    if not text.isdigit():
        return -1
    return int(text) if len(text) <= _DIGITS else 10**_DIGITS
