"""The files in which lines are kept: readable by their owner alone, and bounded in bytes.

Every process appends to a segment of its own, so that no line is cut by another's, and begins the
next one when that is full. The oldest segments of all processes are then removed, as many as keep
all together within the bound. A process holds a lock on its segment for as long as it writes there;
the kernel releases it however the process ends. Whatever else lies in the folder is left alone.
"""

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

# The first line of a segment, by which it is known as one.
HEADER = b'{"kept_by":"rowreader","version":1}\n'
_NAME = re.compile(r"kept-\d{8}T\d{6}\.\d{6}Z-\d+\.jsonl")
_LOCK = ".kept.lock"  # held while segments are counted and removed
# Bytes that are searched at a time, in a millisecond; meanwhile no other thread goes on.
_BLOCK = 1024 * 1024
_OWNER_ONLY, _FOLDER_OF_OWNER = 0o600, 0o700


class Segments:
    """Appends lines to the segments in a folder."""

    def __init__(self, folder: Path, max_bytes: int, workers: int) -> None:
        """Keep at most `max_bytes` in `folder`, which is made when the first line comes.

        `workers` processes write there; each holds one of the parts that the bytes are cut into,
        and at least as many parts hold what was kept before.
        """
        self._folder, self._max_bytes = folder, max_bytes
        self._segment_bytes = max_bytes // (2 * workers + 6)
        self._file: int | None = None  # the descriptor of the segment that is written

    def append(self, line: bytes) -> None:
        """Write a line, which ends with a newline; whole or not at all.

        Raises:
            OSError: there is no room, or no leave to write.

        """
        file, size = self._segment_with_room(len(line))
        try:
            _write(file, line)
        except OSError:
            os.ftruncate(file, size)  # its segment is this process's alone
            self.close()
            raise

    def close(self) -> None:
        """Let go of the segment; the next line begins another one."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _segment_with_room(self, length: int) -> tuple[int, int]:
        """The descriptor and the size of a segment that has room for `length` more bytes."""
        if self._file is not None:
            found = os.fstat(self._file)
            # Somebody may have deleted it, who did not want it kept.
            if found.st_nlink and found.st_size + length <= self._segment_bytes:
                return self._file, found.st_size
            self.close()
        self._file = self._begin()
        return self._file, len(HEADER)

    def _begin(self) -> int:
        """Make room for a segment, and open it."""
        self._folder.mkdir(mode=_FOLDER_OF_OWNER, parents=True, exist_ok=True)
        with _locked(self._folder):
            self._make_room()
            moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
            path = self._folder / f"kept-{moment}Z-{os.getpid()}.jsonl"
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
            file = os.open(path, flags, _OWNER_ONLY)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _write(file, HEADER)
            except OSError:
                os.close(file)
                path.unlink()
                raise
        return file

    def _make_room(self) -> None:
        """Remove the oldest segments that nobody writes, until there is room for one more."""
        sizes = {
            path: self._segment_bytes if _is_written(path) else path.stat().st_size
            for path in find_segments(self._folder)
        }
        free = self._max_bytes - self._segment_bytes - sum(sizes.values())
        for path, size in sizes.items():
            if free >= 0:
                return
            if not _is_written(path):
                path.unlink()
                free += size
        if free < 0:
            raise OSError(
                errno.EDQUOT, "other processes keep as much as is allowed", str(self._folder)
            )


def _write(file: int, data: bytes) -> None:
    """Write all of `data`, or raise an OSError; some of it may then be written."""
    if os.write(file, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def find_segments(folder: Path) -> list[Path]:
    """The segments in `folder`, the oldest first; nothing else that lies there.

    Raises:
        OSError: the folder may not be read.

    """
    return sorted(
        path
        for path in folder.glob("kept-*.jsonl")
        if _NAME.fullmatch(path.name) and not path.is_symlink() and _has_header(path)
    )


def read_segment(path: Path) -> Iterator[bytes]:
    """What a segment holds, in blocks of whole lines; nothing if it has been removed meanwhile."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block + file.readline()


def _has_header(path: Path) -> bool:
    """Whether `path` begins as a segment does, or is empty, as a kill may leave one."""
    with contextlib.suppress(FileNotFoundError, IsADirectoryError), path.open("rb") as file:
        return file.read(len(HEADER)) in (HEADER, b"")
    return False


def _is_written(path: Path) -> bool:
    """Whether a process is writing the segment."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep every other process from counting and removing segments; it takes milliseconds."""
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _OWNER_ONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
