"""uvicorn's WebSockets within our limits, and told when the server ends."""

from typing import Any

from uvicorn.config import WS_PROTOCOLS
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from service.streaming.connection import GOING_AWAY, MAX_MESSAGE_BYTES


def limit_messages() -> None:
    """Have uvicorn's servers of this process talk by `StreamProtocol`, where they may choose."""
    WS_PROTOCOLS["auto"] = f"{__name__}:{StreamProtocol.__name__}"


class StreamProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, but for the largest message, compression, and how a connection ends."""

    def __init__(self, config: Any, *arguments: Any, **named: Any) -> None:
        # A larger message is not read to its end. Rows are too short to be compressed, and each
        # connection would hold memory for it.
        config.ws_max_size, config.ws_per_message_deflate = MAX_MESSAGE_BYTES, False
        super().__init__(config, *arguments, **named)

    async def send(self, message: Any) -> None:
        """Send it; a refusal ends the handshake, too, which uvicorn would log as an error."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def shutdown(self) -> None:
        """Have the conversation end itself, after what has come before is answered."""
        if self.handshake_complete and not self.close_sent:
            self.stop_keepalive()
            going: Any = {"type": GOING_AWAY}  # no event of ASGI, but only our own code reads it
            self.queue.put_nowait(going)
        else:
            super().shutdown()
