"""Extension of a sweep by more points, with the same settings and name.

An example sweep is not changed: a new sweep with its settings is created instead.
"""

from dataclasses import replace

import streamlit as st

from roboreg_core.sweeps import control
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.spec import SweepSpec
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.ui.explore import cache
from roboreg_core.wording import fmt

_EXTENDED = "sweep-extended"


def begin(sweep: Sweep) -> None:
    """For callbacks: let the sweep form extend this sweep."""
    st.session_state[_EXTENDED] = sweep.id


def leave() -> None:
    """For callbacks: let the sweep form define a new sweep again."""
    st.session_state.pop(_EXTENDED, None)


def extended() -> Sweep | None:
    """The sweep that the form extends; None for a new sweep, or if it was deleted."""
    chosen = st.session_state.get(_EXTENDED)
    return next((each for each in cache.sweeps() if each.id == chosen), None)


def spec(sweep: Sweep, name: str, grid: Grid, seeds: tuple[int, ...]) -> SweepSpec:
    """Spec of the extended sweep: `sweep` with the `grid` and `seeds` of the form.

    `name` is used for an example sweep only, since its extension is a new sweep.
    """
    return replace(sweep.spec, name=name if sweep.recorded else sweep.name, grid=grid, seeds=seeds)


def notice(sweep: Sweep) -> None:
    """Draw the name of the sweep that is extended, and a button that switches back to a new sweep."""
    what = "A new sweep is created" if sweep.recorded else "Its points are kept; only added ones are measured"
    with st.container(key=keys.SWEEP_EXTENDED):
        st.markdown(panels.escape(f"Extends “{fmt.inline_text(sweep.name)}”. {what}, with the same settings."))
        st.button("Define a new sweep instead", key=keys.SWEEP_LEAVE, on_click=_left, type="tertiary")


def refused(sweep: Sweep, wider: SweepSpec) -> bool:
    """True, and draw a warning, if the spec `wider` lacks points of `sweep`; never for an example sweep."""
    lost = len(set(sweep.spec.points()) - set(wider.points()))
    if sweep.recorded or not lost:
        return False
    st.warning(
        f"An extended sweep must contain all points of the sweep; missing points: {lost}. Widen the fields, or define "
        "a new sweep.",
        icon=":material/warning:",
    )
    return True


def submit(sweep: Sweep, wider: SweepSpec) -> None:
    """Extend `sweep` to the spec `wider` and queue the added points; for an example, start `wider` as a new sweep."""
    engine, dense = shared_state.backend().engine(), shared_state.network(wider.dense_sha256)
    if sweep.recorded:
        control.start(engine, wider, dense)
    else:
        control.extend(engine, sweep, wider, dense)
    leave()


def _left() -> None:
    leave()
    panels.redraw(keys.SWEEP_FORM_PART)
