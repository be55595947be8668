"""Extending a sweep: its settings stay, its points stay, more are added under its name.

Of a sweep that ships with the project another one is made, under the same settings.
"""

from __future__ import annotations

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
    """For callbacks: from now on the fields are about this sweep."""
    st.session_state[_EXTENDED] = sweep.id


def leave() -> None:
    """For callbacks: the fields are about a sweep of its own again."""
    st.session_state.pop(_EXTENDED, None)


def extended() -> Sweep | None:
    """The sweep that is being extended; None where there is none, or where it was deleted meanwhile."""
    chosen = st.session_state.get(_EXTENDED)
    return next((each for each in cache.sweeps() if each.id == chosen), None)


def spec(sweep: Sweep, name: str, grid: Grid, seeds: tuple[int, ...]) -> SweepSpec:
    """What the fields ask for, all else as the sweep has it."""
    return replace(sweep.spec, name=name if sweep.recorded else sweep.name, grid=grid, seeds=seeds)


def told(sweep: Sweep) -> None:
    """What is being extended, and the way out of it."""
    what = "A wider one is made beside it" if sweep.recorded else "Its points stay; what you add is measured"
    with st.container(key=keys.SWEEP_EXTENDED):
        st.markdown(panels.escape(f"Extends “{fmt.contained(sweep.name)}”. {what}, under the same settings."))
        st.button("Start a sweep of its own instead", key=keys.SWEEP_LEAVE, on_click=_left, type="tertiary")


def refused(sweep: Sweep, wider: SweepSpec) -> bool:
    """Says which of the sweep's points the wider one lacks; False where it has them all."""
    lost = len(set(sweep.spec.points()) - set(wider.points()))
    if sweep.recorded or not lost:
        return False
    st.warning(
        f"{fmt.plural(lost, 'point')} of the sweep {'is' if lost == 1 else 'are'} not among these: an extended sweep "
        "holds all that it had. Widen the fields, or start a sweep of its own.",
        icon=":material/warning:",
    )
    return True


def submit(sweep: Sweep, wider: SweepSpec) -> None:
    """Extend it, or where it ships with the project start the wider one."""
    engine, dense = shared_state.machinery().engine(), shared_state.network(wider.dense_sha256)
    if sweep.recorded:
        control.start(engine, wider, dense)
    else:
        control.extend(engine, sweep, wider, dense)
    leave()


def _left() -> None:
    leave()
    panels.redraw(keys.SWEEP_FORM_PART)
