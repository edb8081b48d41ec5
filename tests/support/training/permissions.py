"""Make file permissions hold for root, too, so that tests of them run as any user."""

import contextlib
import ctypes
import os
from collections.abc import Iterator

_VERSION = 0x20080522  # of Linux's capability sets, of two words each
_IGNORES_PERMISSIONS = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@contextlib.contextmanager
def enforced() -> Iterator[None]:
    """Within it a file of mode 0 cannot be read, whoever runs the tests (on Linux)."""
    if os.geteuid() != 0:
        yield
        return
    before = _capabilities()
    try:
        _set_effective(before & ~_IGNORES_PERMISSIONS)
        yield
    finally:
        _set_effective(before)


def _capabilities() -> int:
    words = (_Words * 2)()
    _call("capget", words)
    return int(words[0].effective)


def _set_effective(capabilities: int) -> None:
    words = (_Words * 2)()
    _call("capget", words)
    words[0].effective = capabilities
    _call("capset", words)


def _call(name: str, words: "ctypes.Array[_Words]") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(ctypes.byref(_Header(_VERSION, 0)), words) != 0:
        raise OSError(ctypes.get_errno(), name)
