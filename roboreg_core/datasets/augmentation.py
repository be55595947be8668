"""Batched augmentation on the device: every image has its own parameters, and geometry is one resampling.

Crop and flip alone are an exact copy of pixels. With rotation, shear or scale, they all compose into one affine map and
one bilinear `grid_sample`, with black outside, in place of torchvision's chain of nearest-neighbour resamplings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-R 601-2 luma, the weights that torchvision's colour transforms use.
GREY = (0.2989, 0.587, 0.114)
# Columns of the colour factors that are not brightness.
CONTRAST, SATURATION = 1, 2


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far each random change goes; a zero (or a scale of one) leaves it out.

    Attributes:
        pad: pixels added on every side before a random crop of the original size.
        reflect: pad by reflection where True, with black where False; only where nothing but crop and flip is asked
            for, everything else has black outside.
        flip: mirror left to right with probability one half.
        rotation, shear: largest angle in degrees, drawn evenly from both sides of zero.
        scale: smallest and largest factor.
        brightness, contrast, saturation: a factor is drawn evenly from 1 - value to 1 + value; in any order.
    """

    pad: int = 4
    reflect: bool = True
    flip: bool = True
    rotation: float = 0.0
    shear: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    @property
    def is_affine(self) -> bool:
        """True where more than crop and flip moves pixels."""
        return bool(self.rotation or self.shear) or tuple(self.scale) != (1.0, 1.0)


CROP_FLIP = Augmentation()
SIX = Augmentation(reflect=False, rotation=10, shear=10, scale=(0.8, 1.2), brightness=0.2, contrast=0.2, saturation=0.2)
NONE = Augmentation(pad=0, flip=False)


def augment(images: Tensor, spec: Augmentation, generator: torch.Generator) -> Tensor:
    """Change a batch at random.

    Args:
        images: uint8 (n, 3, h, w); not changed.
        spec: what to do.
        generator: on the images' device.

    Returns:
        (n, 3, h, w) in 0..255: uint8 and channels last where only crop and flip were asked for, else float32.
    """
    out = _affine(images, spec, generator) if spec.is_affine else _crop_flip(images, spec, generator)
    if spec.brightness or spec.contrast or spec.saturation:
        out = _jitter(out.float(), spec, generator)
    return out


def affine_matrices(n: int, spec: Augmentation, generator: torch.Generator) -> Tensor:
    """Random maps (n, 2, 3) from output to input pixels, in coordinates centred on the image, in pixels.

    An input pixel is flipped and shifted (the crop), rotated, then sheared along x and scaled, the signs being
    torchvision's. Only the inverse is needed.
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
        # One black row and column after the last pixel stand for everything outside.
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
    """Where each output pixel (n, h, w, 2) is read, in the -1..1 coordinates of grid_sample.

    A map is a part of the column plus a part of the row: one sum, twice as fast as the products of `affine_grid`.
    """
    x, y = (torch.arange(size, device=matrices.device) - (size - 1) / 2 for size in (width, height))
    scaled = torch.stack([matrices[:, 0] * (2 / width), matrices[:, 1] * (2 / height)], dim=1)
    across, down, offset = scaled.unsqueeze(1).unsqueeze(1).unbind(dim=4)
    return (across * x.view(1, 1, width, 1)) + (down * y.view(1, height, 1, 1) + offset)


def jitter_parameters(n: int, spec: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random colour changes: factors (n, 3) of brightness, contrast and saturation, and their order (n, 3).

    A row of the order names the columns of the factors, first to last. As in torchvision every order is as likely. A
    factor of one stands for what was not asked for.
    """
    strengths = (spec.brightness, spec.contrast, spec.saturation)
    still = torch.ones(n, device=generator.device)
    drawn = [_between(n, 1 - value, 1 + value, generator) if value else still for value in strengths]
    order = torch.rand(n, len(strengths), generator=generator, device=generator.device).argsort(dim=1)
    return torch.stack(drawn, dim=1), order


def _jitter(images: Tensor, spec: Augmentation, generator: torch.Generator) -> Tensor:
    """Colour changes of float images (n, 3, h, w), which are changed in place."""
    factors, order = jitter_parameters(len(images), spec, generator)
    weights = _grey(images.device)
    for change in order.unbind(dim=1):
        factor = factors.gather(1, change[:, None]).view(-1, 1, 1, 1)
        # All three pull an image towards something: towards black, the mean of its grey, its grey pixel by pixel.
        grey = (weights @ images.flatten(2)).view(-1, *images.shape[2:])
        target = grey.mean((1, 2), keepdim=True) * (change == CONTRAST).view(-1, 1, 1)
        target = target.addcmul(grey, (change == SATURATION).view(-1, 1, 1).to(grey.dtype))
        images.lerp_(target.unsqueeze(1), 1 - factor).clamp_(0, 255)
    return images


@lru_cache(maxsize=8)
def _grey(device: torch.device) -> Tensor:
    """Kept on the device: to bring it there with every batch would hold up a GPU."""
    with torch.inference_mode(False):
        return torch.tensor(GREY, device=device)
