"""The kinds of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.faults import (
    app_kill,
    command_line_kill,
    damage,
    full_disk,
    many_browsers,
    many_sessions,
    missing_home,
    two_apps,
    worker_kill,
    worker_pause,
)
from benchmarks.faults.campaign import Event, Setting


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: on the command line.
        title: in documents.
        survived: condition under which an event counts as survived.
        events: causes the faults.
        share: of the campaign's time; what a kind leaves is for the later ones.
        quick: True if it is included in `--quick`.
    """

    name: str
    title: str
    survived: str
    events: Callable[[Setting], Iterator[Event]]
    share: float
    quick: bool = False


KINDS = (
    Kind(
        name="worker-kill",
        title="Worker process killed",
        survived="the job goes on in a new worker, or fails with the remedy to resume it after three deaths, and "
        "finishes with the same figures",
        events=worker_kill.events,
        share=0.22,
        quick=True,
    ),
    Kind(
        name="app-kill",
        title="App killed and started again",
        survived="no worker process remains, the job can be resumed and finishes with the same figures",
        events=app_kill.events,
        share=0.30,
        quick=True,
    ),
    Kind(
        name="command-line-kill",
        title="`roboreg run` killed and started again",
        survived="it finishes with the figures that the app stores",
        events=command_line_kill.events,
        share=0.12,
    ),
    Kind(
        name="worker-pause",
        title=f"Worker process stopped for up to {worker_pause.PAUSE_SECONDS[1]:.0f} s",
        survived="the job goes on and finishes with the same figures",
        events=worker_pause.events,
        share=0.06,
    ),
    Kind(
        name="full-disk",
        title="Disk full, then free again",
        survived="the app goes on, and the job finishes with the same figures, if need be resumed",
        events=full_disk.events,
        share=0.07,
        quick=True,
    ),
    Kind(
        name="missing-home",
        title="Home moved away and put back",
        survived="the pages open without a traceback, and the work finishes with the same figures",
        events=missing_home.events,
        share=0.06,
    ),
    Kind(
        name="damage",
        title="Files and rows damaged",
        survived="commands name the damage in one line or print the same as before it; pages show no traceback",
        events=damage.events,
        share=0.08,
        quick=True,
    ),
    Kind(
        name="many-browsers",
        title=f"{many_browsers.BROWSERS} browsers during a run",
        survived="the counts follow a moved slider within 10 s, and the run finishes with the same figures",
        events=many_browsers.events,
        share=0.05,
    ),
    Kind(
        name="many-sessions",
        title=f"{many_sessions.SESSIONS} sessions opened and closed",
        survived=f"the server's memory grows by less than {many_sessions.GROWTH:.0%}".replace("%", " %"),
        events=many_sessions.events,
        share=0.05,
        quick=True,
    ),
    Kind(
        name="two-apps",
        title="Two apps and the command line on one home",
        survived="the app that lives resumes the job of the killed one, with the same figures",
        events=two_apps.events,
        share=0.05,
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}
