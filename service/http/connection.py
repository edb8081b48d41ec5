"""One client's connection: HTTP/1.1 as uvicorn speaks it, within bounds.

uvicorn and llhttp, which parses for it, take heads and trailers of any length, parse as many
requests ahead as come, and wait for the rest of a head for ever. They also take what follows an
offer of another protocol (`Upgrade: h2c`, as the JDK's own client and `curl --http2` send it with
their first request) for that protocol, so that a body is lost; RFC 9110, 7.8 lets a server ignore
such an offer.
"""

import asyncio
import functools

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.errors import ApiError, HeadTooLargeError, MalformedRequestError
from service.http.answer import CUT, failure
from service.uploads.request_head import REQUEST_ID, request_id

# Bytes that may come without the end of a head or a part of a body among them: of a head, of
# trailers, of what stands before a chunk. Larger: a head holds up others for longer; smaller:
# browsers' cookies and proxies' headers are refused.
MOST_HEAD = 16 * 1024
# Bytes parsed before a look whether they were too many, or enough for now.
_SLICE = 8 * 1024
# Parts of bodies that are taken before others have their turn; a byte each, they take time.
_PARTS = 256
# Seconds for a head from its first byte on, and, once a request has been refused, for its body.
HEAD_SECONDS, _REFUSED_SECONDS = 10.0, 30.0


def use_for_all() -> None:
    """Have uvicorn's servers of this process speak by `Connection`, where they may choose."""
    HTTP_PROTOCOLS["auto"] = f"{__name__}:{Connection.__name__}"


class Connection(HttpToolsProtocol):
    """uvicorn's, within bounds, and without offers of other protocols than WebSocket."""

    url = b""
    _without_offer = b""  # the head of a request that made an offer, until it is parsed without it
    _in_body = False
    _barren = 0  # bytes since a head's end or a part of a body
    _ahead = b""  # what came while there was enough to do already
    _parts = 0  # of bodies, since others had their turn
    _watch: asyncio.TimerHandle | None = None  # ends a connection that waits for its client

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._unset_watch()
        self._ahead = b""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data`, as far as no requests wait and it does not take long."""
        self._unset_keepalive_if_required()
        data, self._parts = self._ahead + data, 0
        try:
            for start in range(0, len(data), _SLICE):
                if self.pipeline or self._parts > _PARTS:
                    self._ahead = data[start:]
                    self.flow.pause_reading()
                    if not self.pipeline:
                        self.loop.call_soon(self._go_on)
                    return
                self._parse(data[start : start + _SLICE])
            self._ahead = b""
        except HttpParserUpgrade:
            self.handle_websocket_upgrade()
        except HttpParserError:
            self._refuse(
                MalformedRequestError(
                    "this is no request of HTTP/1.1; let a library for HTTP write it"
                )
            )
        except HeadTooLargeError as error:
            self._refuse(error)
        else:
            self._expect_head()

    def _parse(self, data: bytes) -> None:
        """Parse `data`; what follows an offer, as the rest of a request without it.

        Raises:
            HeadTooLargeError: a head does not end.
            HttpParserError: this is no HTTP.
            HttpParserUpgrade: what follows is of a WebSocket.

        """
        rest = data
        while True:
            try:
                self.parser.feed_data(rest)
                break
            except HttpParserUpgrade as offer:
                if not self._without_offer:
                    raise
                rest = self._without_offer + rest[offer.args[0] :]
                self._without_offer = b""
        self._barren += len(data)
        if self._barren > MOST_HEAD:
            raise HeadTooLargeError(
                f"the head of the request has more than {MOST_HEAD} bytes; send fewer or shorter "
                "headers"
            )

    def on_headers_complete(self) -> None:
        """A head has ended."""
        self._barren = 0
        if self.parser.should_upgrade() and not self._should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise ValueError("only a proxy knows what to do")  # which httptools reports
            self._without_offer = self._head_again()
            return
        self._in_body = True
        self._unset_watch()
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            cut = functools.partial(_cut, self.cycle)
            self.scope[CUT] = cut  # type: ignore[literal-required]

    def _head_again(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def on_body(self, body: bytes) -> None:
        """A part of a body has come."""
        self._barren = 0
        self._parts += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A body has ended."""
        if self._without_offer:
            return
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer has been sent; go on with what had to wait."""
        super().on_response_complete()
        if self._ahead and not self.pipeline:
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._ahead and not self.transport.is_closing():
            self.flow.resume_reading()
            self.data_received(b"")

    def timeout_keep_alive_handler(self) -> None:
        """Nothing has come for long; `close` would wait for a client that does not read."""
        self.transport.abort()

    def _expect_head(self) -> None:
        """Unless a request is being answered, give the client its time for the next head."""
        if self._watch is None and self._is_idle() and not self.transport.is_closing():
            seconds = _REFUSED_SECONDS if self._in_body else HEAD_SECONDS
            self._watch = self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._watch = None
        if self._is_idle():
            self.transport.abort()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _unset_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _refuse(self, error: ApiError) -> None:
        """Answer what is no request; nothing of it is logged, for anybody can send it."""
        path = self.url.decode("latin-1").partition("?")[0]
        kept = {REQUEST_ID: request_id(b""), "Connection": "close"}
        response = failure(error.body(), path, kept)
        lines = [b"HTTP/1.1 %d %b" % (error.status, error.status.phrase.encode())]
        headers = [*self.server_state.default_headers, *response.raw_headers]
        lines += [b"%b: %b" % header for header in headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()


def _cut(cycle: RequestResponseCycle) -> None:
    cycle.disconnected = True  # or uvicorn logs that the answer was not completed
    cycle.transport.abort()
