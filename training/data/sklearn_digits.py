"""scikit-learn's handwritten digits in MNIST's form, for when MNIST cannot be downloaded.

1,797 images of 8 x 8 pixels with 17 grey levels (E. Alpaydin, C. Kaynak: Optical Recognition of
Handwritten Digits, UCI), converted as MNIST itself was made: the ink's box is fitted to 20 x 20,
keeping its aspect, then centred by its mass in 28 x 28.
"""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from training.data.datasets import DataSet, Split, hold_out

TEST_SIZE = 360
VALIDATION_SIZE = 180
BOX = 20  # pixels of the longer side of the ink
SIDE = 28
CENTRE = 14  # index of the row and column that the centre of mass lies on, as in MNIST


def load() -> DataSet:
    """The digits with 1,257 training, 180 validation and 360 test images."""
    bunch = load_digits()
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    images = torch.from_numpy(np.stack([to_mnist(image / 16) for image in bunch.images]))
    test = hold_out(labels, TEST_SIZE)
    rest = Split(images[~test], labels[~test])
    validation = hold_out(rest.labels, VALIDATION_SIZE)
    return DataSet(
        name="digits",
        train=Split(rest.images[~validation], rest.labels[~validation]),
        validation=Split(rest.images[validation], rest.labels[validation]),
        test=Split(images[test], labels[test]),
        digests={"load_digits": hashlib.sha256(bunch.images.tobytes()).hexdigest()},
    )


def to_mnist(ink: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Convert a picture (h, w) in [0, 1], light ink on dark, to MNIST's form, (28, 28) uint8.

    Raises:
        ValueError: there is no ink at all.

    """
    rows, columns = np.nonzero(ink > 0)
    if not len(rows):
        raise ValueError("the picture holds no ink, expected one digit")
    box = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    height, width = box.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(box.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    fitted = np.rint(np.clip(np.asarray(picture), 0, 1) * 255)
    return _centre_by_mass(fitted.astype(np.uint8))


def _centre_by_mass(fitted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put `fitted`, at most 20 x 20, into 28 x 28 with its centre of mass at (14, 14)."""
    height, width = fitted.shape
    mass = fitted.sum(dtype=np.float64)
    row = (fitted.sum(1) @ np.arange(height)) / mass
    column = (fitted.sum(0) @ np.arange(width)) / mass
    top = int(np.clip(round(CENTRE - row), 0, SIDE - height))
    left = int(np.clip(round(CENTRE - column), 0, SIDE - width))
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = fitted
    return image
