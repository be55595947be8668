"""Prunes a whole network to a schedule, block by block, each behind the already pruned ones."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import torch

from roboreg_core.datasets.images import Images
from roboreg_core.device import keep_freed_memory
from roboreg_core.errors import ScheduleError, SpecError
from roboreg_core.models.resnet import ResNet20
from roboreg_core.pruning.block_context import BlockContext
from roboreg_core.pruning.calibration import DenseReference, Parts, reference
from roboreg_core.pruning.last_layer import fit_last_layer
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD, Method, parse
from roboreg_core.pruning.prune_block import BlockReport, PrunedBlock, advance, prune_block
from roboreg_core.pruning.recalibrate import recalibrate
from roboreg_core.schedules.schedule import N_BLOCKS, Schedule
from roboreg_core.seeding import torch_generator

MAX_CALIBRATION = 10_000
ALL_BLOCKS = range(1, N_BLOCKS + 1)


@dataclass(frozen=True, kw_only=True)
class PruneSpec:
    """How to prune.

    Attributes:
        method: a name or a composition, see `pruning.method`.
        recalibrate: estimate batch norm's statistics anew afterwards.
        calibration: how many training images are looked at, where any are, 1..10000.
        seed: of the clustering, of the choice of calibration images and of the places looked at in them.
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
        """True where calibration images are looked at."""
        return self.recalibrate or parse(self.method).needs_images


@dataclass(frozen=True, kw_only=True, eq=False)
class Pruned:
    """The smaller network and how it came about. `notes` says what was not as asked."""

    model: ResNet20
    blocks: tuple[BlockReport, ...]
    notes: tuple[str, ...]
    seconds: float


def prune(
    model: ResNet20,
    schedule: Schedule,
    spec: PruneSpec,
    *,
    calibration: Images | None = None,
    device: torch.device | str = "cpu",
) -> Pruned:
    """Prune a copy of `model`; see `Pruner` for the arguments and errors."""
    return Pruner(model, spec, calibration=calibration, device=device).prune(schedule)


@dataclass(frozen=True, kw_only=True, eq=False)
class _PrunedTo:
    """A block that was pruned to `k`."""

    k: int
    pruned: PrunedBlock


