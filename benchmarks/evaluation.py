"""Evaluation throughput on all test images: our pass compared with a usual DataLoader loop, in images per second.

Both evaluate the same network on the same images. The usual way loads PIL images by a DataLoader with two workers and
computes in float32. The script fails if the logits differ. Run: python -m benchmarks.evaluation
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
from roboreg_core.models.resnet import ResNet, initialise
from roboreg_core.seeding import torch_generator

USUAL_BATCH_SIZE = 128
NAMES = {
    "usual": f"usual: PIL, {WORKERS} workers, float32",
    "float32": "RoboReg, float32",
    "bfloat16": "RoboReg, bfloat16",
}
# Largest difference of two logits: other order of sums in float32, eight bits of precision in bfloat16.
TOLERANCE = {"float32": 1e-2, "bfloat16": 1.0}


def main(
    repeats: Annotated[int, typer.Option(help="Timed turns, after a warm-up turn.")] = 5,
    device: Annotated[str, typer.Option(help="cpu or cuda, for all contenders.")] = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="500 images, one turn: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
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
    """The usual way; the workers of its data loader start before the timing."""
    model = network()[1]
    loader = usual_loader(some(count), plain_transforms(model), USUAL_BATCH_SIZE, shuffle=False)
    return lambda: usual_pass(model.to(device), loader)


def prepare_ours(count: int, device: str, precision: Precision) -> Callable[[], Tensor]:
    """Our pass, as in `evaluate`."""
    model, images = network()[1], some(count)
    return lambda: logits(model, images, device=device, precision=precision)


def some(count: int) -> Images:
    """Return the first test images."""
    return test_images().take(torch.arange(count), f"{count:,} test images")


def network() -> tuple[str, ResNet]:
    """Return the first dense network that ships, else one with random weights."""
    for name in checkpoints.names():
        return name, checkpoints.load(name).model
    model = ResNet()
    initialise(model, torch_generator(0, "weights"))
    return "random weights", model.eval()


def plain_transforms(model: ResNet) -> v2.Compose:
    """Return the usual transform of a network's inputs."""
    return v2.Compose(
        [
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(model.normalisation.mean, model.normalisation.std),
        ]
    )


@torch.inference_mode()
def usual_pass(model: ResNet, loader: DataLoader[tuple[Tensor, int]]) -> Tensor:
    """Return the logits of all images by a usual evaluation loop."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(inputs.to(device)) for inputs, _ in loader]).cpu()


def agreement(found: dict[str, Tensor]) -> dict[str, str]:
    """Return the differences of the logits. Raises if the passes computed different results."""
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
