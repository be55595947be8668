"""Measuring points: our methods as runs in the store, Torch-Pruning with equal images, seeds, training, teacher."""

from __future__ import annotations

import hashlib
import io
import json
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.common import machine
from benchmarks.results.contestants import Contestant
from benchmarks.results.points import Point, Points, Seconds, Tune
from benchmarks.torch_pruning import VERSION, rival_prune
from roboreg_core import paths
from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.evaluation.logits import logits
from roboreg_core.evaluation.metrics import report
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.prune import Pruner, draw_calibration
from roboreg_core.pruning.recalibrate import recalibrate
from roboreg_core.runs.local import run_here
from roboreg_core.runs.spec import KIND, METHOD_VERSION, RunSpec, preset_fields, spec_for
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.training.loop import TrainingHooks, fit


@dataclass(frozen=True, kw_only=True)
class PlannedPoint:
    """A point to measure. For Torch-Pruning, `run` holds all settings but the criterion."""

    contestant: Contestant
    schedule: str
    run: RunSpec

    @property
    def id(self) -> str:
        """The run's id; for Torch-Pruning, the hash of everything that determines the result."""
        if not self.contestant.rival:
            return self.run.id
        determines = {**self.run.to_json(), "method": f"torch-pruning {VERSION} {self.contestant.rival}"}
        del determines["device"], determines["dense"]
        text = json.dumps({**determines, "version": METHOD_VERSION}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def line(self) -> str:
        """One-line description."""
        tuned = f", {self.run.preset} on {self.run.training_set} images" if self.run.epochs else ""
        return f"{self.schedule} {self.contestant.name} seed {self.run.seed}{tuned}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The points to measure; without `preset` nothing is fine-tuned."""

    contestants: tuple[Contestant, ...]
    schedules: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    preset: str | None = None
    training_set: str = "bundled"


def planned_points(choice: Choice, dense: Checkpoint) -> Iterator[PlannedPoint]:
    """Yield the chosen points, all methods with the first seed before the second seed.

    Without fine-tuning, deterministic methods are measured with one seed only.
    """
    tuning = preset_fields(choice.preset) if choice.preset else {"epochs": 0}
    for number, seed in enumerate(choice.seeds):
        for contestant in choice.contestants:
            if number and not contestant.seeded and choice.preset is None:
                continue
            for schedule in choice.schedules:
                run = spec_for(
                    presets()[schedule],
                    dense,
                    choice.training_set,
                    **({"method": contestant.method} if contestant.method else {}),
                    recalibrate=contestant.recalibrate,
                    seed=seed,
                    **tuning,
                )
                yield PlannedPoint(contestant=contestant, schedule=schedule, run=run)


def missing(points: Iterable[PlannedPoint], stored: Points) -> list[PlannedPoint]:
    """Return the points that are not in the file; a fine-tuned point includes the one without fine-tuning."""
    ids = {point.id for point in stored.points}
    pruned = {
        (p.contestant, p.schedule, p.seed, p.training_set, p.calibration, p.dense_sha256)
        for p in stored.points
        if p.version == METHOD_VERSION
    }

    def measured(point: PlannedPoint) -> bool:
        run = point.run
        key = (point.contestant.name, point.schedule, run.seed, run.training_set, run.calibration, run.dense_sha256)
        return point.id in ids or (run.epochs == 0 and key in pruned)

    return [point for point in points if not measured(point)]


class Measurer:
    """Measures points that start from one dense network, which is evaluated once."""

    def __init__(self, dense: Checkpoint, store: Store) -> None:
        self.dense, self.store = dense, store
        self.test = sources.test_images()
        self._logits: bytes | None = None

    def measure(self, point: PlannedPoint) -> Point:
        """Measure a point; an interrupted fine-tuning resumes from its last epoch."""
        return self._rival(point) if point.contestant.rival else self._ours(point)

    def time(self, contestant: Contestant, schedule: str, repeats: int) -> Seconds:
        """Return the median duration of pruning, each time with the dense network's pass over the images."""
        choice = Choice(contestants=(contestant,), schedules=(schedule,), seeds=(0,))
        run = next(planned_points(choice, self.dense)).run
        seconds = statistics.median(self._prune(contestant, run)[1] for _ in range(repeats))
        return Seconds(
            contestant=contestant.name,
            schedule=schedule,
            version=METHOD_VERSION,
            seconds=seconds,
            repeats=repeats,
            environment=machine(),
        )

    def dense_logits(self) -> bytes:
        """Return the dense network's logits on the test images as .npy bytes, from a run in the store if possible."""
        if self._logits is None:
            self._logits = self._stored_logits() or _npy(logits(self.dense.model, self.test))
        return self._logits

    def _stored_logits(self) -> bytes | None:
        for record in self.store.list_records(KIND):
            if record.spec["dense_sha256"] == self.dense.sha256 and record.result["environment"]["device"] == "CPU":
                return self.store.artifacts.get(record.result["artifacts"]["logits_dense"])
        return None

    def _ours(self, point: PlannedPoint) -> Point:
        record = self.store.get_record(point.run.id)
        if record is None:
            inputs = {"dense": self.dense.content, "logits_dense": self.dense_logits()}
            record = run_here(point.run, inputs, self.store)
        return _from_record(point, record)

    def _rival(self, point: PlannedPoint) -> Point:
        model, seconds = self._prune(point.contestant, point.run)
        pruned = self._accuracy(model)
        tuned = self._accuracy(self._tune(point, model)) if point.run.epochs else None
        counted = cost(model.schedule)
        dense = torch.from_numpy(np.load(io.BytesIO(self.dense_logits()), allow_pickle=False))
        return _point(
            point,
            parameters=counted.parameters,
            macs=counted.macs,
            dense=report(dense, self.test.labels, self.test.classes).accuracy,
            pruned=pruned,
            tuned=tuned,
            seconds=seconds,
            environment=machine(),
        )

    def _prune(self, contestant: Contestant, run: RunSpec) -> tuple[ResNet, float]:
        training = sources.training_images(run.training_set)
        if not contestant.rival:
            pruned = Pruner(self.dense.model, run.pruning(), calibration=training).prune(run.schedule)
            return pruned.model, pruned.seconds
        images = draw_calibration(training, run.pruning())
        started = time.perf_counter()
        model = rival_prune(self.dense.model, run.schedule, contestant.rival, calibration=images, seed=run.seed)
        if contestant.recalibrate:
            model = recalibrate(model, images)
        return model, time.perf_counter() - started

    def _tune(self, point: PlannedPoint, model: ResNet) -> ResNet:
        unfinished = self.store.unfinished / point.id
        unfinished.parent.mkdir(exist_ok=True)
        training: Images = sources.training_images(point.run.training_set)
        fitted = fit(
            model,
            training,
            point.run.tuning(),
            validation=sources.validation_images(),
            teacher=self.dense.model,
            hooks=TrainingHooks(on_epoch=lambda _, state: paths.write_atomically(unfinished, state())),
            resume=unfinished.read_bytes() if unfinished.exists() else None,
        )
        unfinished.unlink(missing_ok=True)
        return fitted.model

    def _accuracy(self, model: ResNet) -> float:
        return report(logits(model, self.test), self.test.labels, self.test.classes).accuracy


def open_measurer() -> Measurer:
    """Return a measurer with the shipped dense network and the user's store."""
    return Measurer(checkpoints.load("dense"), Store(paths.home(), shipped=paths.recorded()))


def _from_record(point: PlannedPoint, record: Record) -> Point:
    result = record.result
    stages = result["stages"]
    return _point(
        point,
        parameters=result["cost"]["parameters"],
        macs=result["cost"]["macs"],
        dense=stages["dense"]["accuracy"],
        pruned=stages["pruned"]["accuracy"],
        tuned=stages["tuned"]["accuracy"] if "tuned" in stages else None,
        seconds=result["pruning"]["seconds"],
        environment=result["environment"],
    )


def _point(point: PlannedPoint, **figures: Any) -> Point:
    run = point.run
    tune = Tune(
        preset=run.preset,
        epochs=run.epochs,
        distil=run.distil,
        learning_rate=run.learning_rate,
        batch_size=run.batch_size,
        training_set=run.training_set,
    )
    return Point(
        id=point.id,
        contestant=point.contestant.name,
        schedule=point.schedule,
        seed=run.seed,
        version=METHOD_VERSION,
        dense_sha256=run.dense_sha256,
        training_set=run.training_set,
        calibration=run.calibration,
        tune=tune if run.epochs else None,
        **figures,
    )


def _npy(values: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values.numpy())
    return buffer.getvalue()
