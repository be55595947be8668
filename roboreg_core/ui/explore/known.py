"""Sweeps and points as the pages read them: kept between reruns, read again where the store changed."""

from __future__ import annotations

import streamlit as st

from roboreg_core import paths
from roboreg_core.analysis.points import Point
from roboreg_core.explore import control, kept
from roboreg_core.explore.control import Status
from roboreg_core.explore.estimate import estimate_seconds
from roboreg_core.explore.kept import Progress, Sweep
from roboreg_core.explore.spec import POINT, SweepSpec
from roboreg_core.ui import state


def sweeps() -> list[Sweep]:
    """The standing sweeps, newest first."""
    return _sweeps(*_place())


def points_of(sweep: Sweep) -> list[Point]:
    """The points of a sweep that are measured, in its order."""
    return _points_of(*_place(), sweep.id, sweep)


def progress_of(sweep: Sweep) -> Progress:
    """How many of a sweep's points are measured."""
    return Progress(done=len(points_of(sweep)), total=_total(sweep.id, sweep))


def status(sweep: Sweep) -> Status:
    """How far a sweep is and what is at it."""
    return _status(*_place(), sweep.id, sweep)


def estimate(spec: SweepSpec) -> tuple[int, float]:
    """How many points of a sweep nobody has measured, and how long they will take on this machine, in seconds."""
    return _estimate(*_place(), spec.id, spec)


def _place() -> tuple[str, str, int]:
    """What names the state of the store."""
    return str(paths.home()), str(paths.recorded()), state.store().version()


@st.cache_resource(show_spinner=False, max_entries=4)
def _sweeps(home: str, recorded: str, version: int) -> list[Sweep]:
    del home, recorded, version  # only the key under which they are kept
    return kept.sweeps(state.store())


@st.cache_resource(show_spinner=False, max_entries=32)
def _points_of(home: str, recorded: str, version: int, sweep: str, _sweep: Sweep) -> list[Point]:
    del home, recorded, version, sweep  # only the key under which they are kept
    return kept.points_of(state.store(), _sweep)


@st.cache_resource(show_spinner=False, max_entries=64)
def _status(home: str, recorded: str, version: int, sweep: str, _sweep: Sweep) -> Status:
    del home, recorded, version, sweep  # only the key under which it is kept
    return control.status(state.store(), _sweep)


@st.cache_resource(show_spinner=False, max_entries=64)
def _total(sweep: str, _sweep: Sweep) -> int:
    del sweep  # only the key under which it is kept
    return len(_sweep.spec.points())


@st.cache_resource(show_spinner=False, max_entries=32)
def _estimate(home: str, recorded: str, version: int, sweep: str, _spec: SweepSpec) -> tuple[int, float]:
    del home, recorded, version, sweep  # only the key under which it is kept
    left = kept.missing(state.store(), _spec)
    records = [*state.store().list_records(POINT), *state.runs()]
    return len(left), estimate_seconds(_spec, records, only=left)
