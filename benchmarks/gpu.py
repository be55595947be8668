"""Training and evaluation on a GPU, compared with the chip's measured bandwidth and arithmetic.

The chip's limits are measured: bandwidth by a copy within device memory (reads and writes counted), arithmetic by a
square bfloat16 matrix product. The shares that a training reaches follow from its images per second and two counts:

    FLOPs per image = 3 * 2 * MACs                 forward, and the two gradients of every layer
    bytes per image = PASSES * 2 * A               A = values that all convolutions write per image (bfloat16)
    PASSES = 19                                    accesses to each value without caches:
        forward   convolution reads 1, writes 1; batch norm reads 2, writes 1; ReLU reads 1, writes 1
        backward  ReLU reads 2, writes 1; batch norm reads 4, writes 1; convolution reads 3, writes 1

MACs and A are closed forms (`models.costs`). Residual sums, augmentation, weights and optimiser are left out, so the
true traffic is slightly larger; caches make it smaller. Images are the bundled ones, repeated to 48,000. Rates exclude
the first epoch, in which steps are recorded.

Run: python -m benchmarks.gpu. `--device cpu --quick` only tests the script.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.common import machine
from roboreg_core.datasets.images import Images
from roboreg_core.datasets.sources import test_images, training_images
from roboreg_core.device import environment
from roboreg_core.evaluation.logits import logits
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet, initialise
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.seeding import torch_generator
from roboreg_core.training.fine_tuning_presets import tune_preset
from roboreg_core.training.loop import TrainingResult, fit
from roboreg_core.training.spec import BEST, SOURCE, TrainSpec

PASSES = 19
BYTES_A_NUMBER = 2
# A fine-tuning of moderate on all images, 30 epochs, on a chip of an H200's class.
GOAL_SECONDS = 15.0
COPY, PRODUCT = "copy within the device, bytes/s", "bfloat16 matrix product, FLOP/s"


@dataclass(frozen=True, kw_only=True)
class Size:
    """Amount of work: training and test images, epochs of each kind, matrix sizes and bytes for the chip's limits."""

    images: int = 48_000
    test: int = 10_000
    rate_epochs: int = 6
    long_epochs: int = 200
    tune_epochs: int = 30
    repeats: int = 5
    side: int = 8_192
    copied: int = 2**30
    schedule: Schedule = presets()["moderate"]
    dense: Schedule = presets()["dense"]


QUICK = Size(
    images=256,
    test=100,
    rate_epochs=2,
    long_epochs=2,
    tune_epochs=2,
    repeats=1,
    side=64,
    copied=2**16,
    schedule=presets()["aggressive"],
    dense=presets()["quarter"],
)


