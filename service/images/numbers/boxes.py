"""Where in a picture the digits of a strip are."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from service.images.arrays import Mask

Box = tuple[int, int, int, int]  # left, top, width, height
Extent = tuple[int, int]  # the first column of a digit in its strip, and the first behind it

# Ink of a strip at least. Larger: boxes are narrow; smaller: soft edges widen them.
_INK = 0.3
# Share of a component that lies in one digit's columns from which on it is that digit's alone.
# Larger: strokes that reach under a neighbour are cut; smaller: touching digits are not.
_OWN = 0.7


def find_boxes(
    ink: Floats, placement: NDArray[np.float64], extents: Sequence[Extent], size: tuple[int, int]
) -> list[Box]:
    """Find the box of each digit in pixels of the picture.

    Args:
        ink: (32, w), a strip.
        placement: (2, 3), takes a place (x, y, 1) in it to the picture.
        extents: the columns of each digit.
        size: width and height of the picture.

    """
    owners = _assign(ink, extents)
    boxes = []
    for digit, (left, right) in enumerate(extents):
        mask = np.asarray(owners == digit).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(mask)
        if width == 0:
            x, y, width, height = left, 0, max(1, right - left), ink.shape[0]
        corners = (
            np.array([[u, v, 1.0] for u in (x, x + width) for v in (y, y + height)]) @ placement.T
        )
        low = np.clip(np.floor(corners.min(axis=0) + 0.25), 0, np.array(size) - 1).astype(int)
        high = np.clip(np.ceil(corners.max(axis=0) - 0.25), low + 1, size).astype(int)
        boxes.append((int(low[0]), int(low[1]), *map(int, (high - low).tolist())))
    return [(box[0], box[1], box[2], box[3]) for box in boxes]


def _assign(ink: Floats, extents: Sequence[Extent]) -> NDArray[np.int32]:
    """Say of each pixel (32, w) which digit it is of; -1 where it is of none."""
    columns = np.full(ink.shape[1], -1, np.int32)
    for digit, (left, right) in enumerate(extents):
        columns[left:right] = digit
    mask: Mask = (ink > _INK).view(np.uint8)
    count, labels = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    by_column = np.broadcast_to(columns, ink.shape)
    owners = np.where(mask > 0, by_column, -1).astype(np.int32)
    for label in range(1, count):
        own = labels == label
        shares = np.bincount(by_column[own] + 1, minlength=len(extents) + 1)
        shares[0] = 0
        if shares.max() > _OWN * np.count_nonzero(own):
            owners[own] = int(shares.argmax()) - 1
    return owners
