"""Progress reported by running jobs: stage, fraction done, remaining seconds."""

from typing import Any

from roboreg_core.jobs.task import Context, Stopped


class ProgressReporter:
    """Reports a job's progress to its context.

    Attributes:
        context: receives the progress, and reports a cancellation.
        stage: name of the job's current stage, empty before the first.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.stage = ""

    def check(self) -> None:
        """Check for cancellation. Raises `Stopped`: the job was cancelled."""
        if self.context.should_stop():
            raise Stopped

    def report(self, fraction: float, remaining_seconds: float, **more: Any) -> None:
        """Report the fraction done (0..1), the job's remaining seconds, and further payload fields `more`."""
        progress = {"stage": self.stage, "fraction": fraction, "remaining_seconds": remaining_seconds}
        self.context.report({**progress, **more})
