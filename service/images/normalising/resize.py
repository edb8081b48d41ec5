"""Smaller views of a picture, and windows found in a view cut from the picture itself."""

import cv2
import numpy as np

from service.images.arrays import Bytes


def shrink(pixels: Bytes, longest: int) -> Bytes:
    """Shrink `pixels`, (h, w) or (h, w, 3), to at most `longest` on the longer side.

    Pictures are halved by averaging as long as that suffices, so that every pixel counts.
    """
    while max(pixels.shape[:2]) >= 2 * longest:
        pixels = _halve(pixels)
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Less than a half remains to go, so every pixel is a neighbour of one that is sampled.
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _halve(pixels: Bytes) -> Bytes:
    """Average two by two pixels, for which OpenCV is ten times as fast as for other sizes."""
    height, width = pixels.shape[:2]
    even = pixels[: height & ~1 or 1, : width & ~1 or 1]
    size = (max(1, width // 2), max(1, height // 2))
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def crop(pixels: Bytes, window: tuple[slice, slice], scale: float) -> Bytes:
    """Cut `window`, rows and columns of a view `scale` times smaller, from `pixels`."""
    rows, columns = (slice(round(s.start * scale), round(s.stop * scale)) for s in window)
    return pixels[rows, columns]


# Distance over which the lightest of the paper is its level at the rim, as a share of the long
# side, and in pixels at least. Larger: light is followed worse, and dark corners are ink; smaller:
# strokes along the border are paper.
_RIM_REACH, _LEAST_RIM_REACH = 0.5, 5
# Share of the long side over which noise is averaged before. Larger: strokes of a digit of a few
# pixels darken the paper; smaller: the rim is as light as the noise.
_RIM_BLUR = 0.1


def enlarge_smoothly(grey: Bytes, *, dark: bool) -> Bytes:
    """Enlarge (h, w) `grey` four times, with a rim of background, so that strokes get soft edges.

    The rim is as light as the paper near it. One shade all around would make ink of dark corners.

    Args:
        grey: few pixels.
        dark: whether ink is darker than the background.

    """
    longest = max(grey.shape)
    reach = max(_LEAST_RIM_REACH, int(longest * _RIM_REACH) | 1)
    blur = max(1, int(longest * _RIM_BLUR))
    find_paper = cv2.dilate if dark else cv2.erode
    paper = find_paper(cv2.blur(grey, (blur, blur)), np.ones((reach, reach), np.uint8))
    rimmed = np.pad(paper, 1, mode="edge")
    rimmed[1:-1, 1:-1] = grey
    size = 4 * rimmed.shape[1], 4 * rimmed.shape[0]
    return np.asarray(cv2.resize(rimmed, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
