"""Measures many schedules, sharing what they have in common.

Schedules are the leaves of a tree: those that agree in their first blocks go through the same pruned blocks, which are
pruned once (`Pruner`) and run over the images once. The tree is walked depth first, in lexicographic order; activations
are kept behind the blocks where the walk branches later, within a budget of memory.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from roboreg_core.datasets.images import Images
from roboreg_core.device import keep_freed_memory
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import BATCH_SIZE, inference_model
from roboreg_core.models.resnet import BasicBlock, ResNet20
from roboreg_core.pruning.prune import Pruner
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.points import ClassCounts, Point

VALIDATION, TEST = "validation", "test"
# Behind stage 1, activations of 12,000 images take 0.8 GB; the source project's grid needs 1.2 GB.
MEMORY_BYTES = 3 * 2**30


def walk(
    pruner: Pruner,
    schedules: Iterable[Schedule],
    sets: Mapping[str, Images],
    *,
    on_block: Callable[[int], None] = lambda number: None,
    memory_bytes: int = MEMORY_BYTES,
) -> Iterator[Point]:
    """Prune and measure each schedule once, in lexicographic order, in float32.

    Args:
        pruner: how to prune what; the points' setting is read from its spec.
        schedules: in any order.
        sets: the images to measure on, as `validation`, `test` or both.
        on_block: told the number of each block before it is pruned, and 0 before each evaluated batch; it may raise to
            stop.
        memory_bytes: for activations that are kept, beside those of the pruner.

    Raises:
        SpecError: `sets` is empty or holds another name.
    """
    if not sets or set(sets) - {VALIDATION, TEST}:
        raise SpecError(f"points are measured on {VALIDATION} and {TEST} images, got {', '.join(sets) or 'none'}")
    total = sum(len(images) for images in sets.values())
    trails = {
        name: SharedPrefixEvaluator(images, pruner.device, memory_bytes * len(images) // total)
        for name, images in sets.items()
    }
    order = sorted(set(schedules), key=lambda schedule: schedule.clusters)
    branches = _branches(order)
    spec = pruner.spec
    for schedule, depths in zip(order, branches, strict=True):
        started = time.perf_counter()
        pruned = pruner.prune(schedule, on_block=on_block, branches=depths)
        network = inference_model(pruned.model, pruner.device)
        seen = {
            name: ClassCounts.of(trail.logits(network, depths, lambda: on_block(0)).argmax(1), trail.images.labels)
            for name, trail in trails.items()
        }
        yield Point(
            schedule=schedule,
            kept=pruned.model.schedule,
            validation=seen.get(VALIDATION),
            test=seen.get(TEST),
            seconds=time.perf_counter() - started,
            seed=spec.seed,
            method=spec.method,
            recalibrate=spec.recalibrate,
            calibration=spec.calibration,
        )


@dataclass(frozen=True, eq=False)
class _CachedActivations:
    """What comes out of the first `depth` blocks, (n, channels, h, w) in all, a tensor for each batch."""

    depth: int
    nbytes: int
    outputs: list[Tensor] = field(default_factory=list)


class SharedPrefixEvaluator:
    """Runs one network after another over the same images, beginning where it differs from the one before."""

    def __init__(self, images: Images, device: torch.device, memory_bytes: int) -> None:
        self.images = images
        self._device = device
        self._memory_bytes = memory_bytes
        self._network: ResNet20 | None = None
        self._kept: list[_CachedActivations] = []

    @torch.inference_mode()
    def logits(self, network: ResNet20, branches: Sequence[int], on_batch: Callable[[], None]) -> Tensor:
        """Logits (n, 10) on the CPU, those of `evaluation.logits.logits`.

        Args:
            network: with batch norms folded, on the device, channels last.
            branches: numbers of blocks behind which later networks may differ: what comes out there is kept.
            on_batch: called before each batch.
        """
        if self._device.type == "cpu":
            keep_freed_memory()
        common = _common(self._network, network)
        self._network = None  # so that nothing is believed of it where this is stopped
        self._kept = [kept for kept in self._kept if kept.depth <= common]
        start = self._kept[-1] if self._kept else None
        begun = start.depth if start is not None else 0
        fresh = self._room(network, [depth for depth in branches if depth > begun])
        out: list[Tensor] = []
        for number, pixels in enumerate(self.images.pixels.split(BATCH_SIZE)):
            on_batch()
            x = start.outputs[number] if start is not None else network.stem(self._prepared(network, pixels))
            depth = begun
            for kept in reversed(fresh.values()):  # by rising depth
                x = network.through(x, depth, kept.depth)
                kept.outputs.append(x)
                depth = kept.depth
            out.append(network.head(network.through(x, depth)).cpu())
        self._kept += reversed(fresh.values())  # by rising depth: the next network begins at the last one
        self._network = network
        return torch.cat(out)

    def _prepared(self, network: ResNet20, pixels: Tensor) -> Tensor:
        return network.prepare(pixels.to(self._device, non_blocking=True))

    def _room(self, network: ResNet20, depths: Sequence[int]) -> dict[int, _CachedActivations]:
        """What is to be kept at these depths, the deepest first, as far as the memory goes."""
        left = self._memory_bytes - sum(kept.nbytes for kept in self._kept)
        room: dict[int, _CachedActivations] = {}
        for depth in sorted(depths, reverse=True):
            needed = 4 * len(self.images) * math.prod(_output_shape(network.blocks[:depth]))
            if needed <= left:
                room[depth] = _CachedActivations(depth, needed)
                left -= needed
        return room


def _output_shape(blocks: Sequence[BasicBlock]) -> tuple[int, int, int]:
    """Channels, height and width behind these blocks, for images of 32 x 32."""
    size = 32
    for block in blocks:
        size //= block.conv1.stride[0]
    return blocks[-1].conv2.out_channels, size, size


def _common(before: ResNet20 | None, network: ResNet20) -> int:
    """How many first blocks of two folded networks compute the very same; 0 where their stems differ."""
    if before is None or not _equal(before.conv1, network.conv1):
        return 0
    count = 0
    for one, other in zip(before.blocks, network.blocks, strict=True):
        if not (_equal(one.conv1, other.conv1) and _equal(one.conv2, other.conv2)):
            break
        count += 1
    return count


def _equal(one: torch.nn.Conv2d, other: torch.nn.Conv2d) -> bool:
    assert one.bias is not None
    assert other.bias is not None
    return torch.equal(one.weight, other.weight) and torch.equal(one.bias, other.bias)


def _branches(order: Sequence[Schedule]) -> list[list[int]]:
    """For each schedule the depths at which the walk, going on from it, will branch; deepest first."""
    agree = [one.shared_blocks(other) for one, other in itertools.pairwise(order)]
    found: list[list[int]] = []
    following: list[int] = []
    for depth in [0, *reversed(agree)] if order else []:
        # Behind a branch at `depth`, nothing deeper is of use any more.
        following = [*([depth] if depth else []), *(each for each in following if each < depth)]
        found.append(following)
    return found[::-1]
