"""Pruning of a network to a schedule, block by block, each on the output of the pruned blocks before it."""

import copy
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import torch

from roboreg_core.datasets.images import Images
from roboreg_core.device import keep_freed_memory
from roboreg_core.errors import SpecError
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.block_context import BlockContext
from roboreg_core.pruning.calibration import ActivationBatches, DenseReference, dense_reference
from roboreg_core.pruning.last_layer import fit_last_layer
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD, Method, parse
from roboreg_core.pruning.prune_block import BlockReport, PrunedBlock, advance, prune_block
from roboreg_core.pruning.recalibrate import recalibrate
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.seeding import torch_generator

MAX_CALIBRATION = 10_000


@dataclass(frozen=True, kw_only=True)
class PruneSpec:
    """Settings of pruning.

    Attributes:
        method: a name or a composition, see `pruning.methods`.
        recalibrate: estimate batch-norm statistics again after pruning.
        calibration: number of training images for methods that need any, 1..MAX_CALIBRATION.
        seed: seed for clustering, and for drawing calibration images and the pixels sampled in them.
    """

    method: str = DEFAULT_METHOD
    recalibrate: bool = False
    calibration: int = DEFAULT_CALIBRATION
    seed: int = 0

    def __post_init__(self) -> None:
        parse(self.method)
        if not 1 <= self.calibration <= MAX_CALIBRATION:
            raise SpecError(f"calibration images must be 1..{MAX_CALIBRATION}, got {self.calibration}")
        if not 0 <= self.seed < 2**31:
            raise SpecError(f"seed must be 0..{2**31 - 1}, got {self.seed}")

    @property
    def needs_images(self) -> bool:
        """True if calibration images are needed."""
        return self.recalibrate or parse(self.method).needs_images


@dataclass(frozen=True, kw_only=True, eq=False)
class Pruned:
    """A pruned network.

    Attributes:
        model: the smaller network.
        blocks: report of each block; empty if single weights were pruned.
        notes: sentences about blocks that keep fewer filters than requested, and about dead filters.
        seconds: duration of pruning.
    """

    model: ResNet
    blocks: tuple[BlockReport, ...]
    notes: tuple[str, ...]
    seconds: float


def prune(
    model: ResNet,
    schedule: Schedule,
    spec: PruneSpec,
    *,
    calibration: Images | None = None,
    device: torch.device | str = "cpu",
) -> Pruned:
    """Prune a copy of `model`; see `Pruner` for arguments and errors."""
    return Pruner(model, spec, calibration=calibration, device=device).prune(schedule, branches=())


