"""Who is let in, before anything else is done for a request."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from service.errors import ErrorResponse, TooManyRequestsError
from service.execution.admission import Admission, Place
from service.execution.scheduler import QUICK_BYTES

_DIGITS = 18  # of the length of any body; int() refuses more than thousands

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Door:
    """Lets requests in as `Admission` says, before anything else is done for them."""

    def __init__(self, app: App, admission: Callable[[], Admission]) -> None:
        """Guard what `app` is asked by POST; the rest costs little."""
        self.app, self.admission = app, admission

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        admission = self.admission()
        try:
            with admission.place() as place:
                # What is small may need no thread; whether it does is seen once it is here.
                if not 0 <= _length(scope["headers"]) <= QUICK_BYTES:
                    admission.check()
                answer = _Answer(place, send)
                await self.app(scope, _received(receive, place), answer.send)
                if answer.refusal:
                    raise answer.refusal
        except TooManyRequestsError as error:
            await ErrorResponse(error)(scope, receive, send)


def _received(receive: Any, place: Place) -> Any:
    """`receive`, holding what has come of the body; what is only announced takes no memory."""
    count = 0

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal count
        message: MutableMapping[str, Any] = await receive()
        count += len(message.get("body", b""))
        place.hold(count)
        return message

    return receiving


class _Answer:
    """Passes an answer on, unless there is no room for it beside those of others.

    It then says so once all is over: raised into what sends it, the refusal would be taken for a
    failure of that.
    """

    def __init__(self, place: Place, send: Any) -> None:
        self._place, self._send = place, send
        self.refusal: TooManyRequestsError | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            try:
                self._place.hold(_length(message["headers"]))
            except TooManyRequestsError as error:
                self.refusal = error
        if not self.refusal:
            await self._send(message)


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """How many bytes follow the `headers`, as they say; -1 where they do not."""
    text = next((value for name, value in headers if name == b"content-length"), b"")
    return int(text) if text.isdigit() and len(text) < _DIGITS else -1
