"""Activations of the dense network on the calibration images: the targets of least-squares reconstruction."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from roboreg_core.datasets.images import Images
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.patches import draw_pixels, pixel_values
from roboreg_core.seeding import torch_generator

BATCH_SIZE = 250
# Sampled pixels per image, by stage (as in ThiNet), of 1024, 256 and 64 at 32 x 32: neighbouring pixels are nearly
# redundant.
PIXELS_PER_IMAGE = (16, 8, 6)
# Activations (n, channels, h, w) of all images as batches of at most `BATCH_SIZE`; concatenation would copy them.
ActivationBatches = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseActivations:
    """Activations of one dense block at sampled pixels of every image.

    Attributes:
        pixels: row-major indices into the block's output, int (n, count).
        channels: output of bn1, before the ReLU, (n * count, width).
        outputs: the block's output before its last ReLU, (n * count, outputs).
    """

    pixels: Tensor
    channels: Tensor
    outputs: Tensor

    def take(self, images: slice) -> DenseActivations:
        """The activations on a slice (start and stop) of the images."""
        count = self.pixels.shape[1]
        rows = slice(images.start * count, images.stop * count)
        return DenseActivations(pixels=self.pixels[images], channels=self.channels[rows], outputs=self.outputs[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseReference:
    """Activations of the dense network on the calibration images.

    Attributes:
        inputs: output of the stem, which pruning does not change, (n, base width, h, w) in batches.
        blocks: activations of each block.
        logits: (n, classes).
    """

    inputs: ActivationBatches
    blocks: tuple[DenseActivations, ...]
    logits: Tensor


@torch.no_grad()
def dense_reference(model: ResNet, images: Images, seed: int, device: torch.device | str = "cpu") -> DenseReference:
    """Compute the activations of a copy of `model` on `images`, on `device`; `seed` determines the sampled pixels."""
    model = copy.deepcopy(model).eval().to(device).to(memory_format=torch.channels_last)
    n_images, n_blocks = len(images), len(model.blocks)
    stages = [model.architecture.stage_of(block) - 1 for block in model.architecture.blocks]
    sizes = model.architecture.stage_sizes
    pixels = [
        draw_pixels(n_images, sizes[stage], PIXELS_PER_IMAGE[stage], torch_generator(seed, "places", index))
        for index, stage in enumerate(stages)
    ]
    pixels = [of_block.to(device) for of_block in pixels]
    stems, logits = [], []
    channels: list[list[Tensor]] = [[] for _ in range(n_blocks)]
    outputs: list[list[Tensor]] = [[] for _ in range(n_blocks)]
    for rows in torch.arange(n_images).split(BATCH_SIZE):
        x = model.stem(model.prepare(images.pixels[rows].to(device)))
        stems.append(x)
        for index, block in enumerate(model.blocks):
            before = block.bn1(block.conv1(x))
            out = block.bn2(block.conv2(before.relu())) + block.shortcut(x)
            channels[index].append(pixel_values(before, pixels[index][rows]))
            outputs[index].append(pixel_values(out, pixels[index][rows]))
            x = out.relu()
        logits.append(model.head(x))
    blocks = tuple(
        DenseActivations(pixels=pixels[index], channels=torch.cat(channels[index]), outputs=torch.cat(outputs[index]))
        for index in range(n_blocks)
    )
    return DenseReference(inputs=tuple(stems), blocks=blocks, logits=torch.cat(logits))
