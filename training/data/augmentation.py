"""Random variations of a whole batch of images at once, on its device."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from training.data.elastic import displacements
from training.recipes.shipped import Augmentation


def warp(rows: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Rotate, scale, shear, shift and bend each image by its own draw; what leaves it is lost.

    Args:
        rows: (B, 28, 28) float32 in [0, 1], light ink on dark.
        settings: the bound of each uniform draw.
        generator: on the same device as `rows`.

    Returns:
        (B, 28, 28) float32 in [0, 1], sampled bilinearly; outside the frame everything is 0.

    """
    batch, side, _ = rows.shape
    draw = torch.rand(6, batch, generator=generator, device=rows.device) * 2 - 1  # in [-1, 1)
    angle = draw[0] * math.radians(settings.rotation)
    width, height = 1 + draw[1:3] * settings.scale
    shear = draw[3] * settings.shear
    # In grid_sample's units the frame is 2 wide: 2 units are 28 pixels.
    right, down = draw[4:6] * (settings.shift * 2 / side)
    top = torch.stack([angle.cos() * width, shear - angle.sin() * height, right], dim=1)
    bottom = torch.stack([angle.sin() * width, angle.cos() * height, down], dim=1)
    maps = torch.stack([top, bottom], dim=1)  # (B, 2, 3)
    grid = functional.affine_grid(maps, [batch, 1, side, side], align_corners=False)
    if settings.elastic:
        grid = grid + displacements(batch, side, settings.elastic, generator) * (2 / side)
    moved = functional.grid_sample(rows.unsqueeze(1), grid, align_corners=False)  # (B, 1, 28, 28)
    return moved.squeeze(1)


def pen(rows: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Make the strokes of each image thicker or thinner by its own draw.

    A mixture of the image with its 3 x 3 maximum, or minimum, moves an edge by up to one pixel.

    Args:
        rows: (B, 28, 28) float32 in [0, 1], light ink on dark.
        settings: `pen` is the largest share of the maximum or minimum in the mixture.
        generator: on the same device as `rows`.

    Returns:
        (B, 28, 28) float32 in [0, 1].

    """
    draw = torch.rand(len(rows), 1, 1, generator=generator, device=rows.device) * 2 - 1
    # The minimum is the maximum of the negative, so one pooling serves both.
    direction = draw.sign()
    pooled = functional.max_pool2d((rows * direction).unsqueeze(1), 3, stride=1, padding=1)
    edge = pooled.squeeze(1) * direction  # (B, 28, 28)
    return rows.lerp(edge, (draw.abs() * settings.pen).expand_as(rows))
