"""The files in which a worker's figures are kept for all workers, when the disk is full.

prometheus_client maps them into memory, and a page that the disk has no room for ends the process
by SIGBUS. Here room is taken before it is written to;
where there is none, figures stay in the process until there is.
"""

import logging
import os
import struct
import time
from pathlib import Path

from prometheus_client import mmap_dict, values

_START = 64 * 1024  # bytes of a new file, some hundred figures; doubled when they are full
_RETRY = 1.0  # seconds between two looks whether there is room again

_VALUE_AND_TIME = struct.Struct("dd")  # as prometheus_client keeps them

_log = logging.getLogger("rowreader")


def survive_full_disks() -> None:
    """Have all figures of this process kept in such files; those that are open stay as they are."""
    values.MmapedDict = FigureFile  # type: ignore[attr-defined]  # imported there, not exported


class FigureFile(mmap_dict.MmapedDict):
    """One file of figures, by key; no write to it fails."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self._path = Path(filename)
        self._open = read_mode
        self._positions: dict[str, int] = {}
        self._unwritten: dict[str, tuple[float, float]] = {}  # value and time
        self._next_try = 0.0
        if read_mode:
            super().__init__(filename, read_mode)

    def read_value(self, key: str) -> tuple[float, float]:
        """The value and its time; zeros for a new key."""
        if key not in self._unwritten and self._has_room(key):
            found: tuple[float, float] = super().read_value(key)
            return found
        return self._unwritten.get(key, (0.0, 0.0))

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Keep it, on the disk if there is room."""
        place = self._positions.get(key)
        if place is not None and not self._unwritten:  # as nearly always, some times a request
            self._m[place : place + 16] = _VALUE_AND_TIME.pack(value, timestamp)
            return
        if not self._has_room(key):
            self._unwritten[key] = (value, timestamp)
            return
        super().write_value(key, value, timestamp)
        self._unwritten.pop(key, None)
        while self._unwritten and self._has_room(waiting := next(iter(self._unwritten))):
            super().write_value(waiting, *self._unwritten.pop(waiting))

    def close(self) -> None:
        """Close the file, if it could be opened."""
        if self._open:
            super().close()

    def _has_room(self, key: str) -> bool:
        """Whether `key` is in the file, or there is room for it, which is then taken."""
        if self._open and key in self._positions:
            return True
        if time.monotonic() < self._next_try:
            return False
        try:
            self._take_room(key)
        except OSError as error:
            if not self._next_try:
                _log.error("Figures for /metrics are not kept, predictions go on: %s", error)
            self._next_try = time.monotonic() + _RETRY
            return False
        if self._next_try:
            self._next_try = 0.0
            _log.warning("Figures for /metrics are kept again: %s has room", self._path.parent)
        return True

    def _take_room(self, key: str) -> None:
        """Open the file if need be, and make it large enough for `key`.

        Raises:
            OSError: there is no room, or no leave to write.

        """
        if not self._open:
            _allocate(self._path)
            super().__init__(str(self._path))
            self._open = True
        needed = len(key.encode()) + 64  # with its length, its padding, value and time
        if self._used + needed > self._capacity:
            _reserve(self._f.fileno(), self._capacity, 2 * self._capacity)


def _allocate(path: Path) -> None:
    """Have a file at `path` of at least `_START` bytes, all of which the disk has taken."""
    with path.open("a+b") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            _reserve(file.fileno(), size, max(size, _START))
        except OSError:
            if not size:
                path.unlink()  # who reads all files for /metrics would fail at an empty one
            raise


def _reserve(descriptor: int, size: int, wanted: int) -> None:
    """Have the disk take `wanted` bytes for a file of `size` that is open for appending.

    Raises:
        OSError: there is no room, or no leave to write.

    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, wanted)
        return
    left = wanted - size  # macOS has no such call
    try:
        while left > 0:
            left -= os.write(descriptor, bytes(left))
    except OSError:
        os.ftruncate(descriptor, size)
        raise
