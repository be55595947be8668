"""What the dense network answers on calibration images: computed once, the target of everything that is solved."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.datasets.images import Images
from roboreg_core.models.resnet import ResNet20
from roboreg_core.pruning.patches import draw_places, values
from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE
from roboreg_core.seeding import torch_generator

BATCH_SIZE = 250
# Places looked at in each image, by stage, of 1024, 256 and 64: neighbouring pixels tell much the same.
PLACES = (16, 8, 6)
# Images (n, channels, h, w) in parts of `BATCH_SIZE`, a tensor each: as a whole they would be copied together.
Parts = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseActivations:
    """One block of the dense network at some places of every image.

    Attributes:
        places: int (n, count), pixels of the block's output.
        channels: (n * count, width), conv1's channels before their ReLU.
        outputs: (n * count, outputs), the block's output before its ReLU.
    """

    places: Tensor
    channels: Tensor
    outputs: Tensor

    def take(self, images: slice) -> DenseActivations:
        """The answers to some of the images."""
        count = self.places.shape[1]
        rows = slice(images.start * count, images.stop * count)
        return DenseActivations(places=self.places[images], channels=self.channels[rows], outputs=self.outputs[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseReference:
    """The dense network on the calibration images.

    Attributes:
        inputs: what the first block sees, (n, 16, 32, 32) in parts; it is the same in a pruned network.
        blocks: answers of the nine blocks.
        logits: (n, 10).
    """

    inputs: Parts
    blocks: tuple[DenseActivations, ...]
    logits: Tensor


@torch.no_grad()
def reference(model: ResNet20, images: Images, seed: int, device: torch.device | str = "cpu") -> DenseReference:
    """Run `images` through a copy of the dense network on `device`; `seed` draws the places."""
    model = copy.deepcopy(model).eval().to(device).to(memory_format=torch.channels_last)
    places = [
        draw_places(len(images), 32 >> stage, PLACES[stage], torch_generator(seed, "places", number)).to(device)
        for number, stage in ((number, number // BLOCKS_PER_STAGE) for number in range(len(model.blocks)))
    ]
    stems, logits = [], []
    seen: list[list[tuple[Tensor, Tensor]]] = [[] for _ in model.blocks]
    for rows in torch.arange(len(images)).split(BATCH_SIZE):
        x = F.relu(model.bn1(model.conv1(model.prepare(images.pixels[rows].to(device)))))
        stems.append(x)
        for block, where, kept in zip(model.blocks, places, seen, strict=True):
            channels = block.bn1(block.conv1(x))
            outputs = block.bn2(block.conv2(channels.relu())) + block.shortcut(x)
            kept.append((values(channels, where[rows]), values(outputs, where[rows])))
            x = outputs.relu()
        logits.append(model.linear(x.mean((2, 3))))
    blocks = tuple(
        DenseActivations(
            places=where, channels=torch.cat([a for a, _ in kept]), outputs=torch.cat([b for _, b in kept])
        )
        for where, kept in zip(places, seen, strict=True)
    )
    return DenseReference(inputs=tuple(stems), blocks=blocks, logits=torch.cat(logits))
