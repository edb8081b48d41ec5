"""Requests that offer to go on in HTTP/2 over plain text, answered as HTTP/1.1 (RFC 9110, 7.8).

The JDK's own client and `curl --http2` send `Upgrade: h2c` with their first request. llhttp, which
parses for uvicorn, then takes all that follows the head for another protocol, and the body is lost.
"""

import re

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Of a WebSocket the server does want to know.
_OFFER = re.compile(rb"\r\nupgrade:(?![ \t]*websocket)[^\r\n]*", re.IGNORECASE)

ABORT = "rowreader.abort"  # in a request's scope: closes its connection, whatever waits to be sent


def ignore_offers() -> None:
    """Have uvicorn's servers of this process parse by `Http1Protocol`, where they may choose."""
    HTTP_PROTOCOLS["auto"] = f"{__name__}:{Http1Protocol.__name__}"


class Http1Protocol(HttpToolsProtocol):
    """uvicorn's, but for offers of other protocols than WebSocket, which it does not see."""

    _inside = False  # a request whose head has been parsed and whose body has not ended

    def on_message_begin(self) -> None:
        """A head begins."""
        self._inside = True
        super().on_message_begin()
        # `close` would wait for a client that does not read, and keep its descriptor for ever.
        self.scope[ABORT] = self.transport.abort  # type: ignore[literal-required]

    def on_message_complete(self) -> None:
        """A body has ended."""
        self._inside = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse `data` without an offer, if it begins a request."""
        end = -1 if self._inside else data.find(b"\r\n\r\n")
        if end > 0 and _OFFER.search(data, 0, end):
            data = _OFFER.sub(b"", data[:end]) + data[end:]
        super().data_received(data)
