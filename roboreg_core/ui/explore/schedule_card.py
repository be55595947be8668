"""Card of a measured schedule: its figures, and buttons to inspect its run, open it in Design or run it."""

from collections.abc import Sequence

import streamlit as st

from roboreg_core.errors import RoboRegError
from roboreg_core.models.costs import cost
from roboreg_core.runs.spec import RunSpec, estimate_seconds, spec_for
from roboreg_core.store.records import Record
from roboreg_core.sweeps.points import Point
from roboreg_core.ui import dense_choice, keys, navigation, panels, schedule_html, shared_state
from roboreg_core.ui.design import launcher
from roboreg_core.wording import fmt, run_facts

_ERRORS = "card"
# Fields of a run's spec that determine its pruning.
_SETTING = ("method", "recalibrate", "calibration", "seed", "training_set", "dense_sha256")


def show(where: str, point: Point, text: str = "") -> None:
    """Draw a measured schedule, its figures, and buttons to inspect its run, open it in Design or run it.

    Args:
        where: name of the card, unique on the page.
        point: the schedule with its measurements.
        text: shown instead of cost and accuracy, if not empty.
    """
    with st.container(border=True, key=keys.of("card", where)):
        st.html(f'<div style="overflow-x:auto">{schedule_html.strip(point.schedule)}</div>')
        st.markdown(panels.escape(text or figures(point)))
        panels.kept_messages(_ERRORS)
        with st.container(horizontal=True, vertical_alignment="center"):
            _buttons(where, point)


def _buttons(where: str, point: Point) -> None:
    runs = _runs_of(point, shared_state.runs())
    if runs:
        navigation.button("Inspect its run", keys.of("card-inspect", where), "inspect", {"run": runs[0].id})
    navigation.button("Open in Design", keys.of("card-design", where), "design", design_query(point))
    if not runs and not point.schedule.is_dense:
        _run_button(where, point)


def figures(point: Point) -> str:
    """Cost and measured accuracies of a point, in two sentences."""
    counted, dense = cost(point.kept), cost(point.kept.dense)
    size = f"{counted.parameters:,} parameters ({fmt.percent(counted.parameters / dense.parameters)} of dense), "
    size += f"{fmt.millions(counted.macs)} MACs ({fmt.percent(counted.macs / dense.macs)})."
    measured = (
        (point.validation, "pruned", "validation"),
        (point.test, "pruned", "test"),
        (point.tuned_test, "fine-tuned", "test"),
    )
    parts = [
        f"{stage} {fmt.percent(counts.accuracy)} on {counts.total:,} {split} images"
        for counts, stage, split in measured
        if counts
    ]
    if parts and point.test is None and point.tuned_test is None:
        parts.append("not measured on test images")
    return f"{size} Accuracy: {', '.join(parts) or 'not measured yet'}."


def _runs_of(point: Point, runs: Sequence[Record]) -> list[Record]:
    """Runs with the pruning of this point, the point's own run first."""
    wanted = {name: getattr(point, name) for name in _SETTING}
    found = [
        run
        for run in runs
        if all(run.spec.get(name) == value for name, value in wanted.items())
        and run_facts.schedule_of(run) == point.schedule
    ]
    return sorted(found, key=lambda run: run.id != point.record)


def design_query(point: Point) -> dict[str, str]:
    """Query parameters that open a point's schedule and settings in Design."""
    query = {"s": str(point.schedule), keys.METHOD: point.method, keys.SEED: str(point.seed)}
    query |= dense_choice.query(point.dense_sha256)
    return {name: value for name, value in query.items() if value} | (
        {keys.RECALIBRATE: "true"} if point.recalibrate else {}
    )


def _run_button(where: str, point: Point) -> None:
    if not shared_state.backend().loaded.is_set():
        return
    try:
        spec = _spec(point)
    except RoboRegError:
        return  # its dense network was deleted
    job = shared_state.store().active_job_for(spec.id)
    if job is not None:
        navigation.link("jobs", "Its run is queued or running")
        return
    tip = (
        f"Prunes, fine-tunes for {fmt.plural(spec.epochs, 'epoch')} and evaluates; "
        f"about {fmt.duration(estimate_seconds(spec, shared_state.runs()))}. The run then opens in Inspect."
    )
    panels.action(
        "Run it",
        keys.of("card-run", where),
        "play_arrow",
        lambda: launcher.submit(spec),
        _ERRORS,
        help=panels.escape(tip),
    )


def _spec(point: Point) -> RunSpec:
    names = ("method", "recalibrate", "seed", *(("calibration",) if point.calibration else ()))
    setting = {name: getattr(point, name) for name in names if getattr(point, name) != ""}
    dense = shared_state.network(point.dense_sha256) if point.dense_sha256 else shared_state.baseline()
    return spec_for(point.schedule, dense, point.training_set or "auto", **setting)