class Pruner:
    """Prune one network to several schedules, one at a time.

    The dense network's activations are computed once. A schedule costs only the blocks from the first that differs from
    the schedule before it, and in that block a solve without a pass over images.
    """

    def __init__(
        self,
        model: ResNet,
        spec: PruneSpec,
        *,
        calibration: Images | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Copy the network and draw the calibration images.

        Args:
            model: dense, or with at least the filters of all later schedules.
            spec: settings of pruning.
            calibration: training images to draw from; needed if `spec.needs_images`.
            device: device of the forward passes.

        Raises `SpecError`: calibration images are needed and missing.
        """
        if spec.needs_images and (calibration is None or len(calibration) == 0):
            raise SpecError(f"method {spec.method} with these repairs needs training images, got none; provide some")
        self.model = copy.deepcopy(model).eval()
        self.spec = spec
        self.method: Method = parse(spec.method)
        self.device = torch.device(device)
        for block in self.model.blocks:
            # Option-B shortcuts are applied to activations on the device; all other weights are solved for on the CPU.
            block.shortcut.to(self.device)
        self.images = draw_calibration(calibration, spec) if spec.needs_images and calibration is not None else None
        self._reference: DenseReference | None = None
        self._contexts: dict[int, BlockContext] = {}
        self._pruned: list[PrunedBlock] = []
        # Output of the last pruned block on the calibration images; None before the first, and without images.
        self._outputs: ActivationBatches | None = None

    def warm(self) -> None:
        """Compute the dense network's activations, if the method needs them, before the first `prune`."""
        if self._reference is None and self.method.needs_images:
            assert self.images is not None
            if self.device.type == "cpu":
                keep_freed_memory()
            self._reference = dense_reference(self.model, self.images, self.spec.seed, self.device)

    @torch.no_grad()
    def prune(
        self,
        schedule: Schedule,
        *,
        on_block: Callable[[int], None] = lambda number: None,
        branches: Collection[int] | None = None,
    ) -> Pruned:
        """Prune to `schedule`. A block with fewer distinct filters than requested may keep fewer.

        Args:
            schedule: filters to keep per block.
            on_block: called with the number of each block before it is pruned; may raise to stop.
            branches: numbers of the blocks after which later schedules may differ from this one, None if unknown. To
                save memory, state for them is kept only there and at the first block.

        Raises `ScheduleError`: a block has fewer filters than requested, or the schedule is for another architecture.
        """
        schedule.check_within(self.model.schedule)
        started = time.perf_counter()
        self.warm()
        for number, k in list(enumerate(schedule, start=1))[self._rewind(schedule) :]:
            on_block(number)
            self._prune_block(number, k)
            if number > 1 and branches is not None and number - 1 not in branches:
                del self._contexts[number]
        small = self._rebuild()
        if self.spec.recalibrate and self._pruned[-1].changed:
            assert self.images is not None
            small = recalibrate(small, self.images, device=self.device)
        reports = tuple(block.report for block in self._pruned)
        return Pruned(
            model=small.eval(),
            blocks=reports,
            notes=tuple(note for report in reports for note in _notes(report)),
            seconds=time.perf_counter() - started,
        )

    def _rewind(self, schedule: Schedule) -> int:
        """Drop the state after the deepest block from which `schedule` can continue; return its number, 0 for none."""
        pairs = enumerate(zip(self._pruned, schedule, strict=False))
        equal = next((i for i, (block, k) in pairs if block.report.asked != k), len(self._pruned))
        if equal == len(schedule.counts):
            return equal
        depth = max((number - 1 for number in self._contexts if number - 1 <= equal), default=0)
        del self._pruned[depth:]
        self._contexts = {number: context for number, context in self._contexts.items() if number - 1 <= depth}
        self._outputs = None
        return depth

    def _prune_block(self, number: int, k: int) -> None:
        context = self._contexts[number] = self._contexts.get(number) or self._context(number)
        pruned = prune_block(context, k)
        # The output of the last block is only needed to fit the last layer.
        needed = number < len(self.model.blocks) or ("refit" in self.method.repair and pruned.changed)
        self._outputs = advance(context, pruned) if needed and self._reference is not None else None
        self._pruned.append(replace(pruned, channels=()))

    def _context(self, number: int) -> BlockContext:
        block = self.model.blocks[number - 1]
        if self._reference is None:
            return BlockContext(number, block, self.method, self.spec.seed)
        return BlockContext(
            number,
            block,
            self.method,
            self.spec.seed,
            inputs=self._reference.inputs if number == 1 else self._outputs,
            dense=self._reference.blocks[number - 1],
            upstream_changed=number > 1 and self._pruned[-1].changed,
        )

    def _rebuild(self) -> ResNet:
        widths = tuple(block.tensors.width for block in self._pruned)
        small = ResNet(Schedule(widths, self.model.architecture), self.model.normalisation)
        state = small.state_dict()
        same = {name: part for name, part in self.model.state_dict().items() if part.shape == state[name].shape}
        small.load_state_dict(same, strict=False)
        for block, pruned in zip(small.blocks, self._pruned, strict=True):
            pruned.tensors.put_into(block)
            pruned.output_norm.put_into(block.bn2)
        if "refit" in self.method.repair and self._pruned[-1].changed:
            self._refit_linear(small)
        return small

    def _refit_linear(self, small: ResNet) -> None:
        """Fit the last layer of `small` to the dense network's logits, in place."""
        assert self._outputs is not None
        assert self._reference is not None
        start = torch.cat([small.linear.weight.T, small.linear.bias[None]])
        features = torch.cat([batch.mean((2, 3)) for batch in self._outputs])
        solved = fit_last_layer(features, self._reference.logits, start)
        small.linear.weight.copy_(solved[:-1].T)
        small.linear.bias.copy_(solved[-1])


def draw_calibration(images: Images, spec: PruneSpec) -> Images:
    """Draw `spec.calibration` of `images` at random with `spec.seed`; all of them, shuffled, if there are fewer."""
    order = torch.randperm(len(images), generator=torch_generator(spec.seed, "calibration"))
    rows = order[: spec.calibration]
    return images.take(rows, f"{len(rows):,} calibration images")


def _notes(report: BlockReport) -> list[str]:
    notes = []
    if report.kept < report.asked:
        notes.append(
            f"block {report.block} keeps {report.kept} filters, not {report.asked}: only {report.distinct} are distinct"
        )
    if report.dead:
        notes.append(f"block {report.block} had {report.dead} dead filters, whose channel never changes")
    return notes
