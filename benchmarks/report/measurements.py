"""Stored measurements: one JSON file per benchmark, with machine, versions and date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from roboreg_core import paths

FOLDER = paths.PROJECT / "benchmarks" / "measured"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One benchmark's figures.

    Attributes:
        name: name of the benchmark and of its file.
        date: date of the measurement, UTC, ISO 8601.
        seconds: duration of the benchmark.
        busy: share of all cores that other processes used in the second before the start, 0..1.
        machine: result of `benchmarks.common.machine`.
        figures: JSON object that the benchmark wrote.
    """

    name: str
    date: str
    seconds: float
    busy: float
    machine: Mapping[str, Any]
    figures: Mapping[str, Any]


def others_busy() -> float:
    """Return the share of all cores in use, 0..1, sampled for one second."""
    return psutil.cpu_percent(interval=1.0) / 100


def keep(name: str, figures: Mapping[str, Any], *, seconds: float, busy: float) -> Path:
    """Write figures with the current date and machine, replacing an older file; return its path."""
    from benchmarks.common import machine

    measurement = Measurement(
        name=name,
        date=datetime.now(UTC).date().isoformat(),
        seconds=round(seconds, 1),
        busy=round(busy, 2),
        machine=machine(),
        figures=figures,
    )
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.json"
    file.write_text(json.dumps(asdict(measurement), indent=2) + "\n", encoding="utf-8")
    return file


def read(folder: Path | None = None) -> dict[str, Measurement]:
    """Return all measurements by name."""
    files = sorted((folder or FOLDER).glob("*.json"))
    found = [Measurement(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return {measurement.name: measurement for measurement in found}
