"""Activations of the dense network on the calibration images: the targets of least-squares reconstruction."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.datasets.images import Images
from roboreg_core.models.costs import IMAGE_SIZE
from roboreg_core.models.resnet import ResNet20
from roboreg_core.pruning.patches import draw_places, values
from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE
from roboreg_core.seeding import torch_generator

BATCH_SIZE = 250
# Sampled pixels per image and stage, of 1024, 256 and 64 (as in ThiNet): neighbouring pixels are nearly redundant.
PLACES = (16, 8, 6)
# Activations (n, channels, h, w) of all images as batches of at most `BATCH_SIZE`; concatenation would copy them.
Batches = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseActivations:
    """Activations of one dense block at sampled pixels of every image.

    Attributes:
        places: row-major indices of pixels of the block's output, int (n, count).
        channels: output of bn1, before the ReLU, (n * count, width).
        outputs: the block's output before its last ReLU, (n * count, outputs).
    """

    places: Tensor
    channels: Tensor
    outputs: Tensor

    def take(self, images: slice) -> DenseActivations:
        """The activations on some of the images."""
        count = self.places.shape[1]
        rows = slice(images.start * count, images.stop * count)
        return DenseActivations(places=self.places[images], channels=self.channels[rows], outputs=self.outputs[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseReference:
    """Activations of the dense network on the calibration images.

    Attributes:
        inputs: output of the stem, which pruning does not change, (n, 16, 32, 32) in batches.
        blocks: activations of each block.
        logits: (n, classes).
    """

    inputs: Batches
    blocks: tuple[DenseActivations, ...]
    logits: Tensor


@torch.no_grad()
def dense_reference(model: ResNet20, images: Images, seed: int, device: torch.device | str = "cpu") -> DenseReference:
    """Record the activations of a copy of `model` on `device`; `seed` draws the sampled pixels."""
    model = copy.deepcopy(model).eval().to(device).to(memory_format=torch.channels_last)
    places = [
        draw_places(len(images), IMAGE_SIZE >> stage, PLACES[stage], torch_generator(seed, "places", index)).to(device)
        for index, stage in ((index, index // BLOCKS_PER_STAGE) for index in range(len(model.blocks)))
    ]
    stems, logits = [], []
    sampled: list[list[tuple[Tensor, Tensor]]] = [[] for _ in model.blocks]
    for rows in torch.arange(len(images)).split(BATCH_SIZE):
        x = F.relu(model.bn1(model.conv1(model.prepare(images.pixels[rows].to(device)))))
        stems.append(x)
        for block, pixels, batches in zip(model.blocks, places, sampled, strict=True):
            channels = block.bn1(block.conv1(x))
            outputs = block.bn2(block.conv2(channels.relu())) + block.shortcut(x)
            batches.append((values(channels, pixels[rows]), values(outputs, pixels[rows])))
            x = outputs.relu()
        logits.append(model.linear(x.mean((2, 3))))
    blocks = tuple(
        DenseActivations(
            places=pixels, channels=torch.cat([a for a, _ in batches]), outputs=torch.cat([b for _, b in batches])
        )
        for pixels, batches in zip(places, sampled, strict=True)
    )
    return DenseReference(inputs=tuple(stems), blocks=blocks, logits=torch.cat(logits))
