"""A schedule's card: its figures, and what can be done with it: open its run, open it in Design, make a run of it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from roboreg_core.errors import RoboRegError
from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.runs.spec import RunSpec, estimate_seconds, spec_for
from roboreg_core.store.records import Record
from roboreg_core.sweeps.points import Point
from roboreg_core.ui import dense_choice, keys, navigation, panels, schedule_html, shared_state
from roboreg_core.ui.design import launcher
from roboreg_core.wording import fmt

_ERRORS = "card"
# What a run has in common with the pruning of a point.
_SETTING = ("method", "recalibrate", "calibration", "seed", "training_set", "dense_sha256")


def show(where: str, point: Point, text: str = "") -> None:
    """The card; `where` tells the cards of a page apart, `text` takes the place of what was measured."""
    with st.container(border=True, key=keys.of("card", where)):
        st.html(f'<div style="overflow-x:auto">{schedule_html.strip(point.schedule)}</div>')
        st.markdown(panels.escape(text or figures(point)))
        panels.kept_error(_ERRORS)
        with st.container(horizontal=True, vertical_alignment="center"):
            actions(where, point)


def actions(where: str, point: Point) -> None:
    """Its run, where it or one that begins with it is there; Design; and a run of it."""
    known = runs_of(point, shared_state.runs())
    if known and st.button("Inspect its run", key=keys.of("card-inspect", where), icon=":material/query_stats:"):
        navigation.go("inspect", {"run": known[0].id})
    if st.button("Open in Design", key=keys.of("card-design", where), icon=":material/tune:"):
        navigation.go("design", design_query(point))
    if not known and not point.schedule.is_dense:
        _make_run(where, point)


def figures(point: Point) -> str:
    """What was measured of a point, in a sentence or two."""
    counted = cost(point.kept)
    cut = f"{counted.parameters:,} parameters ({fmt.percent(counted.parameters / DENSE_COST.parameters)} of dense), "
    cut += f"{fmt.millions(counted.macs)} MACs ({fmt.percent(counted.macs / DENSE_COST.macs)})."
    seen = [
        (point.validation, "pruned", "validation"),
        (point.test, "pruned", "test"),
        (point.tuned_test, "fine-tuned", "test"),
    ]
    told = [f"{stage} {fmt.percent(s.accuracy)} on {s.total:,} {split} images" for s, stage, split in seen if s]
    if told and point.test is None and point.tuned_test is None:
        told.append("not measured on test images")
    return f"{cut} Accuracy: {', '.join(told) or 'not measured yet'}."


def runs_of(point: Point, runs: Sequence[Record]) -> list[Record]:
    """The runs that begin with this very pruning, the point's own first."""
    wanted = {name: getattr(point, name) for name in _SETTING} | {"schedule": point.schedule.to_json()}
    found = [run for run in runs if all(run.spec.get(name) == value for name, value in wanted.items())]
    return sorted(found, key=lambda run: run.id != point.record)


def design_query(point: Point) -> dict[str, str]:
    """What opens a point's schedule and setting in Design."""
    query = {"s": str(point.schedule), keys.METHOD: point.method, keys.SEED: str(point.seed)}
    query |= dense_choice.query(point.dense_sha256)
    return {name: value for name, value in query.items() if value} | (
        {keys.RECALIBRATE: "true"} if point.recalibrate else {}
    )


def _make_run(where: str, point: Point) -> None:
    if not shared_state.machinery().loaded.is_set():
        return
    try:
        spec = _spec(point)
    except RoboRegError:
        return  # its dense network was deleted
    job = shared_state.store().active_job_for(spec.id)
    if job is not None:
        st.page_link("pages/jobs.py", label="Its run is under way", icon=":material/monitoring:")
        return
    explained = (
        f"Prunes, fine-tunes for {fmt.plural(spec.epochs, 'epoch')} and measures everything that Inspect shows; "
        f"about {fmt.duration(estimate_seconds(spec, shared_state.runs()))}."
    )
    panels.action(
        "Make it a run",
        keys.of("card-run", where),
        "play_arrow",
        lambda: launcher.submit(spec),
        _ERRORS,
        help=panels.escape(explained),
    )


def _spec(point: Point) -> RunSpec:
    names = ("method", "recalibrate", "seed", *(("calibration",) if point.calibration else ()))
    setting = {name: getattr(point, name) for name in names if getattr(point, name) != ""}
    dense = shared_state.network(point.dense_sha256) if point.dense_sha256 else shared_state.baseline()
    return spec_for(point.schedule, dense, point.training_set or "auto", **setting)
