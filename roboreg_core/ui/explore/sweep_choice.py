"""Choice of a sweep; the address keeps it as `?sweep=`."""

from collections.abc import Sequence

import streamlit as st

from roboreg_core.architecture import Architecture
from roboreg_core.sweeps.grid import source_grid
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.ui import keys, run_filters, url_settings
from roboreg_core.ui.explore import cache
from roboreg_core.ui.url_settings import UrlSetting, one_of
from roboreg_core.wording import fmt, run_filter, sweep_facts


def pick() -> Sweep | None:
    """Draw the list of sweeps with measured points; return the selected one, None with a notice if there are none."""
    filters()
    found = filtered([each for each in cache.sweeps() if cache.points_of(each)])
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


def filters() -> None:
    """Draw the fields that filter sweeps by architecture and data set, each only if the sweeps have several."""
    found = cache.sweeps()
    architectures = sorted({architecture_of(each) for each in found}, key=Architecture.parse)
    data = sorted({run_filter.data_of(each.spec.training_set) for each in found})
    settings = [
        UrlSetting(key=keys.SHOW_ARCHITECTURE, default=None, read=one_of(*architectures)),
        UrlSetting(key=keys.SHOW_DATA, default=None, read=one_of(*data)),
    ]
    url_settings.restore(settings)
    for setting, known in zip(settings, (architectures, data), strict=True):
        if st.session_state[setting.key] not in (None, *known):  # chosen on another page
            st.session_state[setting.key] = None
    with st.container(horizontal=True):
        run_filters.architecture_and_data(architectures, data)
    url_settings.follow(settings)


def filtered(sweeps: Sequence[Sweep]) -> list[Sweep]:
    """The sweeps that match the architecture and the data set chosen in `filters`; all if none is chosen."""
    architecture, data = (st.session_state[key] for key in (keys.SHOW_ARCHITECTURE, keys.SHOW_DATA))
    return [
        each
        for each in sweeps
        if architecture in (None, architecture_of(each)) and data in (None, run_filter.data_of(each.spec.training_set))
    ]


def architecture_of(sweep: Sweep) -> str:
    """Name of the architecture of a sweep's schedules, e.g. `resnet20`."""
    return sweep.spec.grid.architecture.name


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
    kind = sweep_facts.kind_words(sweep.spec)
    return f"{fmt.inline_text(sweep.name)}{kind and f' · {kind}'} — {measured}{' (example)' if sweep.recorded else ''}"
