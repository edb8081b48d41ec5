"""The MNIST database of handwritten digits, read by torchvision and checked by SHA-256."""

import os
from pathlib import Path

from torchvision.datasets import MNIST

from models.manifest import sha256
from training.data.datasets import DataSet, Split, hold_out
from training.data.download import OTHER_FOLDER, DownloadError, download
from training.errors import DataError

VALIDATION_SIZE = 5_000  # of 60,000; the other 55,000 train

# Of the four uncompressed IDX files (LeCun, Cortes, Burges), as torchvision unpacks them.
DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def default_root() -> Path:
    """The folder of MNIST unless another is named: `$MNIST_ROOT`, else `data/`."""
    return Path(os.environ.get("MNIST_ROOT") or "data")


def is_present(root: Path) -> bool:
    """Whether all four files lie below `root`, damaged or not.

    Raises:
        PermissionError: a folder may not be looked into.

    """
    return all((raw_folder(root) / name).is_file() for name in DIGESTS)


def raw_folder(root: Path) -> Path:
    """The folder of the four files below torchvision's `root`."""
    return root / "MNIST" / "raw"


def load(root: Path) -> DataSet:
    """MNIST with 55,000 training, 5,000 validation and 10,000 test images.

    Downloads the files if they are not all below `root`; uses no network if they are.

    Raises:
        DataError: the files are missing and cannot be downloaded, or one is damaged or unreadable.

    """
    if not is_present(root):
        try:
            download(lambda folder: MNIST(folder, download=True), raw_folder(root), root)
        except DownloadError as error:
            raise DataError(_not_downloaded(root, error)) from error
    _verify(raw_folder(root))
    known, test = MNIST(root, train=True), MNIST(root, train=False)
    held = hold_out(known.targets, VALIDATION_SIZE)
    return DataSet(
        name="mnist",
        train=Split(known.data[~held], known.targets[~held]),
        validation=Split(known.data[held], known.targets[held]),
        test=Split(test.data, test.targets),
        digests=DIGESTS,
    )


def _not_downloaded(root: Path, error: Exception) -> str:
    files = "\n".join(f"  {name}" for name in DIGESTS)
    return (
        f"MNIST is not in {raw_folder(root)} and could not be downloaded.\n"
        f"Expected in that folder, uncompressed:\n{files}\n"
        f"Put them there, or {OTHER_FOLDER}, or work without "
        "MNIST: --dataset digits uses the handwritten digits that scikit-learn brings along.\n"
        f"The download said: {error}"
    )


def _verify(raw: Path) -> None:
    for name, expected in DIGESTS.items():
        path = raw / name
        try:
            found = sha256(path)
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}); make it readable, or {OTHER_FOLDER}"
            ) from error
        if found != expected:
            raise DataError(
                f"{path} is damaged: its SHA-256 is {found}, MNIST's is {expected}. "
                "Delete it, and it is downloaded again; or name another folder with --data-dir."
            )
