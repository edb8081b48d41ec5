"""A few processes that parse what clients sent, each task within hard limits of time and memory.

Every task begins in a quick process, where it may take a tenth of a second of the processor: enough
for nearly every picture. What takes longer is ended and begun anew in the one process of low
priority that is there for such tasks, and ended there too beyond its limits. So nobody's task holds
up others for longer than that, whatever it is, and nothing has to be guessed from it beforehand.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import service
from service.errors import NotReadyError, TooCostlyError, known_errors
from service.execution.parser_process import ANSWER, FRAME, LIMITS, READY, decode
from service.execution.wait_queue import WaitQueue
from service.metrics import Metrics
from service.settings import PREFIX

# Of a quick process. More, and slow tasks hold up the quick ones for longer; less, and more tasks
# are begun twice. A JPEG of 12 megapixels takes a third of it.
_QUICK_SECONDS = 0.1
_QUICK_BYTES = 512 * 1024 * 1024  # beside what the process has at its start; for 16 megapixels
_NICENESS = 5  # of the process for slow tasks: a third of a processor while others want all of it

# How often a process is asked for before a request is told to come back.
_TRIES = 3
_START_SECONDS = 60.0  # for importing NumPy, OpenCV and Pillow, on the slowest of machines

# glibc gives larger blocks back to the system with every picture, and takes them anew, page by
# page: a JPEG of 640 x 480 took 4.5 ms instead of 3. Bytes; elsewhere nobody reads these.
_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}

_ERRORS = {error.code: error for error in known_errors()}

Timer = Callable[[], contextlib.AbstractContextManager[object]]

_log = logging.getLogger("rowreader")


class ParserError(RuntimeError):
    """Nothing can be parsed; the message says how to find out why."""


class ParsingFailedError(RuntimeError):
    """A function failed otherwise than by an ApiError, which is a fault of ours."""


class _EndedError(Exception):
    """The process was ended while it was at a task, by its limits or by a fault of a library."""


class ParserPool:
    """Runs functions of client's bytes in other processes; only the event loop may ask it."""

    def __init__(
        self, processes: int, max_seconds: float, max_bytes: int, max_wait: float, metrics: Metrics
    ) -> None:
        """Keep `processes` quick processes and one for what takes longer.

        A task may take `max_seconds` of the processor and `max_bytes` of memory, and wait
        `max_wait` seconds for its turn.
        """
        self._forker = _Forker()
        quick = LIMITS.pack(min(_QUICK_SECONDS, max_seconds), min(_QUICK_BYTES, max_bytes), 0)
        slow = LIMITS.pack(max_seconds, max_bytes, _NICENESS)
        self._quick = _Lane(self._forker, quick, processes, max_wait, metrics)
        self._slow = _Lane(self._forker, slow, 1, max_wait, metrics)
        self._limits = f"{max_seconds:g} s of the processor or {max_bytes >> 20} MiB of memory"

    @property
    def delay(self) -> float:
        """Seconds that the next quick task waits already."""
        return self._quick.limiter.delay

    async def run(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        slow: bool = False,
        patient: bool = False,
        timed: Timer = contextlib.nullcontext,
    ) -> Any:
        """What `function(*arguments)` returns in another process, of plain types and arrays.

        Args:
            function: one of a module, by whose name it is found there.
            arguments: anything that can be pickled.
            slow: begin where tasks may take long, for it is known that this one will.
            patient: wait for a turn for any time.
            timed: makes a context that is held while a process is at the task.

        Raises:
            ApiError: what `function` raises of these.
            NotReadyError: no process could be started, for want of memory for one.
            TooManyRequestsError: all processes were busy for too long.
            TooCostlyError: it took more time or memory than a task may.
            ParsingFailedError: `function` failed otherwise, which is a fault of ours.

        """
        task = pickle.dumps((function.__module__, function.__name__, arguments), protocol=5)
        with contextlib.suppress(_EndedError):
            if not slow:
                return await self._quick.run(task, patient=patient, timed=timed)
        with contextlib.suppress(_EndedError):
            return await self._slow.run(task, patient=patient, timed=timed)
        raise TooCostlyError(
            f"reading this takes more than {self._limits}; send a smaller or simpler one"
        )

    def wait_until_ready(self) -> None:
        """Wait until everything that parses has been imported.

        Raises:
            ParserError: it cannot be.

        """
        self._forker.wait_until_ready()

    def close(self) -> None:
        """End all processes."""
        self._quick.close()
        self._slow.close()
        self._forker.close()


