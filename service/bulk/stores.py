"""Files by their names: paths of this machine, or `s3://` and `gs://` addresses.

A local name that is not UTF-8, which Parquet cannot hold, is written as a `file://` address.
Credentials, regions and endpoints are found as the stores' own libraries do (environment, profile,
role of the machine); see `pyarrow.fs`.
"""

import contextlib
import functools
import os
import stat
import urllib.parse
import uuid
from pathlib import Path

from pyarrow import fs

from service.bulk.errors import BulkError, StoreError

REMOTE = ("s3", "gs")
PARTIAL = ".partial"  # how a file ends that a kill left amid its writing
_FILE = "file://"
# What stores answer that speaks of one file. Anything else may be true of all files, and pass.
_OF_ONE_FILE = (
    "ACCESS_DENIED",
    "NO_SUCH_KEY",
    "RESOURCE_NOT_FOUND",
    "Permission",
    "INVALID_OBJECT",
)


class UnreadableError(Exception):
    """One file cannot be read; the message says why. `missing`: it is not there."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


class TooLargeError(Exception):
    """A file has more bytes than may be read."""


class UnknownSchemeError(BulkError):
    """A name is an address of a kind that is not read."""


def is_remote(name: str) -> bool:
    """Whether `name` is an address in a store.

    Raises:
        UnknownSchemeError: it is an address, but of neither.

    """
    scheme, found, _ = name.partition("://")
    if not found or scheme == "file":
        return False
    if scheme in REMOTE:
        return True
    known = ", ".join(f"{scheme}://" for scheme in (*REMOTE, "file"))
    raise UnknownSchemeError(f"{name} begins with {scheme}://; what is read: paths, {known}")


def local_name(path: str) -> str:
    """The name of the local file or folder at `path`, which is made absolute."""
    path = os.path.abspath(path)  # noqa: PTH100  links stay as they are, unlike with resolve()
    try:
        path.encode()
    except UnicodeEncodeError:
        return _FILE + urllib.parse.quote(os.fsencode(path))
    return path


def local_path(name: str) -> str:
    """The path of a local `name`."""
    if not name.startswith(_FILE):
        return name
    return os.fsdecode(urllib.parse.unquote_to_bytes(name.removeprefix(_FILE)))


def join(base: str, name: str) -> str:
    """`name`, which may be relative to the folder called `base`."""
    return name if "://" in name or name.startswith("/") else f"{base.rstrip('/')}/{name}"


def parent(name: str) -> str:
    """The name of the folder that holds what is called `name`."""
    return name.rstrip("/").rpartition("/")[0]


def open_store(name: str) -> tuple[fs.FileSystem, str]:
    """The file system that `name` lies in, and its path there.

    Raises:
        StoreError: the store cannot be reached.

    """
    if not is_remote(name):
        return fs.LocalFileSystem(), local_path(name)
    scheme, _, path = name.partition("://")
    bucket = path.partition("/")[0]
    try:
        return _open_bucket(scheme, bucket), path.rstrip("/")
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{scheme}://{bucket} cannot be opened ({_first_line(error)}); check its name, the "
            "credentials and the network"
        ) from error


@functools.cache
def _open_bucket(scheme: str, bucket: str) -> fs.FileSystem:
    found, _ = fs.FileSystem.from_uri(f"{scheme}://{bucket}")
    return found


def read(name: str, most: int) -> bytes:
    """The bytes of the file called `name`.

    Raises:
        UnreadableError: it is not there, no file, or may not be read.
        TooLargeError: it has more than `most` bytes.
        StoreError: its store does not answer.

    """
    try:
        remote = is_remote(name)
    except UnknownSchemeError as error:
        raise UnreadableError(str(error)) from error
    return _read_remote(name, most) if remote else _read_local(local_path(name), most)


def _read_local(path: str, most: int) -> bytes:
    try:
        # A pipe, opened otherwise, would wait for somebody who writes.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123  there is no path any more
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise UnreadableError("it is a folder or a device, no file")
            if about.st_size > most:
                raise TooLargeError(_too_large(about.st_size, most))
            return file.read()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        missing = isinstance(error, FileNotFoundError)
        raise UnreadableError(_reason(error), missing=missing) from error


def _read_remote(name: str, most: int) -> bytes:
    store, path = open_store(name)
    try:
        with store.open_input_file(path) as file:
            if (size := file.size()) > most:
                raise TooLargeError(_too_large(size, most))
            return bytes(file.read())
    except FileNotFoundError as error:
        raise UnreadableError("there is no such file", missing=True) from error
    except (OSError, ValueError) as error:
        of_one = isinstance(error, ValueError | PermissionError)
        if of_one or any(word in str(error) for word in _OF_ONE_FILE):
            raise UnreadableError(_first_line(error)) from error
        raise StoreError(
            f"{name} cannot be read ({_first_line(error)}); if the store does not answer, give the "
            "same command again later"
        ) from error


def write(name: str, data: bytes) -> None:
    """Write a file in one step: a kill leaves the file as it was before, or whole.

    Raises:
        OSError: the disk is full, or the place cannot be written.

    """
    store, path = open_store(name)
    if is_remote(name):
        with store.open_output_stream(path) as file:  # there once it is closed
            file.write(data)
        return
    target = Path(path)
    staged = target.with_name(f".{target.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        with staged.open("wb") as local:
            local.write(data)
            local.flush()
            os.fsync(local.fileno())
        staged.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            staged.unlink()
        raise


def _too_large(size: int, most: int) -> str:
    return (
        f"the file has {size} bytes, at most {most} are allowed; send a smaller image, or raise "
        "ROWREADER_MAX_BODY_BYTES"
    )


def _reason(error: OSError | ValueError) -> str:
    words = error.strerror if isinstance(error, OSError) else None
    return words or _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
