"""Types of the arrays that hold pixels."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]  # grey (h, w) or, red first, (h, w, 3), from 0 to 255
Mask = NDArray[np.uint8]  # (h, w): 1 on what is meant, 0 elsewhere