def main(
    device: Annotated[str, typer.Option(help="cuda, or cpu with --quick.")] = "cuda",
    quick: Annotated[bool, typer.Option("--quick", help="Minimal work: only tests this script.")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Measure everything on one device and print one figure per line."""
    chosen = torch.device(device)
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise typer.BadParameter("found no CUDA device; --device cpu --quick tests the script")
    if chosen.type == "cpu" and not quick:
        raise typer.BadParameter("device cpu needs --quick; benchmarks.training measures CPUs")
    figures = measure(chosen, QUICK if quick else Size())
    facts = {**machine(), **environment(chosen)}
    print("GPU utilisation" + (" (quick: a test of this script, no result)" if quick else "") + "\n")
    for name, value in figures.items():
        print(f"{name:<72}{value:>16,.4g}")
    print("\n" + "; ".join(f"{name} {value}" for name, value in facts.items()))
    if out is not None:
        out.write_text(json.dumps({"quick": quick, "figures": figures, **facts}, indent=2) + "\n")


def measure(device: torch.device, size: Size) -> dict[str, float]:
    """Return all figures by name; a name ends with its unit."""
    images, dense = _images(size.images).to(device), _network(size.dense)
    figures = ceilings(device, size)
    for make in (BEST, SOURCE):
        spec = make(epochs=size.rate_epochs)
        fast, slow = (rate(fit(dense, images, spec, device=device, capture=on), spec, images) for on in (True, False))
        name = f"training {spec.recipe}"
        figures |= {
            f"{name}, images/s": fast,
            f"{name}, steps launched one by one, images/s": slow,
            f"{name}, replayed against launched one by one, times": fast / slow,
            f"{name}, share of the copy bandwidth, %": 100 * fast * bytes_per_image(size.dense) / figures[COPY],
            f"{name}, share of the matrix product, %": 100 * fast * 6 * cost(size.dense).macs / figures[PRODUCT],
        }
    return figures | long_trainings(device, size, images) | evaluation(device, size)


def ceilings(device: torch.device, size: Size) -> dict[str, float]:
    """Return bandwidth and arithmetic of the chip, medians."""
    source_, target = (torch.empty(size.copied, dtype=torch.uint8, device=device) for _ in range(2))
    square = torch.ones(size.side, size.side, dtype=torch.bfloat16, device=device)
    product = torch.empty_like(square)
    copying = timed(lambda: target.copy_(source_), device, size.repeats)
    multiplying = timed(lambda: torch.mm(square, square, out=product), device, size.repeats)
    return {
        COPY: 2 * size.copied / copying,
        PRODUCT: 2 * size.side**3 / multiplying,
    }


def long_trainings(device: torch.device, size: Size, images: Images) -> dict[str, float]:
    """Return the seconds from the call to the network on the CPU, with the recording of the CUDA graph."""
    dense, pruned = _network(size.dense), _network(size.schedule)
    tune = replace(tune_preset("good"), epochs=size.tune_epochs, warmup_epochs=min(2.0, size.tune_epochs / 2))
    long = SOURCE(epochs=size.long_epochs)
    return {
        f"training source, {long.epochs} epochs of {len(images):,} images, seconds": timed(
            lambda: fit(dense, images, long, device=device), device, 1, warm_up=0
        ),
        f"fine-tuning {size.schedule.label}, {tune.epochs} epochs (goal {GOAL_SECONDS:g} on an H200), seconds": timed(
            lambda: fit(pruned, images, tune, device=device, teacher=dense), device, 1, warm_up=0
        ),
    }


def evaluation(device: torch.device, size: Size) -> dict[str, float]:
    """Return images per second of `logits`, from images in CPU memory to logits in CPU memory."""
    network, images = _network(size.dense), test_images()
    images = images.take(torch.arange(size.test), "benchmark images")
    return {
        f"evaluation {precision}, images/s": len(images)
        / timed(partial(logits, network, images, device=device, precision=precision), device, size.repeats)
        for precision in ("float32", "bfloat16")
    }


def rate(fitted: TrainingResult, spec: TrainSpec, images: Images) -> float:
    """Return images per second, the median over the epochs after the first."""
    seen = len(images) // spec.batch_size * spec.batch_size
    return seen / statistics.median(epoch.seconds for epoch in fitted.history[1:])


def bytes_per_image(schedule: Schedule) -> int:
    """Return the bytes that a training step moves per image, see above."""
    convolutions = [layer for layer in cost(schedule).layers if layer.name != "linear"]
    written = sum(layer.macs // (9 * layer.inputs) for layer in convolutions)
    return PASSES * BYTES_A_NUMBER * written


def timed(work: Callable[[], Any], device: torch.device, repeats: int, *, warm_up: int = 1) -> float:
    """Return the median seconds of `work`, synchronised, after warm-up calls."""
    seconds = []
    for call in range(warm_up + repeats):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if call >= warm_up:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _images(count: int) -> Images:
    bundled = training_images("bundled")
    return bundled.take(torch.arange(count) % len(bundled), f"{count:,} benchmark images")


def _network(schedule: Schedule, seed: int = 0) -> ResNet:
    model = ResNet(schedule)
    initialise(model, torch_generator(seed, "weights"))
    return model


if __name__ == "__main__":
    typer.run(main)
