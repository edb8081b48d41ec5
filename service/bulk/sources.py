"""The names of the images in a source: a folder, a prefix in a store, or a Parquet file of paths.

Every file counts whose name does not begin with a dot: what is an image is told by its bytes.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.dataset as datasets
from pyarrow import fs

from service.bulk import stores
from service.bulk.errors import SourceError, StoreError

COLUMN = "path"
_BATCH = 65_536  # names at a time


@dataclass(frozen=True)
class Source:
    """Where names come from: `name`, absolute, is a folder or prefix, or `is_list` of paths."""

    name: str
    is_list: bool

    @property
    def base(self) -> str:
        """The folder that relative names of a list are in."""
        return stores.parent(self.name) if self.is_list else self.name

    def names(self) -> Iterator[list[str]]:
        """All names, some thousands at a time, in an order that stays.

        Raises:
            SourceError: the source cannot be listed, or is no list of paths.

        """
        if self.is_list:
            return _listed(self.name)
        return _of_prefix(self.name) if stores.is_remote(self.name) else _of_folder(self.name)

    def has_gone(self) -> bool:
        """Whether the folder is not there now, as when a disk was taken away."""
        store, path = stores.open_store(self.name)
        return bool(not self.is_list and _kind(store, path) == fs.FileType.NotFound)


def find(text: str) -> Source:
    """The source that `text` names.

    Raises:
        SourceError: there is none.

    """
    name = (
        text.rstrip("/") if stores.is_remote(text) else stores.local_name(stores.local_path(text))
    )
    store, path = stores.open_store(name)
    kind = _kind(store, path)
    is_list = name.lower().endswith(".parquet")
    if kind == fs.FileType.NotFound:
        raise SourceError(
            f"there is no {text}; give a folder of images, an s3:// or gs:// prefix, or a Parquet "
            "file with a column `path`"
        )
    if kind == fs.FileType.File and not is_list:
        raise SourceError(
            f"{text} is one file; give a folder of images, or a Parquet file (.parquet) with a "
            "column `path`; a single image is read by POST /predict"
        )
    return Source(name, is_list)


def _kind(store: fs.FileSystem, path: str) -> fs.FileType:
    try:
        return store.get_file_info(path).type
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at: {error}") from error


def _listed(name: str) -> Iterator[list[str]]:
    store, path = stores.open_store(name)
    try:
        table = datasets.dataset(path, filesystem=store, format="parquet")
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"{name} cannot be read as Parquet: {error}") from error
    kind = table.schema.field(COLUMN).type if COLUMN in table.schema.names else None
    if kind is None or not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        found = ", ".join(f"{field.name} ({field.type})" for field in table.schema)
        raise SourceError(f"{name} has no column `{COLUMN}` of strings, but: {found}")
    for batch in table.to_batches(columns=[COLUMN], batch_size=_BATCH):
        names = batch.column(0).to_pylist()
        if not all(names):
            raise SourceError(f"{name} has rows without a {COLUMN}; take them out")
        yield names


def _of_prefix(name: str) -> Iterator[list[str]]:
    store, path = stores.open_store(name)
    scheme = name.partition("://")[0]
    try:
        found = store.get_file_info(fs.FileSelector(path, recursive=True))
    except OSError as error:
        raise StoreError(f"{name} cannot be listed: {error}") from error
    names = sorted(
        info.path
        for info in found
        if info.type == fs.FileType.File and not _is_hidden(info.path[len(path) :])
    )
    for start in range(0, len(names), _BATCH):
        yield [f"{scheme}://{path}" for path in names[start : start + _BATCH]]


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _of_folder(name: str) -> Iterator[list[str]]:
    batch: list[str] = []
    for path in _walk(stores.local_path(name), set()):
        batch.append(stores.local_name(path))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


def _walk(folder: str, above: set[tuple[int, int]]) -> Iterator[str]:
    """The paths of all files below `folder`, and of folders that cannot be looked into.

    `above` are the folders around it, by device and inode: links may lead in circles.
    """
    try:
        about = os.stat(folder)  # noqa: PTH116  by strings: there may be a hundred million
        if (about.st_dev, about.st_ino) in above:
            return
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        yield folder  # it becomes a row with an error: nothing is passed over silently
        return
    here = above | {(about.st_dev, about.st_ino)}
    for entry in found:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry.path, here)
        else:
            yield entry.path
