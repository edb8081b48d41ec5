"""Processes that parse what clients sent, within limits beyond which the kernel ends them.

python -m service.execution.parser_process FD    # started by `parser_pool`

The first process imports what parses and then only forks. Each child takes tasks from a socket, one
at a time: the name of a function and its arguments in, what it returns or raises out. Neither holds
a model or a key, and both write nowhere, so that no complaints of a library about a client's file
reach the log.
"""

import contextlib
import fcntl
import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import traceback
from typing import Any, BinaryIO

import msgspec
import numpy as np

from service.errors import ApiError

FRAME = struct.Struct("<Q")  # the bytes of a task that follow
ANSWER = struct.Struct("<Q?")  # those of an answer, and whether its process ends now
LIMITS = struct.Struct("<dQi")  # processor seconds and bytes of a task, niceness of the process
READY = b"ready"  # said by each process when it begins
_PRELOAD = (
    "service.images.read_image",
    "service.images.read_number",
    "service.open_inference.codec",
    "service.uploads.sequences",
)
_ARRAY = 1  # the code of an array among msgpack's extensions
# A child that has grown by so many bytes ends after its answer, so that its memory is back at once.
_GROWN = 64 * 1024 * 1024


def encode(value: Any) -> bytes:
    """`value`, of plain types, dataclasses and arrays, for `decode` in the other process."""
    return msgspec.msgpack.encode(value, enc_hook=_encode_array)


def decode(data: bytes) -> Any:
    """What `encode` made: plain types and arrays only, whatever the other process sends."""
    return msgspec.msgpack.decode(data, ext_hook=_decode_array)


def _encode_array(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        raise NotImplementedError
    head = msgspec.msgpack.encode((value.dtype.str, value.shape))
    data = np.ascontiguousarray(value)
    return msgspec.msgpack.Ext(_ARRAY, FRAME.pack(len(head)) + head + data.tobytes())


def _decode_array(code: int, data: memoryview) -> Any:
    start = FRAME.size + FRAME.unpack(data[: FRAME.size])[0]
    dtype, shape = msgspec.msgpack.decode(
        data[FRAME.size : start], type=tuple[str, tuple[int, ...]]
    )
    # Copied, so that it lies aligned and may be written to.
    return np.frombuffer(data[start:], np.dtype(dtype)).reshape(shape).copy()


def main() -> None:
    """Import, then fork a child for every socket that comes over the control socket."""
    for module in _PRELOAD:
        importlib.import_module(module)
    if len(sys.argv) == 1:
        return  # only to see that all can be imported
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.collect()
    gc.freeze()  # children share what is loaded, instead of copying it at their first collection
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends us
    control.send(READY)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, LIMITS.size, 1)
        if not message:
            return  # the service has ended
        if os.fork() == 0:
            control.close()
            _serve(socket.socket(fileno=descriptors[0]), *LIMITS.unpack(message))
            os._exit(0)
        os.close(descriptors[0])


def _serve(tasks: socket.socket, seconds: float, most_bytes: int, niceness: int) -> None:
    tasks.send(READY)
    os.nice(niceness)
    with contextlib.suppress(OSError, ValueError):  # macOS has no such limit
        size = int(_proc_statm()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + most_bytes, resource.RLIM_INFINITY))
    # While it is at a task, a line that is hung up ends the process by SIGIO: nobody waits for it.
    fcntl.fcntl(tasks, fcntl.F_SETOWN, os.getpid())
    quiet = fcntl.fcntl(tasks, fcntl.F_GETFL)
    at_rest = _peak()
    with tasks, tasks.makefile("rb") as reader:
        while (task := _receive(reader)) is not None:
            # Counted in processor seconds: beyond them SIGPROF ends the process, wherever it is.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            fcntl.fcntl(tasks, fcntl.F_SETFL, quiet | os.O_ASYNC)
            answer = _run(task)
            del task
            fcntl.fcntl(tasks, fcntl.F_SETFL, quiet)
            signal.setitimer(signal.ITIMER_PROF, 0)
            grown = _peak() - at_rest > _GROWN
            tasks.sendall(ANSWER.pack(len(answer), grown) + answer)
            del answer  # the next task is another client's
            if grown:
                return


def _receive(reader: BinaryIO) -> bytes | None:
    head = reader.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    length = FRAME.unpack(head)[0]
    task = reader.read(length)
    return task if len(task) == length else None


def _run(task: bytes) -> bytes:
    """What the task's function returned, or raised, encoded."""
    try:
        module, name, arguments = pickle.loads(task)  # noqa: S301  of the service itself
        return encode(("value", getattr(importlib.import_module(module), name)(*arguments)))
    except ApiError as error:
        return encode(("refusal", (error.code, str(error))))
    except MemoryError:
        return encode(("memory", None))
    except Exception:
        return encode(("failure", traceback.format_exc()))


def _proc_statm() -> list[str]:
    with open("/proc/self/statm") as file:  # noqa: PTH123  nothing else of it is needed
        return file.read().split()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
