"""Random elastic warps of a whole batch of images at once.

Smooth local displacements, as in Simard et al. 2003, "Best Practices for Convolutional Neural
Networks Applied to Visual Document Analysis", make other handwritings of the same digits.
"""

import torch
from torch import Tensor
from torch.nn import functional

NODES = 5  # displacements drawn along each axis; between them, about 6 pixels apart, one is smooth


def displacements(batch: int, side: int, strength: float, generator: torch.Generator) -> Tensor:
    """Draw from where each pixel of each image is taken, relative to its own place.

    Args:
        batch: how many fields to draw.
        side: rows and columns of an image.
        strength: the bound, in pixels along each axis, of the uniform draws at `NODES` x `NODES`
            places of an image that is warped most. Each image has its own share of it, uniform in
            [0, 1), so that some are hardly warped. Between the places the field is interpolated
            bicubically, which may exceed the bound by a third.
        generator: its device is the result's.

    Returns:
        (B, side, side, 2) float32 pixels: to the right, and down.

    """
    device = generator.device
    nodes = torch.rand(batch, 2, NODES, NODES, generator=generator, device=device) * 2 - 1
    share = torch.rand(batch, 1, 1, 1, generator=generator, device=device)
    field = functional.interpolate(
        nodes * (share * strength), size=(side, side), mode="bicubic", align_corners=True
    )
    return field.permute(0, 2, 3, 1)
