"""Shared parts of the benchmarks: the usual way of loading images, interleaved timing, the table of results.

Each contender has its own process and settings. Contenders take turns and a ratio is computed within a turn, so that a
slower machine slows all of them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from roboreg_core.datasets.augmentation import SIX
from roboreg_core.datasets.images import Images
from roboreg_core.device import Precision, environment, has_bfloat16

WORKERS = 2
GOAL = 3.0
# Prefix of the names of our contenders.
OURS = "RoboReg"


class PilDataset(Dataset[tuple[torch.Tensor, int]]):
    """Images as in torchvision's data sets: one PIL image at a time through a transform."""

    def __init__(self, images: Images, transform: Callable[[Image.Image], torch.Tensor]) -> None:
        self.pixels = np.ascontiguousarray(images.pixels.permute(0, 2, 3, 1).numpy())
        self.labels = images.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def usual_loader(
    images: Images, transform: Callable[[Image.Image], torch.Tensor], batch_size: int, *, shuffle: bool
) -> DataLoader[tuple[torch.Tensor, int]]:
    """A `DataLoader` with two persistent workers, so that their start is not timed."""
    return DataLoader(
        PilDataset(images, transform),
        batch_size=batch_size,
        shuffle=shuffle,
        num_workers=WORKERS,
        persistent_workers=True,
        generator=torch.Generator().manual_seed(0),
    )


def usual_six(interpolation: v2.InterpolationMode = v2.InterpolationMode.NEAREST) -> list[v2.Transform]:
    """The six augmentations as torchvision transforms, by default with torchvision's resampling."""
    return [
        v2.RandomCrop(32, padding=SIX.pad),
        v2.RandomHorizontalFlip(),
        v2.RandomRotation(SIX.rotation, interpolation=interpolation),
        v2.RandomAffine(0, shear=SIX.shear, scale=SIX.scale, interpolation=interpolation),
        v2.ColorJitter(SIX.brightness, SIX.contrast, SIX.saturation),
    ]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Images per second of one contender, and the ratio to the usual way; medians and extremes over turns."""

    name: str
    median: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float


class Contender:
    """A process that repeats the same work. `prepare` is called in it once and returns the work."""

    def __init__(self, prepare: Callable[[], Callable[[], Any]]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, other = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(prepare, other))

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pipe.send(False)
        self.process.join()

    def turn(self) -> tuple[float, Any]:
        """Do the work once; return its seconds and its result."""
        self.pipe.send(True)
        while not self.pipe.poll(1):
            if not self.process.is_alive():
                raise RuntimeError("the process of a contender died: see its error above")
        seconds, result = self.pipe.recv()
        return seconds, result


def _serve(prepare: Callable[[], Callable[[], Any]], pipe: Connection) -> None:
    work = prepare()
    while pipe.recv():
        started = time.perf_counter()
        result = work()
        pipe.send((time.perf_counter() - started, result))


def precisions(device: str) -> tuple[Precision, ...]:
    """Return the precisions of our contenders on `device`, without bfloat16 where it is emulated."""
    if has_bfloat16(torch.device(device)):
        return "float32", "bfloat16"
    print("This device has no native bfloat16: RoboReg computes in float32 only.\n")
    return ("float32",)


def take_turns(
    contenders: Mapping[str, Callable[[], Callable[[], Any]]], n_images: int, repeats: int
) -> tuple[list[Row], dict[str, Any]]:
    """Time every contender once per turn, after a warm-up turn; return rows, and the last result of each.

    A contender is a picklable function that returns its work. The first one is the usual way.
    """
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        running = {name: stack.enter_context(Contender(prepare)) for name, prepare in contenders.items()}
        for turn in range(repeats + 1):
            for name, contender in running.items():
                seconds, results[name] = contender.turn()
                if turn > 0:
                    rates[name].append(n_images / seconds)
    usual = next(iter(rates.values()))
    return [_row(name, values, usual) for name, values in rates.items()], results


def _row(name: str, rates: list[float], usual: list[float]) -> Row:
    ratios = [rate / base for rate, base in zip(rates, usual, strict=True)]
    return Row(
        name=name,
        median=statistics.median(rates),
        low=min(rates),
        high=max(rates),
        ratio=statistics.median(ratios),
        ratio_low=min(ratios),
        ratio_high=max(ratios),
    )


def machine(device: str = "cpu") -> dict[str, Any]:
    """Return processor and family, cores, device, threads, versions."""
    listed = _cpu_list()
    return {
        "processor": listed.get("model name") or platform.processor() or platform.machine(),
        "family": family(listed.get("vendor_id", ""), listed.get("flags", "")),
        "cores": os.cpu_count(),
        **environment(torch.device(device)),
    }


def family(vendor: str, flags: str) -> str:
    """Return vendor and widest vector instructions, e.g. `AMD, AVX2`, from `vendor_id` and `flags` of /proc/cpuinfo."""
    names = {"GenuineIntel": "Intel", "AuthenticAMD": "AMD"}
    vectors = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512 with bfloat16", "avx512bw": "AVX-512", "avx2": "AVX2"}
    widest = next((name for flag, name in vectors.items() if flag in flags.split()), platform.machine())
    return f"{names.get(vendor, vendor or 'unknown vendor')}, {widest}"


def _cpu_list() -> dict[str, str]:
    """Return the first processor of /proc/cpuinfo; empty on other systems."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().split("\n\n")[0].splitlines() if cpuinfo.exists() else []
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def show(
    title: str,
    rows: list[Row],
    facts: Mapping[str, Any],
    *,
    quick: bool,
    out: Path | None,
    more: Mapping[str, Any] | None = None,
    device: str = "cpu",
    goal: float = GOAL,
) -> None:
    """Print the table, its conditions, and whether `goal` times the first row was reached.

    All of it, and `more`, is written as JSON to `out`.
    """
    print(f"{title}{' (quick: a test of this script, no result)' if quick else ''}\n")
    print(f"{'':<34}{'images/s':>9}{'(min - max)':>20}{'times':>8}{'(min - max)':>16}")
    for row in rows:
        spread, ratios = f"({row.low:,.0f} - {row.high:,.0f})", f"({row.ratio_low:.2f} - {row.ratio_high:.2f})"
        print(f"{row.name:<34}{row.median:>9,.0f}{spread:>20}{row.ratio:>8.2f}{ratios:>16}")
    best = max((row for row in rows if row.name.startswith(OURS)), key=lambda row: row.ratio)
    verdict = "reached" if best.ratio >= goal else "missed"
    print(f"\ngoal: {goal:g} times the usual way, {verdict} by {best.name}")
    everything = {**facts, **machine(device)}
    print("; ".join(f"{name} {value}" for name, value in everything.items()))
    if out is not None:
        rows_out = [asdict(row) for row in rows]
        content = {"title": title, "quick": quick, "goal": goal, "rows": rows_out, **everything}
        write_json(out, {**content, **(more or {})})


def write_json(out: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures to a file, unless it is None."""
    if out is not None:
        out.write_text(json.dumps(figures, indent=2) + "\n")
