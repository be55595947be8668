"""Measures what a tab lacks: a sweep of its own with its estimate, its progress and a way to stop it."""

from __future__ import annotations

import streamlit as st

from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.sweeps import control
from roboreg_core.sweeps.control import SweepState
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.spec import SweepSpec, sweep_for
from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.ui.explore import cache
from roboreg_core.wording import fmt, sweep_facts

REFRESH_SECONDS = 1.0


def panel(name: str, grid: Grid, asked: PredictionSettings, what: str) -> None:
    """What of `grid` is not measured under a setting, and how long it takes; nothing where all is.

    `what` completes "Measure ...", and `name` is the sweep's and part of the widgets' keys.
    """
    spec = _spec(name, grid, asked)
    left, seconds = cache.estimate(spec)
    panels.kept_error(f"measuring-{name}")
    if not left:
        return
    standing = next((each for each in cache.sweeps() if each.id == spec.id), None)
    if standing is not None and cache.status(standing).state in (SweepState.RUNNING, SweepState.STOPPING):
        _under_way(name, spec.id)
        return
    key = keys.of_measuring("measure", name)
    panels.action(f"Measure {what}", key, "play_arrow", lambda: _start(spec), f"measuring-{name}", type="primary")
    done = len(spec.points()) - left
    there = f"{done:,} of {fmt.plural(len(spec.points()), 'network')} are measured. " if done else ""
    st.caption(
        panels.escape(
            f"{there}{fmt.plural(left, 'network')} to prune and measure on 2,000 validation images, about "
            f"{fmt.duration(seconds)}. It goes on while this page is closed, and is listed under Sweeps."
        )
    )


@st.fragment(run_every=REFRESH_SECONDS)
def _under_way(name: str, sweep_id: str) -> None:
    sweep = next((each for each in cache.sweeps() if each.id == sweep_id), None)
    status = cache.status(sweep) if sweep is not None else None
    if sweep is None or status is None or status.state not in (SweepState.RUNNING, SweepState.STOPPING):
        st.rerun()
    st.progress(status.done / status.total, text=panels.escape(f"Measuring: {sweep_facts.progress_words(status)}"))
    if status.state is SweepState.RUNNING and st.button(
        "Stop", key=keys.of_measuring("measure-stop", name), icon=":material/stop:"
    ):
        with panels.errors_shown():
            control.stop(shared_state.machinery().engine(), sweep)


def _spec(name: str, grid: Grid, asked: PredictionSettings) -> SweepSpec:
    dense = shared_state.network(asked.dense_sha256)
    setting = {name: getattr(asked, name) for name in ("method", "recalibrate", "calibration")}
    title = f"{name}, {asked.method}{', recalibrated' if asked.recalibrate else ''}"
    if dense.name != shared_state.DENSE:  # names of sweeps are unique
        title += f", from {dense.name}"
    return sweep_for(title[:LONGEST_NAME], grid, dense, asked.training_set, test=False, **setting)


def _start(spec: SweepSpec) -> None:
    control.start(shared_state.machinery().engine(), spec, shared_state.network(spec.dense_sha256))
