"""Batched data augmentation on the device, with separate random parameters per image.

Crop and flip alone copy pixels exactly. Rotation, shear and scale are composed with them into one affine map and one
bilinear `grid_sample`, unlike torchvision's chain of nearest-neighbour resamplings.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.datasets.augmentation_settings import CROP_FLIP, NONE, SIX, Augmentation

__all__ = ["CROP_FLIP", "NONE", "SIX", "Augmentation", "affine_matrices", "augment", "jitter_parameters"]

# ITU-R 601-2 luma, as in torchvision.
GREY = (0.2989, 0.587, 0.114)
# Columns of the colour factors; 0 is brightness.
CONTRAST, SATURATION = 1, 2


def augment(images: Tensor, spec: Augmentation, generator: torch.Generator) -> Tensor:
    """Augment images, uint8 (n, 3, h, w), with a generator on their device.

    Returns:
        (n, 3, h, w) in 0..255: uint8 in channels-last format with crop and flip only, else float32.
    """
    out = _affine(images, spec, generator) if spec.is_affine else _crop_flip(images, spec, generator)
    if spec.brightness or spec.contrast or spec.saturation:
        out = _jitter(out.float(), spec, generator)
    return out


def affine_matrices(n: int, spec: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw `n` affine maps (n, 2, 3) from output to input pixels, relative to the image's centre.

    Each inverts the sequence flip, shift (the crop), rotation, shear along x, scale; signs as in torchvision.
    """
    device = generator.device
    angle = _between(n, -spec.rotation, spec.rotation, generator) * (math.pi / 180)
    shear = _between(n, -spec.shear, spec.shear, generator) * (math.pi / 180)
    scale = _between(n, *spec.scale, generator)
    shift = torch.randint(-spec.pad, spec.pad + 1, (n, 2), generator=generator, device=device)
    mirror = _mirrored(n, spec, generator).float() * -2 + 1
    cos, sin = angle.cos(), angle.sin()
    zero, one = torch.zeros_like(scale), torch.ones_like(scale)
    unshear = torch.stack([one, shear.tan(), zero, one], dim=1).view(n, 2, 2) / scale.view(n, 1, 1)
    unrotate = torch.stack([cos, -sin, sin, cos], dim=1).view(n, 2, 2)
    linear = unrotate @ unshear
    linear = torch.stack([mirror.view(n, 1) * linear[:, 0], linear[:, 1]], dim=1)
    offset = torch.stack([mirror * shift[:, 0], shift[:, 1].float()], dim=1)
    return torch.cat([linear, offset.unsqueeze(2)], dim=2)


def _between(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator, device=generator.device) * (high - low) + low


def _mirrored(n: int, spec: Augmentation, generator: torch.Generator) -> Tensor:
    if not spec.flip:
        return torch.zeros(n, dtype=torch.bool, device=generator.device)
    return torch.rand(n, generator=generator, device=generator.device) < 0.5


def _crop_flip(images: Tensor, spec: Augmentation, generator: torch.Generator) -> Tensor:
    n, _, height, width = images.shape
    device = images.device
    top = torch.randint(0, 2 * spec.pad + 1, (n, 1), generator=generator, device=device)
    left = torch.randint(0, 2 * spec.pad + 1, (n, 1), generator=generator, device=device)
    rows = top + torch.arange(height, device=device) - spec.pad
    columns = left + torch.arange(width, device=device)
    columns = torch.where(_mirrored(n, spec, generator)[:, None], columns.flip(1), columns) - spec.pad
    nhwc = images.permute(0, 2, 3, 1)
    if spec.reflect:
        rows, columns = _reflect(rows, height), _reflect(columns, width)
    else:
        # Pixels outside are read from one black row and column after the last pixel.
        nhwc = F.pad(nhwc, (0, 0, 0, 1, 0, 1))
        rows = torch.where((rows < 0) | (rows >= height), height, rows)
        columns = torch.where((columns < 0) | (columns >= width), width, columns)
    batch = torch.arange(n, device=device).view(n, 1, 1)
    return nhwc[batch, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)


def _reflect(index: Tensor, size: int) -> Tensor:
    index = index.abs()
    return torch.where(index >= size, 2 * (size - 1) - index, index)


def _affine(images: Tensor, spec: Augmentation, generator: torch.Generator) -> Tensor:
    n, _, height, width = images.shape
    grid = _grid(affine_matrices(n, spec, generator), height, width)
    source = images.to(torch.float32, memory_format=torch.channels_last)
    return F.grid_sample(source, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _grid(matrices: Tensor, height: int, width: int) -> Tensor:
    """Input coordinates of each output pixel, (n, h, w, 2), in the -1..1 coordinates of `grid_sample`.

    The sum of a column term and a row term, which is twice as fast as the matrix products of `affine_grid`.
    """
    x, y = (torch.arange(size, device=matrices.device) - (size - 1) / 2 for size in (width, height))
    scaled = torch.stack([matrices[:, 0] * (2 / width), matrices[:, 1] * (2 / height)], dim=1)
    across, down, offset = scaled.unsqueeze(1).unsqueeze(1).unbind(dim=4)
    return (across * x.view(1, 1, width, 1)) + (down * y.view(1, height, 1, 1) + offset)


def jitter_parameters(n: int, spec: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw colour changes for `n` images.

    Returns:
        Factors of brightness, contrast and saturation (n, 3), 1 for changes that are off, and the order of their
        application as indices of these columns (n, 3). All orders are equally likely, as in torchvision.
    """
    strengths = (spec.brightness, spec.contrast, spec.saturation)
    ones = torch.ones(n, device=generator.device)
    drawn = [_between(n, 1 - value, 1 + value, generator) if value else ones for value in strengths]
    order = torch.rand(n, len(strengths), generator=generator, device=generator.device).argsort(dim=1)
    return torch.stack(drawn, dim=1), order


def _jitter(images: Tensor, spec: Augmentation, generator: torch.Generator) -> Tensor:
    """Change the colours of float images (n, 3, h, w) in place."""
    factors, order = jitter_parameters(len(images), spec, generator)
    weights = _grey(images.device)
    for change in order.unbind(dim=1):
        factor = factors.gather(1, change[:, None]).view(-1, 1, 1, 1)
        # Each blends the image with a target: black, the mean of its grey image, or its grey image.
        grey = (weights @ images.flatten(2)).view(-1, *images.shape[2:])
        target = grey.mean((1, 2), keepdim=True) * (change == CONTRAST).view(-1, 1, 1)
        target = target.addcmul(grey, (change == SATURATION).view(-1, 1, 1).to(grey.dtype))
        images.lerp_(target.unsqueeze(1), 1 - factor).clamp_(0, 255)
    return images


@lru_cache(maxsize=8)
def _grey(device: torch.device) -> Tensor:
    """Cached on the device, since a copy per batch would stall a GPU."""
    with torch.inference_mode(False):
        return torch.tensor(GREY, device=device)
