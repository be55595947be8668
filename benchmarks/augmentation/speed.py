"""Images per second of the six augmentations: ours and kornia's on batches, torchvision's per image.

Every contender starts from uint8 images in memory and ends with a float batch; none of them trains anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from benchmarks import rivals
from benchmarks.common import WORKERS, Row, take_turns, usual_loader, usual_six
from roboreg_core.datasets.augmentation import SIX, augment
from roboreg_core.datasets.images import Images
from roboreg_core.datasets.sources import training_images
from roboreg_core.seeding import torch_generator

BATCH_SIZE = 128
KORNIA = "kornia"


def measure(n_images: int, repeats: int) -> list[Row]:
    """Time the contenders in turns; the first row is the usual way. kornia is included if installed."""
    contenders: dict[str, Callable[[], Callable[[], Any]]] = {
        f"usual: torchvision on PIL, {WORKERS} workers": partial(prepare_pil, n_images),
        f"torchvision v2 on tensors, {WORKERS} workers": partial(prepare_tensors, n_images),
        "RoboReg": partial(prepare_ours, n_images),
    }
    if rivals.present(KORNIA):
        contenders["kornia, on batches"] = partial(prepare_kornia, n_images)
    rows, _ = take_turns(contenders, n_images, repeats)
    return rows


def prepare_pil(n_images: int) -> Callable[[], int]:
    """PIL images through torchvision's transforms in workers of a `DataLoader`, started before the timing."""
    to_floats = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    loader = usual_loader(some(n_images), v2.Compose([*usual_six(), *to_floats]), BATCH_SIZE, shuffle=True)
    return lambda: sum(len(batch) for batch, _ in loader)


class Transformed(TensorDataset):
    """Single uint8 tensors through torchvision's transforms."""

    def __init__(self, pixels: Tensor) -> None:
        super().__init__(pixels)
        bilinear = usual_six(v2.InterpolationMode.BILINEAR)
        self.transform = v2.Compose([*bilinear, v2.ToDtype(torch.float32, scale=True)])

    def __getitem__(self, index: int) -> Any:
        return self.transform(super().__getitem__(index)[0])


def prepare_tensors(n_images: int) -> Callable[[], int]:
    """The same on single tensors: on a batch torchvision would use one random draw for all images."""
    loader = DataLoader(
        Transformed(some(n_images).pixels),
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
        generator=torch.Generator().manual_seed(0),
    )
    return lambda: sum(len(batch) for batch in loader)


def prepare_ours(n_images: int) -> Callable[[], int]:
    """As in the training loop: order, batches, augmentation."""
    pixels = some(n_images).pixels
    generator = torch_generator(0, "augmentation")

    def work() -> int:
        order = torch.randperm(n_images, generator=generator)
        return sum(len(augment(pixels[batch], SIX, generator)) for batch in order.split(BATCH_SIZE))

    return work


def prepare_kornia(n_images: int) -> Callable[[], int]:
    """Batches through kornia's transforms, with one random draw per image; inputs are floats in 0..1."""
    package = rivals.load("kornia.augmentation")
    six = package.AugmentationSequential(
        package.RandomCrop((32, 32), padding=SIX.pad),
        package.RandomHorizontalFlip(),
        # kornia's default changes every second image, torchvision's every image.
        package.RandomRotation(SIX.rotation, p=1.0),
        package.RandomAffine(0.0, shear=SIX.shear, scale=SIX.scale, p=1.0),
        package.ColorJitter(SIX.brightness, SIX.contrast, SIX.saturation),
        data_keys=["input"],
    )
    pixels = some(n_images).pixels.contiguous()
    generator = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def work() -> int:
        order = torch.randperm(n_images, generator=generator)
        return sum(len(six(pixels[batch].float() / 255)) for batch in order.split(BATCH_SIZE))

    return work


def some(n_images: int) -> Images:
    """Return the first training images."""
    return training_images("bundled").take(torch.arange(n_images), f"{n_images:,} training images")
