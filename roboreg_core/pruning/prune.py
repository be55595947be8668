"""Prunes a whole network to a schedule: every block clustered, merged and rebuilt, then recalibrated if asked."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

from roboreg_core.data.images import Images
from roboreg_core.errors import ScheduleError, SpecError
from roboreg_core.model.resnet import ResNet20
from roboreg_core.pruning.cluster import cluster
from roboreg_core.pruning.merge import METHODS, Inner
from roboreg_core.pruning.recalibrate import recalibrate
from roboreg_core.schedule import Schedule
from roboreg_core.seeding import derive, torch_generator

MAX_CALIBRATION = 10_000


@dataclass(frozen=True, kw_only=True)
class PruneSpec:
    """How to prune.

    Attributes:
        method: `merge` or `source`, see `METHODS`.
        recalibrate: estimate batch norm's statistics anew afterwards.
        calibration: how many training images that takes, 1..10000.
        seed: of the clustering and of the choice of calibration images.
    """

    method: str = "merge"
    recalibrate: bool = True
    calibration: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SpecError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if not 1 <= self.calibration <= MAX_CALIBRATION:
            raise SpecError(f"calibration images must be 1..{MAX_CALIBRATION}, got {self.calibration}")
        if not 0 <= self.seed < 2**31:
            raise SpecError(f"seed must be 0..{2**31 - 1}, got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class BlockReport:
    """What became of one block's filters.

    Attributes:
        block: 1..9.
        before, asked, kept: filters before, clusters asked for, filters kept.
        distinct: different filters before.
        dead: filters whose channel was constant before.
        labels: cluster of each filter before.
    """

    block: int
    before: int
    asked: int
    kept: int
    distinct: int
    dead: int
    labels: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {**asdict(self), "labels": list(self.labels)}


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
    """Merge the filters of each block into the clusters that `schedule` asks for; `model` is not changed.

    Where a block has fewer distinct filters than asked for, fewer are kept, and `notes` says so.

    Args:
        model: dense, or pruned less than `schedule`.
        schedule: clusters a block.
        spec: how.
        calibration: training images to draw from, needed where `spec.recalibrate`.
        device: where to recalibrate.

    Raises:
        ScheduleError: where a block would have to grow.
        SpecError: where calibration images are needed and missing.
    """
    _check(model, schedule, spec, calibration)
    started = time.perf_counter()
    inners, reports = [], []
    for number, (block, k) in enumerate(zip(model.blocks, schedule, strict=True), start=1):
        inner, report = _prune_block(Inner.of(block), number, k, spec)
        inners.append(inner)
        reports.append(report)
    pruned = _rebuild(model, inners)
    # Where every filter stays there is nothing to repair: the network is returned as it was.
    if spec.recalibrate and pruned.schedule != model.schedule:
        assert calibration is not None
        pruned = recalibrate(pruned, draw_calibration(calibration, spec), device=device)
    return Pruned(
        model=pruned.eval(),
        blocks=tuple(reports),
        notes=tuple(note for report in reports for note in _notes(report)),
        seconds=time.perf_counter() - started,
    )


def draw_calibration(images: Images, spec: PruneSpec) -> Images:
    """The `spec.calibration` training images that the seed draws from `images` (all of them where there are fewer)."""
    order = torch.randperm(len(images), generator=torch_generator(spec.seed, "calibration"))
    rows = order[: spec.calibration]
    return images.take(rows, f"{len(rows):,} calibration images")


def _check(model: ResNet20, schedule: Schedule, spec: PruneSpec, calibration: Images | None) -> None:
    for block, (has, wanted) in enumerate(zip(model.schedule, schedule, strict=True), start=1):
        if wanted > has:
            raise ScheduleError(
                f"cluster count for block {block} must be 1..{has}, what this network has, got {wanted}; "
                "lower it or start from the dense network"
            )
    if spec.recalibrate and (calibration is None or len(calibration) == 0):
        raise SpecError("recalibration needs training images, got none; hand some over or leave it out")


def _prune_block(inner: Inner, number: int, k: int, spec: PruneSpec) -> tuple[Inner, BlockReport]:
    method = METHODS[spec.method]
    before = len(inner.conv1)
    clusters = cluster(method.features(inner).numpy(), k, derive(spec.seed, "cluster", number))
    merged = inner if clusters.count == before else method.merge(inner, torch.from_numpy(clusters.labels))
    dead = int(((inner.conv1.flatten(1).abs().amax(1) * inner.gamma.abs()) == 0).sum())
    report = BlockReport(
        block=number,
        before=before,
        asked=k,
        kept=clusters.count,
        distinct=clusters.distinct,
        dead=dead,
        labels=tuple(int(label) for label in clusters.labels),
    )
    return merged, report


def _rebuild(model: ResNet20, inners: list[Inner]) -> ResNet20:
    small = ResNet20(Schedule(tuple(len(inner.conv1) for inner in inners)), model.normalisation)
    state = small.state_dict()
    same = {name: tensor for name, tensor in model.state_dict().items() if tensor.shape == state[name].shape}
    small.load_state_dict(same, strict=False)
    for block, inner in zip(small.blocks, inners, strict=True):
        inner.put_into(block)
    return small


def _notes(report: BlockReport) -> list[str]:
    notes = []
    if report.kept < report.asked:
        notes.append(
            f"block {report.block} keeps {report.kept} filters, not {report.asked}: only {report.distinct} are distinct"
        )
    if report.dead:
        notes.append(f"block {report.block} had {report.dead} dead filters, whose channel never changes")
    return notes
