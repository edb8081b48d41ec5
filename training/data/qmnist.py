"""QMNIST: MNIST's training digits, and 50,000 test digits that MNIST left out.

C. Yadav and L. Bottou, Cold Case: The Lost MNIST Digits (arXiv:1905.10498); read and downloaded by
torchvision, which checks what it downloads.
"""

from pathlib import Path

from torchvision.datasets import QMNIST

from models.manifest import sha256
from training.data.datasets import DataSet, Split, hold_out
from training.data.download import OTHER_FOLDER, DownloadError, download
from training.data.mnist import VALIDATION_SIZE
from training.errors import DataError


def load(root: Path) -> DataSet:
    """QMNIST with 55,000 training, 5,000 validation and 50,000 test images.

    Downloads the files if they are not all in `root`/QMNIST/raw; uses no network if they are.

    Raises:
        DataError: the files are missing and cannot be downloaded, or one is damaged or unreadable.

    """
    raw = root / "QMNIST" / "raw"
    try:
        if not all(path.is_file() for path in _files(raw)):
            download(_fetch, raw, root)
        known, test = QMNIST(root, what="train"), QMNIST(root, what="test50k")
        digests = {path.name: sha256(path) for path in _files(raw)}
    except DownloadError as error:
        raise DataError(_message(raw, "could not be downloaded, and is not in", error)) from error
    # torchvision tells a damaged file by an assertion, too.
    except (OSError, RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise DataError(_message(raw, "cannot be read from", error)) from error
    labels = known.targets[:, 0]  # the other columns say who wrote it
    held = hold_out(labels, VALIDATION_SIZE)
    return DataSet(
        name="qmnist",
        train=Split(known.data[~held], labels[~held]),
        validation=Split(known.data[held], labels[held]),
        test=Split(test.data, test.targets[:, 0]),
        digests=digests,
    )


def _fetch(folder: Path) -> None:
    for split in ("train", "test50k"):
        QMNIST(folder, what=split, download=True)


def _message(raw: Path, what: str, error: Exception) -> str:
    files = "\n".join(f"  {path.name}" for path in _files(raw))
    return (
        f"QMNIST {what} {raw}.\n"
        f"Expected in that folder, uncompressed:\n{files}\n"
        f"Put them there anew, or {OTHER_FOLDER}.\n"
        f"What failed: {' '.join(str(error).split())[:300]}"
    )


def _files(raw: Path) -> list[Path]:
    """The four files that are read, uncompressed."""
    parts = ("images-idx3-ubyte", "labels-idx2-int")
    return [raw / f"qmnist-{split}-{part}" for split in ("train", "test") for part in parts]
