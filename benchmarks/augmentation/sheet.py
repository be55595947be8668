"""A contact sheet: training images under each augmentation and under all six, ours and torchvision's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms import v2

from benchmarks.common import usual_six
from roboreg_core.datasets.augmentation import CROP_FLIP, NONE, SIX, Augmentation, augment
from roboreg_core.datasets.sources import training_images
from roboreg_core.seeding import torch_generator

# Images with straight edges, letters, a horizon or thin lines.
IMAGES = (16, 23, 28, 42, 25)
ENLARGED = 3
GAP, LABEL_WIDTH, HEADER, ROW_GAP = 3, 150, 44, 6
TITLE_SIZE, LABEL_SIZE = 15, 14
PAPER, INK = (255, 255, 255), (40, 40, 40)


@dataclass(frozen=True, kw_only=True)
class Row:
    """An augmentation: name, our settings, torchvision's transform."""

    name: str
    spec: Augmentation
    transform: v2.Transform


ROWS = (
    Row(name="original", spec=NONE, transform=v2.Identity()),
    Row(name="crop", spec=replace(NONE, pad=4, reflect=False), transform=v2.RandomCrop(32, padding=4)),
    Row(name="flip", spec=replace(NONE, flip=True), transform=v2.RandomHorizontalFlip()),
    Row(name="rotation", spec=replace(NONE, rotation=SIX.rotation), transform=v2.RandomRotation(SIX.rotation)),
    Row(name="shear", spec=replace(NONE, shear=SIX.shear), transform=v2.RandomAffine(0, shear=SIX.shear)),
    Row(name="scale", spec=replace(NONE, scale=SIX.scale), transform=v2.RandomAffine(0, scale=SIX.scale)),
    Row(name="brightness", spec=replace(NONE, brightness=0.2), transform=v2.ColorJitter(brightness=0.2)),
    Row(name="contrast", spec=replace(NONE, contrast=0.2), transform=v2.ColorJitter(contrast=0.2)),
    Row(name="saturation", spec=replace(NONE, saturation=0.2), transform=v2.ColorJitter(saturation=0.2)),
    Row(name="all six", spec=SIX, transform=v2.Compose(usual_six())),
    Row(
        name="crop and flip",
        spec=CROP_FLIP,
        transform=v2.Compose([v2.RandomCrop(32, padding=4, padding_mode="reflect"), v2.RandomHorizontalFlip()]),
    ),
)


def sheet(seed: int = 1) -> Image.Image:
    """Draw the picture; deterministic for a seed."""
    pixels = training_images("bundled").pixels[list(IMAGES)].contiguous()
    side = 32 * ENLARGED
    half = len(IMAGES) * (side + GAP) + GAP * 4
    height = HEADER + len(ROWS) * (side + ROW_GAP)
    page = Image.new("RGB", (LABEL_WIDTH + 2 * half, height), PAPER)
    draw = ImageDraw.Draw(page)
    title, label = ImageFont.load_default(TITLE_SIZE), ImageFont.load_default(LABEL_SIZE)
    for place, text in enumerate(("RoboReg: one bilinear resampling", "torchvision: its defaults, on PIL images")):
        draw.text((LABEL_WIDTH + place * half, HEADER // 3), text, INK, font=title)
    for number, row in enumerate(ROWS):
        top = HEADER + number * (side + ROW_GAP)
        draw.text((10, top + side // 2), row.name, INK, font=label, anchor="lm")
        for place, images in enumerate((ours(pixels, row.spec, seed), theirs(pixels, row.transform, seed))):
            for column, image in enumerate(images):
                page.paste(_enlarged(image), (LABEL_WIDTH + place * half + column * (side + GAP), top))
    return page


def ours(pixels: Tensor, spec: Augmentation, seed: int) -> Tensor:
    """Augment a uint8 batch by our augmentation; return uint8."""
    return augment(pixels, spec, torch_generator(seed, "sheet")).round().to(torch.uint8)


def theirs(pixels: Tensor, transform: Callable[[Image.Image], Image.Image], seed: int) -> Tensor:
    """Augment images one by one by torchvision, as PIL images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        images = [v2.functional.pil_to_tensor(transform(v2.functional.to_pil_image(image))) for image in pixels]
    return torch.stack(images)


def _enlarged(image: Tensor) -> Image.Image:
    small: Image.Image = v2.functional.to_pil_image(image)
    return small.resize((32 * ENLARGED, 32 * ENLARGED), Image.Resampling.NEAREST)
