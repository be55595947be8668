"""Correlation tab: two heatmaps of a sweep, scatter plot of a cell, card of a point, scatter matrix."""

from collections.abc import Collection
from functools import partial

import pandas as pd
import streamlit as st

from roboreg_core.charts import correlation_heatmap, point_scatter, scatter_matrix
from roboreg_core.charts.base import Chosen
from roboreg_core.correlation.correlations import KINDS, Correlation
from roboreg_core.correlation.variables import kind_of, settings_of, words
from roboreg_core.errors import RoboRegError
from roboreg_core.sweeps.grid import BLOCKS, STAGES
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.ui import keys, panels, shared_state, url_settings
from roboreg_core.ui.explore import cache, schedule_card, sweep_choice
from roboreg_core.ui.inspect import controls
from roboreg_core.wording import correlation_findings

_VARIABLES = {STAGES: "Stages", BLOCKS: "Blocks"}
_GIVEN = {"": "Nothing", "parameters": "Parameters", "macs": "MACs"}
_GIVEN_HELP = (
    "Partial correlation: the linear effect of the number of parameters, or of MACs, is removed from both variables. "
    "Stage 3 has three quarters of the parameters, which explains much of its high correlation."
)
_PAIR = {"one": keys.ONE, "other": keys.OTHER}
_POINT = {"record": keys.POINT}


def show() -> None:
    """Draw the Correlation tab for the chosen sweep: heatmaps, and for the clicked cell a scatter plot."""
    finding = st.container(key="correlation-finding")
    sweep = sweep_choice.pick()
    if sweep is None:
        return
    table = cache.table_of(sweep)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variables = _variables(table)
        control = controls.segment("Control for", keys.GIVEN, _GIVEN, "", help=_GIVEN_HELP)
    plain = cache.correlation_of(sweep, variables, "")
    with finding:
        st.markdown(f"### {panels.escape(panels.sentence(correlation_findings.strongest_correlation(plain)))}")
        st.caption(panels.escape(_finding(sweep, plain, variables)))
    found = plain if not control else cache.correlation_of(sweep, variables, control)
    _heatmaps(found, f"{sweep.id} {variables} {control}")
    _per_mac(sweep, variables)
    _cell(sweep, table, found, variables)
    _matrix(sweep, table, found, variables)


def _variables(table: pd.DataFrame) -> str:
    if kind_of(table) == BLOCKS:
        return BLOCKS  # schedules whose blocks differ within a stage have no i, j, k
    return controls.segment("Look at", keys.VARIABLES, _VARIABLES, STAGES)


def _finding(sweep: Sweep, plain: Correlation, variables: str) -> str:
    """Finding with parameters controlled for, if that is possible, and its limits."""
    try:
        text = correlation_findings.finding(plain, cache.correlation_of(sweep, variables, "parameters"))
    except RoboRegError:
        text = correlation_findings.finding(plain)
    return text.removeprefix(f"{correlation_findings.strongest_correlation(plain)}. ")


def _heatmaps(found: Correlation, variant: str) -> None:
    url_settings.restore([controls.optional(key, found.names) for key in _PAIR.values()])
    if any(st.session_state[key] not in (None, *found.names) for key in _PAIR.values()):
        st.session_state.update(dict.fromkeys(_PAIR.values()))
    if not all(st.session_state[key] for key in _PAIR.values()):
        st.session_state.update(_first_pair(found))
    ink = panels.ink()
    for column, kind in zip(st.columns(2, gap="large"), KINDS, strict=True):
        name = f"correlation-{kind}"
        frame = correlation_heatmap.correlation_data(found, kind)
        alt_text = correlation_heatmap.correlation_alt(found, kind)
        marks = controls.marks(name, _chosen(), variant)
        with column:
            panels.Panel(
                name=name,
                key=marks.key,
                title=correlation_heatmap.correlation_title(found, kind),
                frame=frame,
                chart=partial(correlation_heatmap.correlation_chart, ink=ink, chosen=marks.chosen, alt_text=alt_text),
                alt_text=alt_text,
                variant=f"{ink} {marks.chosen}",
                table=correlation_heatmap.correlation_table(frame),
                on_select=partial(controls.clicked, name, marks.key, correlation_heatmap.SELECTION, variant, _PAIR),
            ).show()
    st.caption(panels.escape(correlation_heatmap.correlation_note(found)))


def _first_pair(found: Correlation) -> dict[str, str]:
    """Initial cell: the last width and the accuracy of the finding."""
    settings = settings_of(found.names)
    one = settings[-1] if settings else found.names[0]
    other = next((name for name in (found.accuracy, *found.names) if name and name != one), one)
    return {keys.ONE: one, keys.OTHER: other}


