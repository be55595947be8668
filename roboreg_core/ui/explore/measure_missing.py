"""Sweep over the points that a tab is missing: estimate, start, progress and stop."""

import streamlit as st

from roboreg_core.datasets.dataset import dataset_of
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.sweeps import control
from roboreg_core.sweeps.control import SweepState
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.spec import SweepSpec, sweep_for
from roboreg_core.ui import access, keys, panels, shared_state
from roboreg_core.ui.explore import cache
from roboreg_core.wording import fmt, sweep_facts

REFRESH_SECONDS = 1.0


def panel(name: str, grid: Grid, settings: PredictionSettings, what: str) -> None:
    """Draw a button that measures the missing points of `grid`, or the progress; nothing if no point is missing.

    Args:
        name: beginning of the sweep's name; part of the widget keys.
        grid: schedules to measure.
        settings: pruning settings.
        what: end of the button's label, after "Measure".
    """
    spec = _spec(name, grid, settings)
    left, seconds = cache.estimate(spec)
    panels.kept_messages(f"measuring-{name}")
    if not left:
        return
    existing = next((each for each in cache.sweeps() if each.id == spec.id), None)
    if existing is not None and cache.status(existing).state in (SweepState.RUNNING, SweepState.STOPPING):
        _progress(name, spec.id)
        return
    key = keys.of_measuring("measure", name)
    panels.action(f"Measure {what}", key, "play_arrow", lambda: _start(spec), f"measuring-{name}", type="primary")
    done = len(spec.points()) - left
    existing_words = f"{done:,} of {fmt.plural(len(spec.points()), 'schedule')} are measured already. " if done else ""
    images = dataset_of(settings.training_set).validation
    st.caption(
        panels.escape(
            f"{existing_words}{fmt.plural(left, 'schedule')} to prune and evaluate on {images:,} validation "
            f"images: about {fmt.duration(seconds)}. Continues while this page is closed; listed under Sweeps."
        )
    )


@panels.fragment(run_every=REFRESH_SECONDS)
def _progress(name: str, sweep_id: str) -> None:
    sweep = next((each for each in cache.sweeps() if each.id == sweep_id), None)
    status = cache.status(sweep) if sweep is not None else None
    if sweep is None or status is None or status.state not in (SweepState.RUNNING, SweepState.STOPPING):
        st.rerun()
    st.progress(status.done / status.total, text=panels.escape(f"Measuring: {sweep_facts.progress_words(status)}"))
    if status.state is SweepState.RUNNING and st.button(
        "Stop",
        key=keys.of_measuring("measure-stop", name),
        icon=":material/stop:",
        disabled=not access.may_write(),
    ):
        with panels.errors_shown():
            control.stop(shared_state.backend().engine(), sweep)


def _spec(name: str, grid: Grid, settings: PredictionSettings) -> SweepSpec:
    dense = shared_state.network(settings.dense_sha256)
    pruning = {name: getattr(settings, name) for name in ("method", "recalibrate", "calibration")}
    title = f"{name}, {settings.method}{', recalibrated' if settings.recalibrate else ''}"
    if dense.name != shared_state.DENSE:  # names of sweeps must be unique
        title += f", from {dense.name}"
    return sweep_for(title[:LONGEST_NAME], grid, dense, settings.training_set, test=False, **pruning)


def _start(spec: SweepSpec) -> None:
    control.start(shared_state.backend().engine(), spec, shared_state.network(spec.dense_sha256))
