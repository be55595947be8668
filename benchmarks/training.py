"""Training throughput: our loop against the usual torchvision way, in images a second.

All train the same ResNet-20 from the same weights on the same images, with the same six augmentations, batch size and
optimiser settings. The usual way puts PIL images through torchvision's transforms in a DataLoader with two workers, in
float32. The losses must agree, or there is no table. Run: python -m benchmarks.training
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
from roboreg_core.models.resnet import IMAGENET, ResNet20, initialise
from roboreg_core.seeding import torch_generator
from roboreg_core.training.loop import fit
from roboreg_core.training.spec import TrainSpec, source

BATCH_SIZE = 128
# Times the usual way.
GOAL = 3.5
# Mean losses of an epoch from the same start differ by the order of images and the augmentation drawn.
LARGEST_LOSS_GAP = 0.25
# Low enough that an epoch's loss says whether the same work was done, not how the first steps bounced.
LEARNING_RATE = 0.01


def main(
    steps: Annotated[int, typer.Option(help="Batches a turn.")] = 50,
    repeats: Annotated[int, typer.Option(help="Turns that count.")] = 5,
    device: Annotated[str, typer.Option(help="cpu or cuda: where all of them compute.")] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="Five batches, one turn: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write the figures here as well.")] = None,
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
        "images": f"{steps * BATCH_SIZE:,} a turn",
        "batch size": BATCH_SIZE,
        "turns": repeats,
        "mean loss": ", ".join(f"{loss:.3f} ({name})" for name, loss in losses.items()),
    }
    title = "Training ResNet-20 with six augmentations"
    show(title, rows, facts, quick=quick, out=json, device=device, goal=GOAL)


def start(steps: int) -> tuple[ResNet20, Images, TrainSpec]:
    """What all contenders start from: weights, images, settings."""
    images = training_images("bundled").take(torch.arange(steps * BATCH_SIZE), "benchmark images")
    model = ResNet20()
    initialise(model, torch_generator(0, "weights"))
    return model, images, replace(source(epochs=1), batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE)


def prepare_usual(steps: int, device: str) -> Callable[[], float]:
    """The usual way; its data loader's workers start before time is taken."""
    model, images, spec = start(steps)
    loader = usual_loader(images, six_transforms(), BATCH_SIZE, shuffle=True)
    return lambda: usual_epoch(model.to(device), loader, spec)


def prepare_ours(steps: int, device: str, precision: Precision) -> Callable[[], float]:
    """Our loop as `train` and the dashboard's worker run it."""
    model, images, spec = start(steps)
    spec = replace(spec, precision=precision)
    return lambda: fit(model, images, spec, device=device).history[0].loss


def six_transforms() -> v2.Compose:
    """The six augmentations as torchvision spells them, with normalisation."""
    return v2.Compose(
        [
            *usual_six(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET.mean, IMAGENET.std),
        ]
    )


def usual_epoch(weights: ResNet20, loader: DataLoader[tuple[torch.Tensor, int]], spec: TrainSpec) -> float:
    """Train a copy of `weights` for an epoch the way tutorials do; return the mean loss."""
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
    """Refuse figures of trainings that did not do the same."""
    gap = max(losses.values()) - min(losses.values())
    if not gap <= LARGEST_LOSS_GAP:
        raise typer.BadParameter(f"losses must agree within {LARGEST_LOSS_GAP}, got {losses}: not the same work")


if __name__ == "__main__":
    typer.run(main)
