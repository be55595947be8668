"""Growth of costs: with images, filters kept, depth and image size, runs, browsers.

python -m benchmarks.growth [--only images|clusters|architectures|runs|browsers] measures them in turn. The browsers
move their sliders at once on the machine of the server, so their drawing is included.
"""

from __future__ import annotations

import json as to_text
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from playwright.sync_api import Browser, Page

from benchmarks.browser import VIEWPORT, chromium, running
from benchmarks.common import write_json
from benchmarks.slider import MEASURE, WARM_UP
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets.images import Images
from roboreg_core.datasets.sources import test_images, training_images
from roboreg_core.evaluation.logits import logits
from roboreg_core.models import checkpoints
from roboreg_core.models.costs import relative_work
from roboreg_core.models.resnet import ResNet, initialise
from roboreg_core.pruning.prune import PruneSpec, prune
from roboreg_core.schedules.schedule import dense_schedule, presets
from roboreg_core.seeding import torch_generator

IMAGES = (1_000, 2_000, 5_000, 10_000)
CLUSTERS = ("aggressive", "quarter", "moderate", "three-quarters", "minimal")
ARCHITECTURES = (
    *(Architecture(depth=depth) for depth in (20, 32, 44, 56, 110)),
    *(Architecture(image_size=size) for size in (16, 48, 64, 96)),
)
RUNS = (10, 100, 1_000, 10_000)
BROWSERS = (1, 2, 4, 8)
MOVES = 10

Rows = list[dict[str, Any]]


def main(
    only: Annotated[
        str, typer.Option(help="One of images, clusters, architectures, runs, browsers; all by default.")
    ] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Two small sizes of each: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure and print one line per size."""
    parts: dict[str, Callable[[bool], Rows]] = {
        "images": images,
        "clusters": clusters,
        "architectures": architectures,
        "runs": runs,
        "browsers": browsers,
    }
    if only and only not in parts:
        raise typer.BadParameter(f"part must be one of {', '.join(parts)}, got {only!r}")
    figures = {name: part(quick) for name, part in parts.items() if only in ("", name)}
    for name, rows in figures.items():
        print(name)
        for row in rows:
            print("  " + ", ".join(f"{key} {value}" for key, value in row.items()))
    write_json(json, {**figures, "quick": quick})


def images(quick: bool) -> Rows:
    """Seconds of evaluating the dense network in float32, by number of test images."""
    model, test = checkpoints.load("dense").model, test_images()
    logits(model, test.take(torch.arange(200), "warm-up"))
    found = []
    for size in (100, 200) if quick else IMAGES:
        some = test.take(torch.arange(size), f"{size} test images")
        found.append({"images": size, "seconds": _median(partial(logits, model, some))})
    return found


def clusters(quick: bool) -> Rows:
    """Seconds of pruning by the default method, by schedule."""
    model, training = checkpoints.load("dense").model, training_images("bundled")
    spec = PruneSpec(calibration=100) if quick else PruneSpec()
    schedules = [presets()[name] for name in (CLUSTERS[:2] if quick else CLUSTERS)]
    return [
        {
            "schedule": schedule.label,
            "clusters": sum(schedule),
            "seconds": _median(partial(prune, model, schedule, spec, calibration=training), repeats=1),
        }
        for schedule in schedules
    ]


def architectures(quick: bool) -> Rows:
    """MACs, and seconds of evaluating and of pruning to half, as multiples of the default architecture's.

    Random weights and images. Before each architecture the default one is measured, so that a slower machine slows
    both.
    """
    count = 20 if quick else 500
    found = []
    for architecture in ARCHITECTURES[:2] if quick else ARCHITECTURES:
        usual, seconds = _evaluate_and_prune(RESNET20, count), _evaluate_and_prune(architecture, count)
        evaluating, pruning = (taken / before for taken, before in zip(seconds, usual, strict=True))
        found.append(
            {
                "architecture": architecture.label,
                "macs": round(relative_work(architecture), 2),
                "evaluating": round(evaluating, 2),
                "pruning": round(pruning, 2),
            }
        )
    return found


def _evaluate_and_prune(architecture: Architecture, count: int) -> tuple[float, float]:
    model = ResNet(dense_schedule(architecture))
    initialise(model, torch_generator(0, "weights"))
    size, generator = architecture.image_size, torch_generator(0, "images")
    images = Images(
        name=f"{count} random images",
        pixels=torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8),
        labels=torch.arange(count) % architecture.n_classes,
        indices=torch.arange(count),
    )
    half, spec = presets(architecture)["moderate"], PruneSpec(calibration=count // 2)
    logits(model.eval(), images.take(torch.arange(10), "warm-up"))
    return (
        _median(partial(logits, model, images)),
        _median(partial(prune, model, half, spec, calibration=images), repeats=1),
    )


def _median(work: Callable[[], Any], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 3)


def runs(quick: bool) -> Rows:
    """Seconds of the Overview's script, by number of runs in the store, as in `benchmarks.pages`."""
    sizes = [str(size) for size in ((6, 8) if quick else RUNS)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pages.json"
        command = [sys.executable, "-m", "benchmarks.pages", "--only", "overview", "--sizes", *sizes]
        subprocess.run([*command, "--json", str(file)], check=True, stdout=subprocess.DEVNULL)
        views = to_text.loads(file.read_text())["views"]
    return [
        {"runs": view["runs"], "first_seconds": round(view["first"], 3), "again_seconds": round(view["median"], 3)}
        for view in views
    ]


def browsers(quick: bool) -> Rows:
    """Milliseconds from a key press on a slider to the updated costs, by number of browsers that do so at once."""
    counts, moves = ((1, 2), 2) if quick else (BROWSERS, MOVES)
    with running(None) as address, chromium() as browser:
        return [_followed(browser, address, count, moves) for count in counts]


def _followed(browser: Browser, address: str, count: int, moves: int) -> dict[str, Any]:
    contexts = [browser.new_context(viewport=VIEWPORT) for _ in range(count)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(f"{address}/design?s=moderate")
        page.locator(".st-key-start button, .st-key-open-run button").wait_for(timeout=120_000)
    for page in pages:
        page.wait_for_timeout(3_000 / count)
        page.locator(".st-key-slider-5 input[type=range]:visible").focus()
    times = [taken for move in range(WARM_UP + moves) for taken in _move(pages, move) if move >= WARM_UP]
    for context in contexts:
        context.close()
    return {
        "browsers": count,
        "median_ms": round(statistics.median(times), 1),
        "slowest_ms": round(max(times), 1),
        "moves": len(times),
    }


def _move(pages: list[Page], move: int) -> list[float]:
    key = "ArrowRight" if move % 2 == 0 else "ArrowLeft"
    for page in pages:
        page.evaluate(f"key => {{ window.took = ({MEASURE})(key) }}", key)
    for page in pages:
        page.keyboard.press(key)
    times = [float(page.evaluate("() => window.took")) for page in pages]
    pages[0].wait_for_timeout(500)
    return times


if __name__ == "__main__":
    typer.run(main)
