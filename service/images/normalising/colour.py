"""The colour of ink, and the grey in which ink of that colour stands out."""

import cv2
import numpy as np

from models.arrays import Floats
from service.images.arrays import Bytes
from service.images.normalising.resize import shrink

# Pixels on the long side of the view in which the colour is sought. In a larger one the search
# takes longer and finds the same; in a smaller one thin strokes take on the colour of the paper.
_VIEW = 50


def find_ink_colour(pixels: Bytes) -> Floats | None:
    """Weigh red, green and blue so that ink stands out best in their sum.

    The weights are the first principal component of the pixels' departures from their local mean,
    in which large departures count most. Black ink gives three equal weights, a yellow pen gives
    nearly all to blue.

    Args:
        pixels: (h, w, 3), or (h, w) if they have no colour.

    Returns:
        (3,) float32 in [0, 1] that add up to 1; None for (h, w).

    """
    if pixels.ndim == 2:
        return None
    view = shrink(pixels, _VIEW)
    reach = max(3, max(view.shape[:2]) // 3)  # pixels over which the local mean is taken
    away = (view.astype(np.float32) - cv2.blur(view, (reach, reach))).reshape(-1, 3)
    strength = (away * away) @ np.ones((3, 1), np.float32)
    _, _, vectors = cv2.eigen((away * strength).T @ away)  # by falling eigenvalue
    main = vectors[0].tolist()
    total = sum(main)
    weights = [max(0.0, value if total > 0 else -value) for value in main]
    if not sum(weights) > 0:
        weights = [1.0, 1.0, 1.0]
    return np.array(weights, np.float32) / np.float32(sum(weights))


def to_grey(pixels: Bytes, weights: Floats | None) -> Bytes:
    """Mix (h, w, 3) `pixels` by (3,) `weights` to (h, w); give (h, w) `pixels` back as they are."""
    if weights is None:
        return pixels
    grey = cv2.transform(pixels, weights[np.newaxis])
    return np.asarray(grey, dtype=np.uint8).reshape(pixels.shape[:2])
