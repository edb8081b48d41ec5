"""Polarity of writing: whether it is darker or lighter than what it stands on."""

import cv2
import numpy as np

from service.images.arrays import Bytes
from service.images.normalising.background import square
from service.images.normalising.polarity import is_dark_on_light
from service.images.normalising.resize import shrink

# Pixels on the long side of the view in which polarity is judged. A larger one costs time; in a
# smaller one small writing fades.
_VIEW = 300
# Widths of what counts as narrow, as shares of the long side. More of them cost time; without the
# wide ones fat pens are judged by the gaps between their strokes.
_NARROW = 0.03, 0.06, 0.12, 0.24
# Share of the short side that a stroke is wide at most.
_WIDEST = 0.5
# Balance, of at most 4, from which on it decides alone. Larger: more pictures are judged as those
# of a single digit are; smaller: pictures of few and fat strokes are judged wrongly.
_DECISIVE = 0.5


def is_dark_writing(grey: Bytes) -> bool:
    """Whether ink is darker than its background in (h, w) `grey`.

    Dark ink is what a closing takes away, light ink what an opening does. Both count by how steep
    they are, so that soft shadows weigh nothing beside small writing.
    """
    view = np.asarray(cv2.GaussianBlur(shrink(grey, _VIEW), (0, 0), 0.7), np.uint8)
    short, long = sorted(view.shape)
    steep = cv2.morphologyEx(view, cv2.MORPH_GRADIENT, square(3)).astype(np.float32)
    weights = steep * steep
    balance = 0.0
    for width in _NARROW:
        side = int(width * long) | 1
        if side < 5 or side > _WIDEST * short:
            continue
        dark, light = (
            float(np.vdot(weights, cv2.morphologyEx(view, kind, square(side)).astype(np.float32)))
            for kind in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT)
        )
        balance += (dark - light) / max(dark + light, 1e-6)
    return balance > 0 if abs(balance) > _DECISIVE else is_dark_on_light(grey)
