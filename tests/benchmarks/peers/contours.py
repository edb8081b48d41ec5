"""The way of demos from a picture to a number: a threshold, contours, one classifier for each."""

import cv2
import numpy as np

from models.arrays import Floats

# Pixels of a contour at least, on its longer side, as a share of the picture's height.
_SMALLEST = 0.1


def cut_digits(data: bytes) -> list[Floats]:
    """Cut each digit out of an encoded picture, from left to right, as (28, 28) in [0, 1]."""
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        return []
    _, ink = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    if ink.mean() > 127:
        ink = cv2.bitwise_not(ink)
    contours, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = sorted(tuple(cv2.boundingRect(contour)) for contour in contours)
    least = _SMALLEST * grey.shape[0]
    return [_fit(ink[y : y + h, x : x + w]) for x, y, w, h in boxes if max(w, h) >= least]


def _fit(ink: cv2.typing.MatLike) -> Floats:
    """`ink` (h, w), 0 or 255, in the middle of 28 x 28, its longer side 20."""
    height, width = ink.shape
    scale = 20 / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    rows = np.zeros((28, 28), np.float32)
    top, left = (28 - size[1]) // 2, (28 - size[0]) // 2
    rows[top : top + size[1], left : left + size[0]] = small / np.float32(255)
    return rows
