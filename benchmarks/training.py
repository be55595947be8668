"""Training throughput: our loop compared with a usual torchvision loop, in images per second.

All train the same ResNet-20 from the same weights on the same images, with the same six augmentations, batch size and
optimiser settings. The usual way applies torchvision's transforms to PIL images in a DataLoader with two workers, in
float32. The script fails if the losses differ. Run: python -m benchmarks.training
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from benchmarks.common import WORKERS, precisions, show, take_turns, usual_loader, usual_six
from roboreg_core.datasets.images import Images
from roboreg_core.datasets.sources import training_images
from roboreg_core.device import Precision, choose_device
from roboreg_core.models.normalisation import IMAGENET
from roboreg_core.models.resnet import ResNet, initialise
from roboreg_core.seeding import torch_generator
from roboreg_core.training.loop import fit
from roboreg_core.training.spec import SOURCE, TrainSpec

BATCH_SIZE = 128
# Ratio to the usual way.
GOAL = 3.5
# Mean losses of an epoch from equal weights differ by order of images and augmentation.
LARGEST_LOSS_GAP = 0.25
# Low, so that the loss of an epoch shows equal work rather than unstable first steps.
LEARNING_RATE = 0.01


def main(
    steps: Annotated[int, typer.Option(help="Batches per turn.")] = 50,
    repeats: Annotated[int, typer.Option(help="Timed turns, after a warm-up turn.")] = 5,
    device: Annotated[str, typer.Option(help="cpu or cuda, for all contenders.")] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="Five batches, one turn: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure training throughput and print one table."""
    choose_device(device)
    steps, repeats = (5, 1) if quick else (steps, repeats)
    contenders = {
        f"usual: PIL, {WORKERS} workers, float32": partial(prepare_usual, steps, device),
        **{f"RoboReg, {each}": partial(prepare_ours, steps, device, each) for each in precisions(device)},
    }
    rows, losses = take_turns(contenders, steps * BATCH_SIZE, repeats)
    check_same_work(losses)
    facts = {
        "images": f"{steps * BATCH_SIZE:,} per turn",
        "batch size": BATCH_SIZE,
        "turns": repeats,
        "mean loss": ", ".join(f"{loss:.3f} ({name})" for name, loss in losses.items()),
    }
    title = "Training ResNet-20 with six augmentations"
    show(title, rows, facts, quick=quick, out=json, device=device, goal=GOAL)


def start(steps: int) -> tuple[ResNet, Images, TrainSpec]:
    """Return the weights, images and settings of all contenders."""
    images = training_images("bundled").take(torch.arange(steps * BATCH_SIZE), "benchmark images")
    model = ResNet()
    initialise(model, torch_generator(0, "weights"))
    return model, images, replace(SOURCE(epochs=1), batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE)


def prepare_usual(steps: int, device: str) -> Callable[[], float]:
    """The usual way; the workers of its data loader start before the timing."""
    model, images, spec = start(steps)
    loader = usual_loader(images, six_transforms(), BATCH_SIZE, shuffle=True)
    return lambda: usual_epoch(model.to(device), loader, spec)


def prepare_ours(steps: int, device: str, precision: Precision) -> Callable[[], float]:
    """Our loop, as in `train` and in the worker of the dashboard."""
    model, images, spec = start(steps)
    spec = replace(spec, precision=precision)
    return lambda: fit(model, images, spec, device=device).history[0].loss


def six_transforms() -> v2.Compose:
    """The six augmentations as torchvision transforms, with normalisation."""
    return v2.Compose(
        [
            *usual_six(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET.mean, IMAGENET.std),
        ]
    )


def usual_epoch(weights: ResNet, loader: DataLoader[tuple[torch.Tensor, int]], spec: TrainSpec) -> float:
    """Train a copy of `weights` for one epoch by a usual loop; return the mean loss."""
    model = copy.deepcopy(weights).train()
    optimiser = torch.optim.SGD(
        model.parameters(), lr=spec.learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay
    )
    device = next(model.parameters()).device
    loss_sum = 0.0
    for inputs, labels in ((inputs.to(device), labels.to(device)) for inputs, labels in loader):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(inputs), labels)
        loss.backward()
        optimiser.step()
        loss_sum += loss.item()
    return loss_sum / len(loader)


def check_same_work(losses: dict[str, float]) -> None:
    """Raise if the mean losses of the trainings differ."""
    gap = max(losses.values()) - min(losses.values())
    if not gap <= LARGEST_LOSS_GAP:
        raise typer.BadParameter(f"losses must agree within {LARGEST_LOSS_GAP}, got {losses}: not the same work")


if __name__ == "__main__":
    typer.run(main)
