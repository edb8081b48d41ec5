"""A digit's strokes redrawn as MNIST's are: 28 x 28, in a box of 20 x 20, centred by their mass."""

import cv2
import numpy as np

from models.arrays import Floats
from service.images.arrays import Bytes, Mask

SIDE = 28  # pixels, of MNIST's pictures
BOX = 20  # pixels on the long side of the bounding box of MNIST's digits


def as_mnist(pixels: Bytes | Floats, white: float) -> Floats | None:
    """Give a picture's rows as they are if it is one of MNIST's kind: light ink, in box and centre.

    Args:
        pixels: (h, w) or (h, w, 3), in [0, `white`].
        white: the value of full light.

    Returns:
        (28, 28) in [0, 1], or None.

    """
    if pixels.shape[:2] != (SIDE, SIDE):
        return None
    if pixels.ndim == 3:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    rows: Floats = pixels.astype(np.float32) / np.float32(white)
    _, _, width, height = cv2.boundingRect((rows > 0.1 * rows.max()).astype(np.uint8))
    total = float(rows.sum())
    if not BOX - 2 <= max(width, height) <= BOX or not total > 0:
        return None
    at = np.arange(SIDE, dtype=np.float32)
    y, x = float(rows.sum(axis=1) @ at) / total, float(rows.sum(axis=0) @ at) / total
    return rows if max(abs(y - SIDE / 2), abs(x - SIDE / 2)) < 0.75 else None


def redraw(contrast: Bytes, mask: Mask, level: float) -> Floats:
    """Redraw a digit as float32 (28, 28) in [0, 1], light on dark.

    Args:
        contrast: (h, w), how much each pixel differs from the background, in 255ths.
        mask: (h, w), 1 on the digit's strokes, at least one pixel.
        level: the contrast of full ink, in 255ths.

    """
    return _centre_by_mass(_fit_to_box(_adjust_stroke_width(_draw_large(contrast, mask, level))))


# Pixels on the long side of the drawing, as in the pictures that MNIST was made from. Larger: the
# stairs of small pictures are drawn; smaller: thin strokes break.
_DRAWN = 128
# Pixels on the long side of a view above which it was made for thin strokes, and is not shrunk.
# Larger: lines of a pixel fade; smaller: broad strokes are drawn with the paper's grain.
_FINE = 150
# 255ths of full ink: what is fainter all around is no stroke. Larger: faint ends are lost; smaller:
# they get as broad as the blur around them.
_FAINTEST_STROKE = np.uint8(0.3 * 255)


def _draw_large(contrast: Bytes, mask: Mask, level: float) -> Mask:
    """Draw the strokes large, with sharp edges and a margin; arguments as of `redraw`."""
    left, top, width, height = cv2.boundingRect(mask)
    top, left = max(0, top - 1), max(0, left - 1)
    window = np.s_[top : top + height + 2, left : left + width + 2]
    near = cv2.dilate(mask[window], np.ones((3, 3), np.uint8))
    soft = cv2.multiply(cv2.convertScaleAbs(contrast[window], alpha=255 / level), near)
    # Ink fades along a stroke: half of what it is around here is its edge.
    reach = max(3, max(soft.shape) // 8) | 1
    peak = cv2.dilate(soft, np.ones((reach, reach), np.uint8))
    soft = cv2.divide(soft, np.maximum(peak, _FAINTEST_STROKE), scale=255)
    margin = max(2, max(soft.shape) // 8)
    soft = cv2.copyMakeBorder(soft, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    scale = _DRAWN / max(soft.shape)
    if max(contrast.shape) > _FINE:
        scale = max(scale, 1.0)
    size = (max(1, round(soft.shape[1] * scale)), max(1, round(soft.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = np.asarray(cv2.resize(soft, size, interpolation=smooth))
    return (drawn > 127).view(np.uint8)


# Width of a stroke in pixels of the box of 20: of MNIST's strokes 25 % are thinner than the first
# and 7 % thicker than the second. Apart from them, strokes look unlike those that models learned
# from.
_THINNEST, _THICKEST = 2.1, 3.8


def _adjust_stroke_width(shape: Mask) -> Mask:
    """Thicken or thin the strokes of `shape` (h, w) to a width that is usual in MNIST."""
    inside = np.asarray(cv2.distanceTransform(shape, cv2.DIST_L2, 3), dtype=np.float32)
    if not shape.any():
        return shape
    width = mean_stroke_width(inside, shape)
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


def mean_stroke_width(inside: Floats, shape: Mask) -> float:
    """The mean width of strokes in pixels, from each pixel's distance `inside` them to the edge."""
    # Across a stroke of width w the distance to its edge is w/4 + 1/2 on average.
    return 4 * float(cv2.mean(inside, mask=shape)[0]) - 2


def _fit_to_box(shape: Mask) -> Floats:
    """Fit the bounding box of `shape` (h, w) to a long side of 20, with antialiased edges."""
    left, top, width, height = cv2.boundingRect(shape)
    if width == 0:
        return np.zeros((1, 1), np.float32)
    ink = shape[top : top + height, left : left + width].astype(np.float32)
    scale = BOX / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _centre_by_mass(ink: Floats) -> Floats:
    """Place `ink`, at most 20 x 20, in 28 x 28, its centre of mass as near the middle as fits."""
    rows = np.zeros((SIDE, SIDE), np.float32)
    height, width = ink.shape
    moments = cv2.moments(ink)
    total = max(moments["m00"], 1e-6)
    # MNIST's own centres of mass lie between 13.5 and 14.5.
    top = min(max(round(SIDE / 2 - moments["m01"] / total), 0), SIDE - height)
    left = min(max(round(SIDE / 2 - moments["m10"] / total), 0), SIDE - width)
    rows[top : top + height, left : left + width] = np.minimum(ink, 1)
    return rows
