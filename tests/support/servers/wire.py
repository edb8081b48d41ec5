"""The wire between a protocol of the server and a client, without a socket."""

import asyncio


class Wire(asyncio.Transport):
    """What the server writes to, and whether it listens."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written, self.paused, self.closing = b"", False, False
        self.protocol: asyncio.Protocol | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing and self.protocol:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
        self.closing = True

    abort = close


async def settle() -> None:
    """Give what is ready its turns."""
    for _ in range(20):
        await asyncio.sleep(0)
