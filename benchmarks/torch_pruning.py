"""Torch-Pruning (Fang et al. 2023, DepGraph) on our network and schedules.

Dependency graph, pruner and importance criteria are Torch-Pruning's; only the widths are given.
Run: python -m benchmarks.torch_pruning moderate --importance magnitude-l2 (needs requirements-rivals.txt)
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from torch import nn

from benchmarks import rivals
from benchmarks.common import write_json
from roboreg_core.datasets.cifar10 import IMAGE_SIZE
from roboreg_core.datasets.images import Images
from roboreg_core.datasets.sources import test_images, training_images
from roboreg_core.errors import RoboRegError, ScheduleError, SpecError
from roboreg_core.evaluation.logits import logits
from roboreg_core.evaluation.metrics import report
from roboreg_core.models import checkpoints
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.prune import PruneSpec, draw_calibration, prune
from roboreg_core.pruning.recalibrate import recalibrate as recalibrated
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.seeding import derive, torch_generator

# The release tested with the pinned torch.
VERSION = "1.6.1"
BATCH_SIZE = 250
# Largest difference of two logits: rounding, with weights in another memory order.
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Rival:
    """An importance criterion of Torch-Pruning with its default settings; filters with the lowest scores are removed.

    Attributes:
        name: name in benchmarks.
        meaning: one-line description.
        scorer: creates the criterion from the module `torch_pruning.importance`.
        gradients: computes the gradients that the criterion reads from labelled images; None if it reads weights only.
    """

    name: str
    meaning: str
    scorer: Callable[[Any], Any]
    gradients: Callable[[ResNet, Images], None] | None = None

    @property
    def needs_labels(self) -> bool:
        """True if the criterion needs labelled calibration images."""
        return self.gradients is not None


def rival_prune(model: ResNet, schedule: Schedule, importance: str, *, calibration: Images | None, seed: int) -> ResNet:
    """Remove filters with Torch-Pruning until every block has the schedule's width; `model` is not changed.

    Args:
        model: network on the CPU, not narrower than `schedule`.
        schedule: filters kept per block.
        importance: a name in `RIVALS`.
        calibration: labelled training images, all used; required if the criterion `needs_labels`.
        seed: seed of the criterion `random`.

    Returns:
        A `ResNet` in eval mode that computes the same as Torch-Pruning's network.

    Raises:
        ScheduleError: a block would have to grow.
        SpecError: the importance is unknown, or required calibration images are missing.
        RoboRegError: Torch-Pruning is missing, or its result has other widths.
    """
    rival = _rival(importance)
    _check(model, schedule, rival, calibration)
    package = rivals.load("torch_pruning")
    theirs = copy.deepcopy(model).eval().requires_grad_()
    if rival.gradients is not None:
        assert calibration is not None
        rival.gradients(theirs, calibration)
    _remove_filters(package, theirs, schedule, rival.scorer(package.importance), seed)
    ours = _adopt(theirs, schedule)
    _check_same(ours, theirs, seed)
    return ours


def mean_gradients(model: ResNet, images: Images) -> None:
    """Store the gradient of the mean cross-entropy in each parameter's `grad`."""
    model.zero_grad()
    for pixels, labels in zip(images.pixels.split(BATCH_SIZE), images.labels.split(BATCH_SIZE), strict=True):
        loss = F.cross_entropy(model(model.prepare(pixels)), labels, reduction="sum") / len(images)
        loss.backward()


def mean_squared_gradients(model: ResNet, images: Images) -> None:
    """Store the mean of the squared per-image gradients in each parameter's `grad`, where the criterion reads it.

    Torch-Pruning's `accumulate_grad` is not used: it looks up names among parameters, finds none, and keeps the last
    image only.
    """
    parameters = list(model.parameters())
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    for pixels, labels in zip(images.pixels.split(1), images.labels.split(1), strict=True):
        loss = F.cross_entropy(model(model.prepare(pixels)), labels)
        for total, gradient in zip(sums, torch.autograd.grad(loss, parameters), strict=True):
            total.addcmul_(gradient, gradient)
    for parameter, total in zip(parameters, sums, strict=True):
        parameter.grad = total / len(images)


RIVALS = {
    rival.name: rival
    for rival in (
        Rival(
            name="magnitude-l1",
            meaning="sum of absolute weights, mean over conv1's filter, its gamma and conv2's slice",
            scorer=lambda module: module.GroupMagnitudeImportance(p=1),
        ),
        Rival(
            name="magnitude-l2",
            meaning="sum of squared weights, mean over conv1's filter, its gamma and conv2's slice",
            scorer=lambda module: module.GroupMagnitudeImportance(p=2),
        ),
        Rival(
            name="fpgm",
            meaning="distance of squared weights to the other filters (after He et al. 2019), in conv1 and conv2",
            scorer=lambda module: module.FPGMImportance(),
        ),
        Rival(
            name="bn-scale",
            meaning="absolute gamma of batch norm (Liu et al. 2017)",
            scorer=lambda module: module.BNScaleImportance(),
        ),
        Rival(
            name="lamp",
            meaning="magnitude-l2 over the sum of all larger ones (Lee et al. 2021); at given widths the same filters",
            scorer=lambda module: module.LAMPImportance(),
        ),
        Rival(
            name="random",
            meaning="a random number",
            scorer=lambda module: module.RandomImportance(),
        ),
        Rival(
            name="taylor",
            meaning="weight times gradient on labelled images (Molchanov et al. 2019), in conv1 and conv2",
            scorer=lambda module: module.GroupTaylorImportance(),
            gradients=mean_gradients,
        ),
        Rival(
            name="hessian",
            meaning="squared weight times mean squared gradient on labelled images (LeCun et al. 1989)",
            scorer=lambda module: module.GroupHessianImportance(),
            gradients=mean_squared_gradients,
        ),
    )
}