class _Lane:
    """Processes of the same limits, and the queue before them."""

    def __init__(
        self, forker: "_Forker", limits: bytes, processes: int, max_wait: float, metrics: Metrics
    ) -> None:
        self.limiter = WaitQueue(processes, max_wait, metrics)
        self._forker, self._limits = forker, limits
        self._idle: list[_Connection] = []

    async def run(self, task: bytes, *, patient: bool, timed: Timer) -> Any:
        """The answer to `task`.

        Raises:
            _EndedError: its process was ended before it answered.

        """
        async with self.limiter.slot(patient=patient):
            connection = self._take_idle() or await self._forker.fork(self._limits)
            try:
                with timed():
                    answer, ends = await connection.ask(task)
            except BaseException:
                # Given up or failed: a process that is at a task ends when nobody listens.
                connection.close()
                raise
            if ends:
                connection.close()
            else:
                self._idle.append(connection)
        return _result(*decode(answer))

    def _take_idle(self) -> "_Connection | None":
        """A process that has nothing to do, if there is one that has not ended meanwhile."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                return connection
            connection.close()
        return None

    def close(self) -> None:
        """Hang up on all processes that have nothing to do."""
        while self._idle:
            self._idle.pop().close()


def _result(kind: str, value: Any) -> Any:
    match kind:
        case "value":
            return value
        case "refusal":
            code, message = value
            raise _ERRORS[code](message)
        case "memory":
            raise _EndedError
        case _:
            raise ParsingFailedError(f"what parses failed:\n{value}")


class _Connection:
    """The line to one process."""

    def __init__(self, line: socket.socket) -> None:
        line.setblocking(False)
        self._line = line

    def is_open(self) -> bool:
        """Whether the process, which has nothing to say now, has not hung up."""
        try:
            return bool(self._line.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def wait_until_begun(self) -> bool:
        """Whether there is a process at the other end, which then waits for tasks."""
        try:
            return await self._receive(len(READY)) == READY
        except (_EndedError, ConnectionError):
            return False

    async def ask(self, task: bytes) -> tuple[bytes, bool]:
        """The answer to `task`, and whether the process ends now.

        Raises:
            _EndedError: it was ended before it answered.

        """
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._line, FRAME.pack(len(task)))
            await loop.sock_sendall(self._line, task)
            length, ends = ANSWER.unpack(await self._receive(ANSWER.size))
            return bytes(await self._receive(length)), ends
        except ConnectionError as error:
            raise _EndedError from error

    async def _receive(self, count: int) -> bytearray:
        """The next `count` bytes."""
        loop, found = asyncio.get_running_loop(), bytearray(count)
        left = memoryview(found)
        while left:
            received = await loop.sock_recv_into(self._line, left)
            if not received:
                raise _EndedError
            left = left[received:]
        return found

    def close(self) -> None:
        """Hang up, at which the process ends as soon as it has nothing to do."""
        self._line.close()


class _Forker:
    """The process that forks the others, having imported all that they need; replaced when it ends.

    Not this process itself, whose threads a fork would cut off at whatever they are.
    """

    def __init__(self) -> None:
        self._process, self._control = _start_forker()

    def wait_until_ready(self) -> None:
        """See `ParserPool.wait_until_ready`."""
        self._control.settimeout(_START_SECONDS)
        try:
            said = self._control.recv(len(READY))
        except OSError:
            said = b""
        self._control.settimeout(None)
        if said != READY:
            raise ParserError(
                "the process that parses images does not start; "
                "`python -m service.execution.parser_process` tells why"
            )

    async def fork(self, limits: bytes) -> _Connection:
        """A new process within `limits`.

        Raises:
            NotReadyError: none can be had.

        """
        for _ in range(_TRIES):
            asked = self._process
            ours, theirs = socket.socketpair()
            connection = _Connection(ours)
            try:
                with theirs, contextlib.suppress(OSError):
                    socket.send_fds(self._control, [limits], [theirs.fileno()])
                if await connection.wait_until_begun():
                    return connection
            except BaseException:
                connection.close()
                raise
            connection.close()
            if asked is self._process:  # unless another request has seen to it meanwhile
                _log.warning("The process that starts those that parse has ended; it is replaced")
                self.close()
                self._process, self._control = _start_forker()
        raise NotReadyError(
            "no process can be started to read this; try again in a second", {"Retry-After": "1"}
        )

    def close(self) -> None:
        """End it; its children end when nobody holds a line to them any more."""
        self._control.close()
        self._process.kill()
        self._process.wait()


def _start_forker() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """`parser_process`, and the line on which it is asked to fork."""
    ours, theirs = socket.socketpair()
    root = str(Path(service.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    # Parsing needs no setting, and the keys are one.
    kept = {name: v for name, v in os.environ.items() if not name.startswith(PREFIX)}
    with theirs:
        process = subprocess.Popen(  # noqa: S603  arguments of our own
            [sys.executable, "-m", "service.execution.parser_process", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**kept, **_ALLOCATOR, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # libraries complain there of what is in clients' files
        )
    return process, ours