class Pruner:
    """Prunes one network to one schedule after another, and keeps what they share.

    The dense network's answers are computed once; a schedule costs only the blocks from the first on that differs from
    the schedule before it, and at that block no pass over the images but a solve.
    """

    def __init__(
        self,
        model: ResNet20,
        spec: PruneSpec,
        *,
        calibration: Images | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Keep a network and how to prune it.

        Args:
            model: dense, or pruned less than the schedules to come; not changed.
            spec: how.
            calibration: training images to draw from, needed where `spec.needs_images`.
            device: where images run through networks.

        Raises:
            SpecError: where calibration images are needed and missing.
        """
        if spec.needs_images and (calibration is None or len(calibration) == 0):
            raise SpecError(f"method {spec.method} with these repairs needs training images, got none; hand some over")
        self.model = copy.deepcopy(model).eval()
        self.spec = spec
        self.method: Method = parse(spec.method)
        self.device = torch.device(device)
        self.images = draw_calibration(calibration, spec) if spec.needs_images and calibration is not None else None
        self._reference: DenseReference | None = None
        self._sites: dict[int, BlockContext] = {}
        self._done: list[_PrunedTo] = []
        # What the last pruned block answers to the calibration images; None before the first, and without images.
        self._outputs: Parts | None = None

    def warm(self) -> None:
        """Compute what every schedule needs."""
        if self._reference is None and self.method.needs_images:
            assert self.images is not None
            if self.device.type == "cpu":
                keep_freed_memory()
            self._reference = reference(self.model, self.images, self.spec.seed, self.device)

    @torch.no_grad()
    def prune(
        self,
        schedule: Schedule,
        *,
        on_block: Callable[[int], None] = lambda number: None,
        branches: Collection[int] = ALL_BLOCKS,
    ) -> Pruned:
        """The network pruned to `schedule`. Where a block has fewer distinct filters than asked for, fewer may be kept.

        Args:
            schedule: filters to keep, block by block.
            on_block: told the number of each block before it is pruned; it may raise to stop.
            branches: numbers of blocks behind which schedules to come may differ from this one: only there, and at the
                first block, is kept what is needed to go on.

        Raises:
            ScheduleError: where a block would have to grow.
        """
        self._check(schedule)
        started = time.perf_counter()
        self.warm()
        for number, k in list(enumerate(schedule, start=1))[self._go_back(schedule) :]:
            on_block(number)
            self._step(number, k)
            if number > 1 and number - 1 not in branches:
                del self._sites[number]
        small = self._rebuild()
        # Where nothing changed there is nothing to repair: the network computes what it did.
        if self.spec.recalibrate and self._done[-1].pruned.changed:
            assert self.images is not None
            small = recalibrate(small, self.images, device=self.device)
        reports = tuple(done.pruned.report for done in self._done)
        return Pruned(
            model=small.eval(),
            blocks=reports,
            notes=tuple(note for report in reports for note in _notes(report)),
            seconds=time.perf_counter() - started,
        )

    def _go_back(self, schedule: Schedule) -> int:
        """Forget all behind the deepest block, 0 for none, from which `schedule` can go on; returns its number."""
        differ = (i for i, (done, k) in enumerate(zip(self._done, schedule, strict=False)) if done.k != k)
        agree = next(differ, len(self._done))
        if agree == N_BLOCKS:
            return agree
        depth = max((number - 1 for number in self._sites if number - 1 <= agree), default=0)
        del self._done[depth:]
        self._sites = {number: site for number, site in self._sites.items() if number - 1 <= depth}
        self._outputs = None
        return depth

    def _step(self, number: int, k: int) -> None:
        site = self._sites[number] = self._sites.get(number) or self._site(number)
        pruned = prune_block(site, k)
        # Only the last layer's solve reads what the last block answers.
        read = number < N_BLOCKS or ("refit" in self.method.repair and pruned.changed)
        self._outputs = advance(site, pruned) if read and self._reference is not None else None
        self._done.append(_PrunedTo(k=k, pruned=replace(pruned, channels=())))

    def _site(self, number: int) -> BlockContext:
        block = self.model.blocks[number - 1]
        if self._reference is None:
            return BlockContext(number, block, self.method, self.spec.seed)
        inputs = self._reference.inputs if number == 1 else self._outputs
        mended = number > 1 and self._done[-1].pruned.changed
        return BlockContext(
            number, block, self.method, self.spec.seed, inputs, self._reference.blocks[number - 1], mended
        )

    def _rebuild(self) -> ResNet20:
        widths = tuple(done.pruned.inner.width for done in self._done)
        small = ResNet20(Schedule(widths), self.model.normalisation)
        state = small.state_dict()
        same = {name: part for name, part in self.model.state_dict().items() if part.shape == state[name].shape}
        small.load_state_dict(same, strict=False)
        for block, done in zip(small.blocks, self._done, strict=True):
            done.pruned.inner.put_into(block)
            done.pruned.outer.put_into(block)
        if "refit" in self.method.repair and self._done[-1].pruned.changed:
            self._refit_linear(small)
        return small

    def _refit_linear(self, small: ResNet20) -> None:
        """Solve the last layer for the dense network's answers."""
        outputs = self._outputs
        assert outputs is not None
        assert self._reference is not None
        start = torch.cat([small.linear.weight.T, small.linear.bias[None]])
        features = torch.cat([part.mean((2, 3)) for part in outputs])
        solved = fit_last_layer(features, self._reference.logits, start)
        small.linear.weight.copy_(solved[:-1].T)
        small.linear.bias.copy_(solved[-1])

    def _check(self, schedule: Schedule) -> None:
        for block, (has, wanted) in enumerate(zip(self.model.schedule, schedule, strict=True), start=1):
            if wanted > has:
                raise ScheduleError(
                    f"cluster count for block {block} must be 1..{has}, what this network has, got {wanted}; "
                    "lower it or start from the dense network"
                )


def draw_calibration(images: Images, spec: PruneSpec) -> Images:
    """The `spec.calibration` training images that the seed draws from `images` (all of them where there are fewer)."""
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
