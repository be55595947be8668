"""Progress of a job that goes through stages, one of which may be a training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from roboreg_core.jobs.progress import ProgressReporter
from roboreg_core.jobs.task import Context

if TYPE_CHECKING:
    from roboreg_core.training.loop import EpochRecord, StepProgress, TrainingHooks


class StageProgress(ProgressReporter):
    """Reports which stage a job is in, how far, and how long it will take."""

    def __init__(self, context: Context, weights: Mapping[str, float]) -> None:
        """`weights` are the seconds that each stage is expected to take, in any order."""
        super().__init__(context)
        self._weights = weights
        self._total = sum(weights.values())
        self._done = 0.0
        self._started = time.perf_counter()
        # Seconds of work that an earlier attempt did: they were not spent since `_started`.
        self._before = 0.0
        self._marks: dict[str, float] = {}

    def begin(self, stage: str) -> None:
        """Enter a stage; stops here where the job was cancelled."""
        self.check()
        if self.stage:
            self._done += self._weights[self.stage]
        self.stage = stage
        self._marks[stage] = time.perf_counter()
        self.inside(0.0, milestone=True)

    def resumed(self, share: float) -> None:
        """Note that an earlier attempt did this share of the stage, so that it is not taken for this one's speed."""
        self._before = share * self._weights[self.stage]

    def inside(self, share: float, **more: Any) -> None:
        """Report how much of the stage is done, 0..1."""
        done = self._done + share * self._weights[self.stage]
        fraction = min(0.999, done / self._total)
        here = (done - self._before) / self._total
        spent = time.perf_counter() - self._started
        self.report(fraction, spent * (1 - fraction) / here if here > 0.02 else self._total - self._before, **more)

    def batch(self, share: float) -> None:
        """Report the share of the stage done, 0..1; raise `Stopped` where the job was cancelled."""
        self.check()
        self.inside(share)

    def seconds(self) -> dict[str, float]:
        """Seconds that each stage took, and the whole."""
        now = time.perf_counter()
        ends = [*list(self._marks.values())[1:], now]
        each = {stage: end - start for (stage, start), end in zip(self._marks.items(), ends, strict=True)}
        return {**each, "total": now - self._started}


def fit_hooks(progress: StageProgress, epochs: int) -> TrainingHooks:
    """Hooks of a training that report every step, report and save every epoch, and stop where it was cancelled."""
    from roboreg_core.training.loop import TrainingHooks

    first = True

    def on_step(step: StepProgress) -> None:
        nonlocal first
        if first:
            progress.resumed((step.epoch - 1) / step.epochs)
        first = False
        progress.inside(step.fraction, epoch=step.epoch, epochs=step.epochs, step=step.step, steps=step.steps)

    def on_epoch(epoch: EpochRecord, state: Callable[[], bytes]) -> None:
        # Reported before it is saved: killed in between, a worker's successor reports it again, and none is missing.
        ended = {"epoch": epoch.epoch, "epochs": epochs, "history": asdict(epoch)}
        progress.inside(epoch.epoch / epochs, milestone=True, **ended)
        progress.context.save(state())

    return TrainingHooks(on_epoch=on_epoch, on_step=on_step, should_stop=progress.context.should_stop)
