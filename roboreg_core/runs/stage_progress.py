"""Progress of a job with several stages, one of which may be a training."""

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
    """Reports the current stage, the fraction done and the remaining time."""

    def __init__(self, context: Context, weights: Mapping[str, float]) -> None:
        """Report to `context`; `weights` maps the name of each stage to its expected seconds."""
        super().__init__(context)
        self._weights = weights
        self._total = sum(weights.values())
        self._done = 0.0
        self._started = time.perf_counter()
        # Expected seconds of the work that an earlier attempt did.
        self._before = 0.0
        self._marks: dict[str, float] = {}

    def begin(self, stage: str) -> None:
        """Enter and report the stage with this name. Raises `Stopped`: the job was cancelled."""
        self.check()
        if self.stage:
            self._done += self._weights[self.stage]
        self.stage = stage
        self._marks[stage] = time.perf_counter()
        self.inside(0.0, milestone=True)

    def resumed(self, share: float) -> None:
        """Exclude the share of the stage (0..1) that an earlier attempt did from the estimate of the remaining time."""
        self._before = share * self._weights[self.stage]

    def inside(self, share: float, **more: Any) -> None:
        """Report the share of the stage done, 0..1, and further fields `more` of the progress payload."""
        done = self._done + share * self._weights[self.stage]
        fraction = min(0.999, done / self._total)
        here = (done - self._before) / self._total
        spent = time.perf_counter() - self._started
        self.report(fraction, spent * (1 - fraction) / here if here > 0.02 else self._total - self._before, **more)

    def batch(self, share: float) -> None:
        """Report the share of the stage done, 0..1. Raises `Stopped`: the job was cancelled."""
        self.check()
        self.inside(share)

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage by name, and `total`."""
        now = time.perf_counter()
        ends = [*list(self._marks.values())[1:], now]
        each = {stage: end - start for (stage, start), end in zip(self._marks.items(), ends, strict=True)}
        return {**each, "total": now - self._started}


def fit_hooks(progress: StageProgress, epochs: int) -> TrainingHooks:
    """Hooks for `training.loop.fit` that report every step, report and save every epoch, and stop if cancelled."""
    from roboreg_core.training.loop import TrainingHooks

    first = True

    def on_step(step: StepProgress) -> None:
        nonlocal first
        if first:
            progress.resumed((step.epoch - 1) / step.epochs)
        first = False
        progress.inside(step.fraction, epoch=step.epoch, epochs=step.epochs, step=step.step, steps=step.steps)

    def on_epoch(epoch: EpochRecord, state: Callable[[], bytes]) -> None:
        # Reported before saved: after a crash in between, the next worker reports the epoch again.
        ended = {"epoch": epoch.epoch, "epochs": epochs, "history": asdict(epoch)}
        progress.inside(epoch.epoch / epochs, milestone=True, **ended)
        progress.context.save(state())

    return TrainingHooks(on_epoch=on_epoch, on_step=on_step, should_stop=progress.context.should_stop)
