"""Random elastic warps of a whole batch of images at once, on its device.

Smooth local displacements, as in Simard et al. 2003, "Best Practices for Convolutional Neural
Networks Applied to Visual Document Analysis", make other handwritings of the same digits.
"""

import torch
from torch import Tensor
from torch.nn import functional

NODES = 5  # displacements drawn along each axis; between them, about 6 pixels apart, one is smooth


def elastic(rows: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Warp each image by its own field of `displacements`; what leaves the frame is lost.

    Args:
        rows: (B, 28, 28) float32 in [0, 1], light ink on dark.
        strength: as in `displacements`; 0 changes nothing.
        generator: on the same device as `rows`.

    Returns:
        (B, 28, 28) float32 in [0, 1], sampled bilinearly; outside the frame everything is 0.

    """
    batch, side, _ = rows.shape
    # In grid_sample's units the frame is 2 wide: 2 units are 28 pixels.
    still = functional.affine_grid(
        torch.eye(2, 3, device=rows.device).expand(batch, 2, 3),
        [batch, 1, side, side],
        align_corners=False,
    )
    grid = still + displacements(batch, side, strength, generator) * (2 / side)
    warped = functional.grid_sample(rows.unsqueeze(1), grid, align_corners=False)  # (B, 1, 28, 28)
    return warped.squeeze(1)


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
