"""Load a data set by its name."""

from pathlib import Path

from training.data.datasets import DataSet, DataSetName


def load(name: DataSetName, folder: Path | None = None) -> DataSet:
    """Load a data set by its name.

    Args:
        name: of the data set; scikit-learn brings its `digits` along.
        folder: of MNIST's or QMNIST's files; None stands for `$MNIST_ROOT`, else `data`.

    Raises:
        DataError: it is missing and cannot be downloaded, or a file is damaged or unreadable.

    """
    # Imported here because each brings a large library that the other does not need.
    if name == "digits":
        from training.data import sklearn_digits

        return sklearn_digits.load()
    from training.data import mnist, qmnist

    load_from = mnist.load if name == "mnist" else qmnist.load
    return load_from(folder or mnist.default_root())
