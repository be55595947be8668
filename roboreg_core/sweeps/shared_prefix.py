"""Measure many schedules with shared computation of their common first blocks.

Schedules form a prefix tree. Blocks of a common prefix are pruned once (`Pruner`) and evaluated once. The tree is
traversed depth-first; activations are cached at the depths where it branches, within a memory limit.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from roboreg_core.architecture import Architecture
from roboreg_core.datasets.images import Images
from roboreg_core.device import keep_freed_memory
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import BATCH_SIZE, inference_model
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.prune import Pruner
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.points import ClassCounts, Point

VALIDATION, TEST = "validation", "test"
# Activations of 12,000 images after stage 1 take 0.8 GB; the original project's grid needs 1.2 GB.
MEMORY_BYTES = 3 * 2**30


def measure_schedules(
    pruner: Pruner,
    schedules: Iterable[Schedule],
    sets: Mapping[str, Images],
    *,
    on_block: Callable[[int], None] = lambda number: None,
    memory_bytes: int = MEMORY_BYTES,
) -> Iterator[Point]:
    """Prune and measure each distinct schedule in float32; yield the points in lexicographic order.

    Args:
        pruner: prunes the dense network; its spec gives the points' settings.
        schedules: schedules in any order.
        sets: images to measure on, by name: `validation`, `test` or both.
        on_block: called with a block's number before it is pruned, and with 0 before each batch; it may raise to stop.
        memory_bytes: limit for cached activations, without those of the pruner.

    Raises `SpecError`: `sets` is empty or has another name.
    """
    if not sets or set(sets) - {VALIDATION, TEST}:
        raise SpecError(f"points are measured on {VALIDATION} and {TEST} images, got {', '.join(sets) or 'none'}")
    total = sum(len(images) for images in sets.values())
    evaluators = {
        name: SharedPrefixEvaluator(images, pruner.device, memory_bytes * len(images) // total)
        for name, images in sets.items()
    }
    order = sorted(set(schedules), key=lambda schedule: schedule.counts)
    spec = pruner.spec
    for schedule, depths in zip(order, _branches(order), strict=True):
        started = time.perf_counter()
        pruned = pruner.prune(schedule, on_block=on_block, branches=depths)
        network = inference_model(pruned.model, pruner.device)
        counts = {
            name: ClassCounts.of(
                each.logits(network, depths, lambda: on_block(0)).argmax(1),
                each.images.labels,
                len(each.images.classes),
            )
            for name, each in evaluators.items()
        }
        yield Point(
            schedule=schedule,
            kept=pruned.model.schedule,
            validation=counts.get(VALIDATION),
            test=counts.get(TEST),
            seconds=time.perf_counter() - started,
            seed=spec.seed,
            method=spec.method,
            recalibrate=spec.recalibrate,
            calibration=spec.calibration,
        )


@dataclass(frozen=True, eq=False)
class _CachedActivations:
    """Outputs of the first `depth` blocks, one tensor (batch, channels, h, w) per batch."""

    depth: int
    nbytes: int
    outputs: list[Tensor] = field(default_factory=list)


class SharedPrefixEvaluator:
    """Evaluate successive networks on the same images, each from the first block that differs from the network before.

    Args:
        images: the images to evaluate on.
        device: device of the forward passes.
        memory_bytes: limit on the cached outputs of blocks.
    """

    def __init__(self, images: Images, device: torch.device, memory_bytes: int) -> None:
        self.images = images
        self._device = device
        self._memory_bytes = memory_bytes
        self._network: ResNet | None = None
        self._kept: list[_CachedActivations] = []

    @torch.inference_mode()
    def logits(self, network: ResNet, branches: Sequence[int], on_batch: Callable[[], None]) -> Tensor:
        """Logits (n, classes) on the CPU, equal to those of `evaluation.logits.logits`.

        Args:
            network: network with batch norm folded, on the device, channels last.
            branches: numbers of blocks after which a later network differs, whose outputs are cached.
            on_batch: called before each batch; may raise to stop.
        """
        if self._device.type == "cpu":
            keep_freed_memory()
        common = _common(self._network, network)
        self._network = None  # invalid if this is interrupted
        self._kept = [kept for kept in self._kept if kept.depth <= common]
        start = self._kept[-1] if self._kept else None
        begun = start.depth if start is not None else 0
        fresh = self._allocate(network, [depth for depth in branches if depth > begun])
        out: list[Tensor] = []
        for number, pixels in enumerate(self.images.pixels.split(BATCH_SIZE)):
            on_batch()
            if start is not None:
                x = start.outputs[number]
            else:
                x = network.stem(network.prepare(pixels.to(self._device, non_blocking=True)))
            depth = begun
            for kept in fresh:
                x = network.through(x, depth, kept.depth)
                kept.outputs.append(x)
                depth = kept.depth
            out.append(network.head(network.through(x, depth)).cpu())
        self._kept += fresh
        self._network = network
        return torch.cat(out)

    def _allocate(self, network: ResNet, depths: Sequence[int]) -> list[_CachedActivations]:
        """Empty caches for these depths by increasing depth; if memory is short, for the deepest only."""
        left = self._memory_bytes - sum(kept.nbytes for kept in self._kept)
        allocated: list[_CachedActivations] = []
        for depth in sorted(depths, reverse=True):
            needed = 4 * len(self.images) * math.prod(_output_shape(network.architecture, depth))
            if needed <= left:
                allocated.append(_CachedActivations(depth, needed))
                left -= needed
        return allocated[::-1]


def _output_shape(architecture: Architecture, depth: int) -> tuple[int, int, int]:
    """Channels, height and width of the output of the first `depth` blocks."""
    stage = architecture.stage_of(depth) - 1
    size = architecture.stage_sizes[stage]
    return architecture.stage_widths[stage], size, size


def _common(before: ResNet | None, network: ResNet) -> int:
    """Number of equal first blocks of two folded networks; 0 if their stems differ."""
    if before is None or not _equal(before.conv1, network.conv1):
        return 0
    pairs = zip(before.blocks, network.blocks, strict=True)
    return next((count for count, (one, other) in enumerate(pairs) if not _equal(one, other)), len(network.blocks))


def _equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def _branches(order: Sequence[Schedule]) -> list[list[int]]:
    """For each schedule the depths of its prefixes at which later schedules branch off, deepest first."""
    agree = [one.shared_blocks(other) for one, other in itertools.pairwise(order)]
    found: list[list[int]] = []
    following: list[int] = []
    for depth in [0, *reversed(agree)] if order else []:
        # After a branch at `depth`, deeper activations are no longer needed.
        following = [*([depth] if depth else []), *(each for each in following if each < depth)]
        found.append(following)
    return found[::-1]
