"""Hand-made records: figures chosen, not measured."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from roboreg_core.datasets import manifest
from roboreg_core.models.costs import Cost, cost
from roboreg_core.networks.spec import shipped_digest
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.records import Record

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

MODERATE = presets()["moderate"]


def make_report(right: int, support: int = 1000) -> dict[str, Any]:
    """Every class is recalled `right` times, cats 100 times less; all mistakes go to the next class."""
    rights = [right - 100 * (name == "cat") for name in CLASSES]
    confusion = [[0] * 10 for _ in CLASSES]
    for place, each in enumerate(rights):
        confusion[place][place] = each
        confusion[place][(place + 1) % 10] = support - each
    rows = [
        {"name": name, "precision": 0.5, "recall": each / support, "f1": 0.6, "support": support}
        for name, each in zip(CLASSES, rights, strict=True)
    ]
    average = {"precision": 0.5, "recall": sum(rights) / (10 * support), "f1": 0.6, "support": 10 * support}
    return {
        "accuracy": sum(rights) / (10 * support),
        "loss": 0.5,
        "images": 10 * support,
        "confusion": confusion,
        "per_class": rows,
        "macro": {"name": "macro average", **average},
        "weighted": {"name": "weighted average", **average},
    }


def make_logits(report: dict[str, Any]) -> bytes:
    """Logits of a network that has this report, as a run keeps them."""
    labels = manifest.test_labels()
    predicted = np.empty_like(labels)
    for true, row in enumerate(report["confusion"]):
        predicted[labels == true] = np.repeat(np.arange(10), row)
    file = io.BytesIO()
    np.save(file, 5 * np.eye(10, dtype=np.float32)[predicted])
    return file.getvalue()


def make_history(epochs: int) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "accuracy": 0.5 + 0.01 * epoch,
            "learning_rate": 0.01,
            "seconds": 10.0,
            "validation_loss": 1.1 / epoch,
            "validation_accuracy": 0.6 + 0.02 * epoch,
        }
        for epoch in range(1, epochs + 1)
    ]


def make_record(
    schedule: Schedule = MODERATE,
    *,
    rights: Sequence[int] = (920, 500, 900),
    identity: str = "0123456789abcdef",
    recorded: bool = False,
    notes: Sequence[str] = (),
    artifacts: dict[str, str] | None = None,
) -> Record:
    """A run whose dense, pruned and, where there are three, tuned networks recall `rights` of 1,000 images a class."""
    epochs = 3 if len(rights) == 3 else 0
    stages = dict(zip(("dense", "pruned", "tuned"), map(make_report, rights), strict=False))
    timing = {"batch": 1, "median": 0.004, "low": 0.003, "high": 0.006, "repeats": 50, "device": "CPU", "threads": 2}
    result = {
        "schedule": schedule.to_json(),
        "cost": _cost(cost(schedule)),
        "dense_cost": _cost(cost(schedule.dense)),
        "stages": stages,
        "history": make_history(epochs),
        "best_epoch": {"epoch": epochs, "accuracy": 0.9} if epochs else None,
        "pruning": {"blocks": _blocks(schedule), "notes": list(notes), "seconds": 1.0},
        "latency": {
            "dense_batch_1": timing,
            "dense_batch_256": {**timing, "batch": 256, "median": 0.4, "low": 0.39, "high": 0.41, "repeats": 7},
            "final_batch_1": timing,
            "final_batch_256": {**timing, "batch": 256, "median": 0.2, "low": 0.19, "high": 0.21, "repeats": 7},
        },
        "speed": {},
        "file_bytes": 550_000,
        "images": {"training": "10,000 training images (bundled)", "test": "10,000 test images"},
        "environment": {"device": "CPU", "threads": 2, "torch": "2.15.0", "precision": "evaluation float32"},
        "command": f"python -m roboreg_core run {schedule}",
        "seconds": {"total": 90.0},
        "artifacts": artifacts or {},
    }
    spec = {
        **schedule.stored(),
        "dense": "dense",
        "dense_sha256": shipped_digest(),
        "training_set": "bundled",
        "method": "refit",
        "recalibrate": False,
        "calibration": 2_000,
        "preset": "quick",
        "distil": True,
        "epochs": epochs,
        "seed": 0,
        "learning_rate": 0.02,
        "batch_size": 128,
        "device": "auto",
    }
    created = "2026-01-02T03:04:05+00:00"
    return Record(kind="run", id=identity, created=created, spec=spec, result=result, recorded=recorded)


def _cost(value: Cost) -> dict[str, Any]:
    layers = [asdict(layer) for layer in value.layers]
    return {
        "parameters": value.parameters,
        "macs": value.macs,
        "size_bytes": value.size_bytes,
        "layers": layers,
    }


def _blocks(schedule: Schedule) -> list[dict[str, Any]]:
    return [
        {"block": block, "before": bound, "asked": count, "kept": count, "distinct": bound, "dead": 0, "labels": []}
        for block, (count, bound) in enumerate(zip(schedule, schedule.bounds, strict=True), start=1)
    ]
