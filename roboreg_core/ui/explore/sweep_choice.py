"""Choice of a sweep; the address keeps it as `?sweep=`."""

from collections.abc import Sequence

import streamlit as st

from roboreg_core.sweeps.grid import source_grid
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.ui import keys, url_settings
from roboreg_core.ui.explore import cache
from roboreg_core.wording import fmt


def pick() -> Sweep | None:
    """Draw the list of sweeps with measured points; return the selected one, None if there are none."""
    found = [each for each in cache.sweeps() if cache.points_of(each)]
    if not found:
        size = source_grid().size
        st.info(f"No measured points yet. Start a sweep under Sweeps, e.g. the original project's grid ({size}).")
        return None
    by_id = {each.id: each for each in found}
    setting = url_settings.UrlSetting(key=keys.SWEEP, default=_first(found).id, read=url_settings.one_of(*by_id))
    url_settings.restore([setting])
    if st.session_state[keys.SWEEP] not in by_id:
        st.session_state[keys.SWEEP] = setting.default
    st.selectbox(
        "Sweep", list(by_id), key=keys.SWEEP, format_func=lambda each: _label(by_id[each]), persist_state="session"
    )
    url_settings.follow([setting])
    return by_id[st.session_state[keys.SWEEP]]


def take(sweep: str) -> None:
    """For callbacks: open the Correlation tab with the sweep whose id is `sweep`."""
    st.session_state.update({keys.SWEEP: sweep, keys.EXPLORE_TAB: "Correlation"})


def _first(found: Sequence[Sweep]) -> Sweep:
    """Initial choice: the user's newest complete sweep, else the original project's grid, else the newest."""
    complete = [each for each in found if cache.progress_of(each).complete]
    users = [each for each in complete if not each.recorded]
    return (
        users
        or [each for each in complete if each.spec.grid == source_grid(each.spec.grid.architecture)]
        or list(found)
    )[0]


def _label(sweep: Sweep) -> str:
    progress = cache.progress_of(sweep)
    measured = fmt.plural(progress.total, "point") if progress.complete else f"{progress.done} of {progress.total}"
    return f"{fmt.inline_text(sweep.name)} — {measured}{' (example)' if sweep.recorded else ''}"
