"""uvicorn's WebSockets within our limits, and told when the server ends."""

import asyncio
from typing import Any

from uvicorn.config import WS_PROTOCOLS
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import SecurityError
from websockets.frames import CloseCode
from websockets.http11 import Response

from service.errors import ApiError, HeadTooLargeError, MalformedRequestError
from service.http.answer import failure
from service.streaming.connection import GOING_AWAY, MAX_MESSAGE_BYTES
from service.uploads.request_head import REQUEST_ID, request_id

# Bytes that are parsed before others have their turn: some hundred frames, which are taken apart
# in Python.
_SLICE = 2 * 1024
# Parts of one message. They may be empty, so that the size of the message does not bound them.
_MOST_PARTS = 1024


def limit_messages() -> None:
    """Have uvicorn's servers of this process talk by `StreamProtocol`, where they may choose."""
    WS_PROTOCOLS["auto"] = f"{__name__}:{StreamProtocol.__name__}"


class StreamProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, but for the largest message, compression, floods, and how a connection ends."""

    _ahead = b""  # what has come and is not parsed yet
    _next: asyncio.Handle | None = None  # parses more of it

    def __init__(self, config: Any, *arguments: Any, **named: Any) -> None:
        # A larger message is not read to its end. Rows are too short to be compressed, and each
        # connection would hold memory for it.
        config.ws_max_size, config.ws_per_message_deflate = MAX_MESSAGE_BYTES, False
        super().__init__(config, *arguments, **named)
        # Its own answer is plain text.
        self.conn.reject = self._refusal  # type: ignore[method-assign, assignment]

    def data_received(self, data: bytes) -> None:
        """Parse what has come, a little at a time, while the conversation keeps up with it."""
        self._ahead += data
        self._parse_soon()

    def _parse_soon(self) -> None:
        if self._ahead:  # uvicorn would have more come after each message
            self.transport.pause_reading()
        if self._next is None:
            self._next = self.loop.call_soon(self._parse)

    def _parse(self) -> None:
        self._next = None
        if self.transport.is_closing():  # what is left is of no use, and its answers reach nobody
            self._ahead = b""
            return
        if self.read_paused and not self.close_sent:
            return  # until the conversation has taken what has come
        if self._ahead and self.writable.is_set():
            part, self._ahead = self._ahead[:_SLICE], self._ahead[_SLICE:]
            super().data_received(part)
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                self._refuse()
            self._flush()
            self._parse_soon()
        elif not self._ahead:
            self.transport.resume_reading()

    def _flush(self) -> None:
        if output := self.conn.data_to_send():
            self.transport.write(b"".join(output))

    def handle_ping(self) -> None:
        """The answers to many go out together."""

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._parse_soon()

    async def receive(self) -> Any:
        """The next event for the conversation."""
        event = await super().receive()
        self._parse_soon()
        return event

    async def send(self, message: Any) -> None:
        """Send it; a refusal ends the handshake, too, which uvicorn would log as an error.

        Raises:
            ClientDisconnected: the connection is being closed, which uvicorn would take for a fault
                of the conversation.

        """
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True
        self._parse_soon()

    def handle_cont(self, event: Any) -> None:
        """One more part of a message."""
        if len(self.frames) < _MOST_PARTS:
            super().handle_cont(event)
        else:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many parts")

    def send_receive_event_to_app(self) -> None:
        """A message is whole; of what is no text, uvicorn would log a traceback."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA, "the text is not UTF-8")
                return
        super().send_receive_event_to_app()

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.frames = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def _refuse(self) -> None:
        """Answer what the parser has refused, for which uvicorn does not look."""
        self.handshake_complete = self.close_sent = True
        self.conn.data_to_send()  # it may hold an answer already, but not to all
        self.transport.write(self._refusal().serialize())
        self.transport.close()

    def _refusal(self, *_: object) -> Response:
        """The answer to what opens no WebSocket; it is not logged, for anybody can send it."""
        error: ApiError = MalformedRequestError(
            "this does not open a WebSocket as RFC 6455 asks for; let a library for WebSockets "
            "write it"
        )
        if isinstance(self.conn.handshake_exc, SecurityError):
            error = HeadTooLargeError(
                "the head of the request has a line, or a number of lines, that is too large for "
                "a WebSocket; send fewer or shorter headers"
            )
        kept = {REQUEST_ID: request_id(b""), "Connection": "close"}
        response = failure(error.body(), "/", kept)
        headers = Headers((k.decode(), v.decode()) for k, v in response.raw_headers)
        return Response(error.status, error.status.phrase, headers, bytes(response.body))

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The conversation has ended; whoever does not read its last words is cut off."""
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(self.close_timeout, self.transport.abort)

    def shutdown(self) -> None:
        """Have the conversation end itself, after what has come before is answered."""
        if self.handshake_complete and not self.close_sent:
            self.stop_keepalive()
            going: Any = {"type": GOING_AWAY}  # no event of ASGI, but only our own code reads it
            self.queue.put_nowait(going)
        else:
            super().shutdown()
