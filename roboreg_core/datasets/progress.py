"""Callbacks of downloads and imports."""

from collections.abc import Callable

# Called with the amount done, the total (0 if unknown) and a description of the current step.
OnProgress = Callable[[int, int, str], None]
# True stops the work; called several times per second.
ShouldStop = Callable[[], bool]
