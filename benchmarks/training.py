"""Training throughput: our loop against the usual torchvision way, in images a second.

Both train the same ResNet-20 from the same weights on the same images, with the same six augmentations, batch size and
optimiser settings. The usual way puts PIL images through torchvision's transforms in a DataLoader with two workers, in
float32. The losses must agree, or there is no table. Run: python -m benchmarks.training
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from benchmarks.common import WORKERS, show, take_turns, usual_loader
from roboreg_core.data.augment import SIX
from roboreg_core.data.sources import training_images
from roboreg_core.model.resnet import IMAGENET, ResNet20, initialise
from roboreg_core.seeding import torch_generator
from roboreg_core.training.loop import fit
from roboreg_core.training.spec import Precision, TrainSpec, source

BATCH_SIZE = 128
# Mean losses of an epoch from the same start differ by the order of images and the augmentation drawn.
LARGEST_LOSS_GAP = 0.25
# Low enough that an epoch's loss says whether the same work was done, not how the first steps bounced.
LEARNING_RATE = 0.01


def main(
    steps: Annotated[int, typer.Option(help="Batches a turn.")] = 50,
    repeats: Annotated[int, typer.Option(help="Turns that count.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Five batches, one turn: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write the figures here as well.")] = None,
) -> None:
    """Measure training throughput and print one table."""
    steps, repeats = (5, 1) if quick else (steps, repeats)
    images = training_images("bundled").take(torch.arange(steps * BATCH_SIZE), "benchmark images")
    start = ResNet20()
    initialise(start, torch_generator(0, "weights"))
    spec = replace(source(epochs=1), batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE)
    loader = usual_loader(images, six_transforms(), BATCH_SIZE, shuffle=True)
    losses: dict[str, float] = {}

    def usual() -> None:
        losses["usual"] = usual_epoch(start, loader, spec)

    def ours(precision: Precision) -> None:
        (record,) = fit(start, images, replace(spec, precision=precision)).history
        losses[precision] = record.loss

    contenders = {
        f"usual: PIL, {WORKERS} workers, float32": usual,
        "RoboReg, float32": lambda: ours("float32"),
        "RoboReg, bfloat16": lambda: ours("bfloat16"),
    }
    rows = take_turns(contenders, len(images), repeats)
    check_same_work(losses)
    facts = {
        "images": f"{len(images):,} a turn",
        "batch size": BATCH_SIZE,
        "turns": repeats,
        "mean loss": ", ".join(f"{loss:.3f} ({name})" for name, loss in losses.items()),
    }
    show("Training ResNet-20 with six augmentations", rows, facts, quick=quick, out=json)


def six_transforms() -> v2.Compose:
    """The six augmentations as torchvision spells them, with normalisation."""
    return v2.Compose(
        [
            v2.RandomCrop(32, padding=SIX.pad),
            v2.RandomHorizontalFlip(),
            v2.RandomRotation(SIX.rotation),
            v2.RandomAffine(0, shear=SIX.shear, scale=SIX.scale),
            v2.ColorJitter(SIX.brightness, SIX.contrast, SIX.saturation),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET.mean, IMAGENET.std),
        ]
    )


def usual_epoch(start: ResNet20, loader: DataLoader[tuple[torch.Tensor, int]], spec: TrainSpec) -> float:
    """Train a copy of `start` for an epoch the way tutorials do; return the mean loss."""
    model = copy.deepcopy(start).train()
    optimiser = torch.optim.SGD(
        model.parameters(), lr=spec.learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay
    )
    loss_sum = 0.0
    for inputs, labels in loader:
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
