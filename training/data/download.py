"""Download a data set beside where it will lie, so that what fails leaves nothing behind."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

from training.errors import DataError

OTHER_FOLDER = "name another folder with --data-dir or MNIST_ROOT"


class DownloadError(DataError):
    """The files could not be downloaded."""


def download(fetch: Callable[[Path], object], raw: Path, root: Path) -> None:
    """Put the files that `fetch` downloads into `raw`; those that lie there already are kept.

    Args:
        fetch: downloads into a folder that it is given, with `raw`'s place below `root` in it.
        raw: where the files belong, a folder below `root`; it is made when they are downloaded.
        root: of the data sets.

    Raises:
        DownloadError: `fetch` failed.
        DataError: the files cannot be written to `raw`.

    """
    with tempfile.TemporaryDirectory(prefix="rowreader-") as name:
        folder = Path(name)
        try:
            fetch(folder)
        except (OSError, RuntimeError, URLError) as error:
            raise DownloadError(" ".join(str(error).split())[:300]) from error
        try:
            raw.mkdir(parents=True, exist_ok=True)
            for file in (folder / raw.relative_to(root)).iterdir():
                if not (path := raw / file.name).exists():
                    partial = path.with_name(f".{file.name}.partial")
                    shutil.copyfile(file, partial)
                    partial.rename(path)
        except OSError as error:
            raise DataError(
                f"{raw.parent.name} was downloaded, but cannot be written to {raw} "
                f"({error.strerror}); make that possible, or {OTHER_FOLDER}"
            ) from error
