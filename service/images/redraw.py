"""From a digit's strokes, of any size, to 28 x 28 as MNIST was made."""

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.uint8]

SIDE = 28
BOX = 20  # MNIST's digits are fitted to 20 x 20

_FADED = np.uint8(0.3 * 255)  # of full ink; what is fainter all around is no stroke
_DRAWN = 128  # pixels on the long side where strokes are outlined, as in the pictures MNIST is from
_THINNEST, _THICKEST = 2.1, 3.8  # pixels in the box; of MNIST's strokes, 25 % to 93 % lie between


def to_rows(contrast: Bytes, mask: Mask, level: float) -> Floats:
    """The digit as float32 (28, 28) in [0, 1]: fitted to 20 x 20, centred by its mass.

    Args:
        contrast: (h, w), how much each pixel differs from the ground, in 255ths.
        mask: (h, w), 1 on the digit's strokes, at least one pixel.
        level: the contrast of full ink.

    """
    shape = _outline(contrast, mask, level)
    return _centre(_fit(_weigh(shape)))


def _outline(contrast: Bytes, mask: Mask, level: float) -> Mask:
    """The strokes as a shape with sharp edges and a margin, drawn large."""
    left, top, width, height = cv2.boundingRect(mask)
    top, left = max(0, top - 1), max(0, left - 1)
    window = np.s_[top : top + height + 2, left : left + width + 2]
    near = cv2.dilate(mask[window], np.ones((3, 3), np.uint8))
    soft = cv2.multiply(cv2.convertScaleAbs(contrast[window], alpha=255 / level), near)
    # Ink fades along a stroke: half of what it is around here is its edge.
    reach = max(3, max(soft.shape) // 8) | 1
    peak = cv2.dilate(soft, np.ones((reach, reach), np.uint8))
    soft = cv2.divide(soft, np.maximum(peak, _FADED), scale=255)
    margin = max(2, max(soft.shape) // 8)
    soft = cv2.copyMakeBorder(soft, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    scale = _DRAWN / max(soft.shape)
    size = (max(1, round(soft.shape[1] * scale)), max(1, round(soft.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = np.asarray(cv2.resize(soft, size, interpolation=smooth))
    return (drawn > 127).view(np.uint8)


def _weigh(shape: Mask) -> Mask:
    """The strokes thickened or thinned to what is usual in MNIST."""
    inside = cv2.distanceTransform(shape, cv2.DIST_L2, 3)
    if not shape.any():
        return shape
    # Across a stroke of width w the distance to its edge is w/4 + 1/2 on average.
    width = 4 * cv2.mean(inside, mask=shape)[0] - 2
    _, _, *box = cv2.boundingRect(shape)
    unit = max(box) / BOX
    wanted = min(max(width, _THINNEST * unit), _THICKEST * unit)
    change = (wanted - width) / 2
    if change < -0.5:
        return (inside > -change).view(np.uint8)
    if change > 0.5:
        outside = cv2.distanceTransform(1 - shape, cv2.DIST_L2, 3)
        return (outside <= change).view(np.uint8)
    return shape


def _fit(shape: Mask) -> Floats:
    """The shape's box with a long side of 20, its edges grey."""
    left, top, width, height = cv2.boundingRect(shape)
    if width == 0:
        return np.zeros((1, 1), np.float32)
    ink = shape[top : top + height, left : left + width].astype(np.float32)
    scale = BOX / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _centre(ink: Floats) -> Floats:
    """`ink`, at most 20 x 20, in 28 x 28 with its centre of mass as near the middle as fits."""
    rows = np.zeros((SIDE, SIDE), np.float32)
    height, width = ink.shape
    moments = cv2.moments(ink)
    total = max(moments["m00"], 1e-6)
    # MNIST's own centres of mass lie between 13.5 and 14.5.
    top = min(max(round(SIDE / 2 - moments["m01"] / total), 0), SIDE - height)
    left = min(max(round(SIDE / 2 - moments["m10"] / total), 0), SIDE - width)
    rows[top : top + height, left : left + width] = np.minimum(ink, 1)
    return rows