def _chosen() -> Chosen:
    one, other = (st.session_state[key] for key in _PAIR.values())
    return ({"one": one, "other": other},) if one and other else ()


def _per_mac(sweep: Sweep, variables: str) -> None:
    st.subheader("Accuracy gained per million MACs")
    with panels.errors_shown():
        found = cache.per_mac_of(sweep, variables)
        st.markdown(panels.escape(f"{correlation_findings.accuracy_per_mac_finding(found)}."))
        for note in found.notes:
            st.caption(panels.escape(panels.sentence(note)))
        rows = [
            {
                "width": words(slope.name),
                "pp gained per million MACs": slope.value,
                "95 % interval from": slope.low,
                "to": slope.high,
            }
            for slope in found.slopes
        ]
        panels.as_table("per-mac", pd.DataFrame(rows))


def _cell(sweep: Sweep, table: pd.DataFrame, found: Correlation, variables: str) -> None:
    st.subheader("Points of a cell")
    options = {name: words(name) for name in found.names}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        one = controls.choice("x axis", keys.ONE, options, "Choose")
        other = controls.choice("y axis", keys.OTHER, options, "Choose")
    if one is None or other is None:
        st.caption("Click a cell of a heatmap, or choose two variables.")
        return
    frame = point_scatter.scatter_points_data(table, one, other, variables)
    points = {point.record: point for point in cache.points_of(sweep)}
    url_settings.restore([controls.optional(keys.POINT, list(points))])
    left, right = st.columns([3, 2], gap="large")
    with left:
        _scatter(found, frame, (one, other), sweep)
    with right:
        labels = {record: f"{point.schedule.listed} (seed {point.seed})" for record, point in points.items()}
        record = controls.choice("Point", keys.POINT, labels, "Click a point, or choose a schedule")
        if record is not None:
            schedule_card.show("point", points[record])


def _scatter(found: Correlation, frame: pd.DataFrame, pair: tuple[str, str], sweep: Sweep) -> None:
    one, other = pair
    variant, ink, dense = f"{sweep.id} {one} {other}", panels.ink(), _dense(sweep)
    marks = controls.marks("scatter", _chosen_point(list(frame["record"])), variant)
    panels.Panel(
        name="scatter",
        key=marks.key,
        title=point_scatter.scatter_points_title(found, one, other),
        frame=frame,
        chart=partial(
            point_scatter.scatter_points_chart, one=one, other=other, dense=dense, chosen=marks.chosen, ink=ink
        ),
        alt_text=point_scatter.scatter_points_alt(frame, one, other),
        variant=f"{variant} {ink} {marks.chosen} {dense}",
        depends="One point per schedule and seed. Dashed: dense network. Click a point for its figures and run.",
        on_select=partial(controls.clicked, "scatter", marks.key, point_scatter.SELECTION, variant, _POINT),
    ).show()


def _chosen_point(points: Collection[str]) -> Chosen:
    record = st.session_state.get(keys.POINT)
    return ({"record": str(record)},) if record in points else ()


def _dense(sweep: Sweep) -> dict[str, float]:
    """Test accuracy of the dense network, from a run that started from it."""
    wanted = sweep.spec.dense_sha256
    run = next((each for each in shared_state.runs() if each.spec["dense_sha256"] == wanted), None)
    if run is None:
        return {}
    accuracy = float(run.result["stages"]["dense"]["accuracy"])
    return {"pruned test": accuracy, "tuned test": accuracy}


def _matrix(sweep: Sweep, table: pd.DataFrame, found: Correlation, variables: str) -> None:
    names = scatter_matrix.default_variables(found)
    if not controls.toggle("Show the scatter matrix", keys.MATRIX) or len(names) < 2:
        return
    frame = scatter_matrix.scatter_matrix_data(table, found, names, variables)
    alt_text, ink = scatter_matrix.scatter_matrix_alt(frame, found), panels.ink()
    variant = f"{sweep.id} {names} {found.control}"
    marks = controls.marks("matrix", _chosen_point(set(frame["record"])), variant)
    panels.Panel(
        name="matrix",
        key=marks.key,
        title=correlation_heatmap.correlation_title(found, KINDS[0]),
        frame=frame,
        chart=partial(scatter_matrix.scatter_matrix_chart, ink=ink, chosen=marks.chosen, alt_text=alt_text),
        alt_text=alt_text,
        variant=f"{variant} {ink} {marks.chosen}",
        depends="Below the diagonal: points; above: Pearson correlations. Click a point to highlight it in every "
        "panel and show its figures above.",
        table=table,
        on_select=partial(controls.clicked, "matrix", marks.key, point_scatter.SELECTION, variant, _POINT),
    ).show()
