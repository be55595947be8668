"""Evaluation throughput on all 10,000 test images: our pass against the usual DataLoader loop, in images a second.

Both run the same network over the same images. The usual way puts PIL images through a DataLoader with two workers and
runs in float32. The logits must agree, or there is no table. Run: python -m benchmarks.evaluation
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from benchmarks.common import WORKERS, precisions, show, take_turns, usual_loader
from roboreg_core.datasets.images import Images
from roboreg_core.datasets.sources import test_images
from roboreg_core.device import Precision, choose_device
from roboreg_core.evaluation.logits import logits
from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet20, initialise
from roboreg_core.seeding import torch_generator

USUAL_BATCH_SIZE = 128
NAMES = {
    "usual": f"usual: PIL, {WORKERS} workers, float32",
    "float32": "RoboReg, float32",
    "bfloat16": "RoboReg, bfloat16",
}
# Largest difference of two logits: rounding in another order, and eight bits of precision.
TOLERANCE = {"float32": 1e-2, "bfloat16": 1.0}


def main(
    repeats: Annotated[int, typer.Option(help="Turns that count.")] = 5,
    device: Annotated[str, typer.Option(help="cpu or cuda: where all of them compute.")] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="500 images, one turn: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write the figures here as well.")] = None,
) -> None:
    """Measure evaluation throughput and print one table."""
    choose_device(device)
    count, repeats = (500, 1) if quick else (10_000, repeats)
    contenders: dict[str, Callable[[], Callable[[], Tensor]]] = {
        "usual": partial(prepare_usual, count, device),
        **{each: partial(prepare_ours, count, device, each) for each in precisions(device)},
    }
    rows, found = take_turns(contenders, count, repeats)
    facts = {"network": network()[0], "images": f"{count:,}", "turns": repeats, **agreement(found)}
    rows = [replace(row, name=NAMES[row.name]) for row in rows]
    show("Evaluating ResNet-20", rows, facts, quick=quick, out=json, device=device)


def prepare_usual(count: int, device: str) -> Callable[[], Tensor]:
    """The usual way; its data loader's workers start before time is taken."""
    model = network()[1]
    loader = usual_loader(some(count), plain_transforms(model), USUAL_BATCH_SIZE, shuffle=False)
    return lambda: usual_pass(model.to(device), loader)


def prepare_ours(count: int, device: str, precision: Precision) -> Callable[[], Tensor]:
    """Our pass as `evaluate` does it."""
    model, images = network()[1], some(count)
    return lambda: logits(model, images, device=device, precision=precision)


def some(count: int) -> Images:
    """The first test images."""
    return test_images().take(torch.arange(count), f"{count:,} test images")


def network() -> tuple[str, ResNet20]:
    """The first dense network that ships with the project, else one with random weights."""
    for name in checkpoints.names():
        return name, checkpoints.load(name).model
    model = ResNet20()
    initialise(model, torch_generator(0, "weights"))
    return "random weights", model.eval()


def plain_transforms(model: ResNet20) -> v2.Compose:
    """What a network's inputs need, the usual way."""
    return v2.Compose(
        [
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(model.normalisation.mean, model.normalisation.std),
        ]
    )


@torch.inference_mode()
def usual_pass(model: ResNet20, loader: DataLoader[tuple[Tensor, int]]) -> Tensor:
    """Logits of every image the way tutorials collect them."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(inputs.to(device)) for inputs, _ in loader]).cpu()


def agreement(found: dict[str, Tensor]) -> dict[str, str]:
    """How far the logits are apart. Refuse figures of passes that did not compute the same."""
    usual = found["usual"]
    facts = {}
    for precision in TOLERANCE.keys() & found.keys():
        tolerance = TOLERANCE[precision]
        gap = (found[precision] - usual).abs().max().item()
        same = (found[precision].argmax(1) == usual.argmax(1)).float().mean().item()
        if not gap <= tolerance:
            raise typer.BadParameter(f"{precision} logits must agree within {tolerance}, got {gap}: not the same work")
        facts[f"{precision} against usual"] = f"largest difference {gap:.2g}, same prediction {same:.2%}"
    return facts


if __name__ == "__main__":
    typer.run(main)