def main(
    schedule: Annotated[
        str, typer.Argument(metavar="SCHEDULE", help="Comma-separated numbers of filters, or a preset.")
    ],
    importance: Annotated[str, typer.Option(help=f"Importance criterion: {', '.join(RIVALS)}.")],
    recalibrate: Annotated[bool, typer.Option("--recalibrate", help="Recalibrate batch norm after pruning.")] = False,
    calibration: Annotated[int, typer.Option(help="Images for gradients and recalibration.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
    json: Annotated[
        Path | None, typer.Option(help="Also prune by our default method, and write both to this file.")
    ] = None,
) -> None:
    """Prune the dense network with Torch-Pruning, and print the accuracy on the test images in float32."""
    try:
        widths = Schedule.parse(schedule)
        images = draw_calibration(training_images("bundled"), PruneSpec(calibration=calibration, seed=seed))
        dense = checkpoints.load("dense").model
        started = time.perf_counter()
        pruned = rival_prune(dense, widths, importance, calibration=images, seed=seed)
        if recalibrate:
            pruned = recalibrated(pruned, images)
        seconds = time.perf_counter() - started
    except RoboRegError as error:
        raise typer.BadParameter(str(error)) from None
    test = test_images()
    accuracy = report(logits(pruned, test), test.labels, test.classes).accuracy
    how = f"{importance}, batch norm {f'recalibrated on {images.name}' if recalibrate else 'as it was'}"
    print(f"{widths.label}, Torch-Pruning, {how}: {accuracy:.2%} of {test.name} (float32), {seconds:.1f} s")
    if json is None:
        return
    ours = _ours(dense, widths, seed)
    print(f"{widths.label}, RoboReg, {PruneSpec().method}: {ours['accuracy']:.2%}, {ours['seconds']:.1f} s")
    rival = {"version": VERSION, "importance": importance, "recalibrated": recalibrate, "seed": seed}
    figures = {"schedule": widths.label, "rival": {**rival, "accuracy": accuracy, "seconds": seconds}, "ours": ours}
    write_json(json, figures)


def _ours(dense: ResNet, widths: Schedule, seed: int) -> dict[str, Any]:
    spec, test = PruneSpec(seed=seed), test_images()
    started = time.perf_counter()
    pruned = prune(dense, widths, spec, calibration=training_images("bundled")).model
    seconds = time.perf_counter() - started
    accuracy = report(logits(pruned, test), test.labels, test.classes).accuracy
    return {"method": spec.method, "seed": seed, "accuracy": accuracy, "seconds": seconds}


def _rival(importance: str) -> Rival:
    if importance not in RIVALS:
        raise SpecError(f"importance must be one of {', '.join(RIVALS)}, got {importance!r}")
    return RIVALS[importance]


def _check(model: ResNet, schedule: Schedule, rival: Rival, calibration: Images | None) -> None:
    for block, (has, wanted) in enumerate(zip(model.schedule, schedule, strict=True), start=1):
        if wanted > has:
            raise ScheduleError(f"width of block {block} must be 1..{has} (the width of this network), got {wanted}")
    if rival.needs_labels and (calibration is None or len(calibration) == 0):
        raise SpecError(f"{rival.name} needs labelled training images, got none; pass calibration images")


def _remove_filters(package: Any, model: ResNet, schedule: Schedule, scorer: Any, seed: int) -> None:
    """Remove filters from the first convolutions of `model` by Torch-Pruning, in place."""
    ratios = {
        block.conv1: _ratio(len(block.conv1.weight), width)
        for block, width in zip(model.blocks, schedule, strict=True)
        if width < len(block.conv1.weight)
    }
    rest = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear) and module not in ratios]
    # The random criterion uses torch's global generator, which is restored afterwards.
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(derive(seed, "torch-pruning"))
        pruner = package.pruner.BasePruner(
            model,
            torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE),
            importance=scorer,
            pruning_ratio_dict=ratios,
            ignored_layers=rest,
        )
        pruner.step()


def _ratio(has: int, width: int) -> float:
    # The pruner keeps int(has * (1 - ratio)) filters: aiming half a filter high, rounding cannot cost one.
    return 1 - (width + 0.5) / has


def _adopt(theirs: ResNet, schedule: Schedule) -> ResNet:
    ours = ResNet(schedule, theirs.normalisation)
    try:
        ours.load_state_dict(theirs.state_dict())
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise RoboRegError(f"Torch-Pruning must leave the widths {schedule}, got others: {reason:.200}") from None
    parameters, wanted = sum(parameter.numel() for parameter in theirs.parameters()), cost(schedule).parameters
    if parameters != wanted:
        raise RoboRegError(f"{schedule} must have {wanted:,} parameters, Torch-Pruning left {parameters:,}")
    return ours.eval()


@torch.no_grad()
def _check_same(ours: ResNet, theirs: ResNet, seed: int) -> None:
    generator = torch_generator(seed, "torch-pruning", "probe")
    probe = torch.randn(8, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
    gap = (ours(probe) - theirs(probe)).abs().max().item()
    if not gap <= TOLERANCE:
        raise RoboRegError(f"logits must agree with Torch-Pruning's within {TOLERANCE}, got {gap:.2g}")


if __name__ == "__main__":
    typer.run(main)
