"""Filters for the runs that a page shows, kept in the address."""

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from roboreg_core.architecture import Architecture
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, shared_state, url_settings
from roboreg_core.ui.url_settings import UrlSetting, one_of, within
from roboreg_core.wording import run_filter
from roboreg_core.wording.run_filter import RunFilter

ORIGINS = {"recorded": "Example", "own": "Yours"}
MOST_TEXT = 100
_PERCENTS = {
    keys.LEAST_ACCURACY: "Accuracy at least, %",
    keys.LEAST_WORST: "Worst-class recall at least, %",
    keys.MOST_PARAMETERS: "Parameters at most, %",
}


def overview(
    methods: Sequence[str], presets: Sequence[str], architectures: Sequence[str], data: Sequence[str]
) -> RunFilter:
    """Draw the filter fields of Overview; return the filter.

    Args:
        methods: pruning methods to choose from.
        presets: names of preset schedules to choose from.
        architectures: names of architectures to choose from; no field is drawn for fewer than two.
        data: ids of data sets to choose from; no field is drawn for fewer than two.
    """
    settings = [
        UrlSetting(key=keys.SHOW_ARCHITECTURE, default=None, read=one_of(*architectures)),
        UrlSetting(key=keys.SHOW_DATA, default=None, read=one_of(*data)),
        UrlSetting(key=keys.FIND, default="", read=lambda text: text[:MOST_TEXT]),
        UrlSetting(key=keys.SHOW_METHOD, default=None, read=one_of(*methods)),
        UrlSetting(key=keys.SHOW_ORIGIN, default=None, read=one_of(*ORIGINS)),
        UrlSetting(key=keys.SHOW_PRESET, default=None, read=one_of(*presets)),
    ]
    _restore(settings)
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls-filters"):
        st.text_input(
            "Find", key=keys.FIND, placeholder="schedule, id, saved name", max_chars=MOST_TEXT, width=260,
            persist_state="session",
        )  # fmt: skip
        _select("Schedule", presets, keys.SHOW_PRESET, tip="A preset, or Other for any other schedule.")
        _select("Method", methods, keys.SHOW_METHOD)
        _select("Origin", list(ORIGINS), keys.SHOW_ORIGIN, ORIGINS)
        architecture_and_data(architectures, data)
    url_settings.follow(settings)
    value = st.session_state
    return RunFilter(
        text=value[keys.FIND] or "",
        method=value[keys.SHOW_METHOD],
        origin=value[keys.SHOW_ORIGIN],
        preset=value[keys.SHOW_PRESET],
        architecture=value[keys.SHOW_ARCHITECTURE],
        data=value[keys.SHOW_DATA],
    )


def architecture_and_data(architectures: Sequence[str], data: Sequence[str]) -> None:
    """Draw the fields for architecture (names) and data set (ids), each only if there are several to choose from."""
    if len(architectures) > 1:
        words = {name: Architecture.parse(name).label for name in architectures}
        _select("Architecture", architectures, keys.SHOW_ARCHITECTURE, words)
    if len(data) > 1:
        _select("Data set", data, keys.SHOW_DATA, {each: run_filter.data_words(each) for each in data})


def comparison(runs: Sequence[Record]) -> tuple[RunFilter, str]:
    """Draw the fields of Compare for order, method, origin and thresholds of accuracy, recall and parameters.

    Returns:
        the filter and the order, a key of `run_filter.ORDERS`.
    """
    methods = _methods(runs)
    settings = [
        UrlSetting(key=keys.SORT, default="chosen", read=one_of(*run_filter.ORDERS)),
        UrlSetting(key=keys.ONLY_METHOD, default=None, read=one_of(*methods)),
        UrlSetting(key=keys.ONLY_ORIGIN, default=None, read=one_of(*ORIGINS)),
        *(UrlSetting(key=key, default=None, read=within(0, 100, float)) for key in _PERCENTS),
    ]
    _restore(settings)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Order",
            list(run_filter.ORDERS),
            key=keys.SORT,
            format_func=lambda order: run_filter.ORDERS[order][0],
            width=220,
            persist_state="session",
        )
        _select("Method", methods, keys.ONLY_METHOD)
        _select("Origin", list(ORIGINS), keys.ONLY_ORIGIN, ORIGINS)
        for key, label in _PERCENTS.items():
            st.number_input(
                label, 0.0, 100.0, None, step=1.0, format="%.1f", key=key, placeholder="any", width=190,
                persist_state="session",
            )  # fmt: skip
    url_settings.follow(settings)
    value = st.session_state
    accuracy, worst, parameters = (None if value[key] is None else value[key] / 100 for key in _PERCENTS)
    conditions = RunFilter(
        method=value[keys.ONLY_METHOD],
        origin=value[keys.ONLY_ORIGIN],
        accuracy=accuracy,
        worst=worst,
        parameters=parameters,
    )
    return conditions, value[keys.SORT]


def clear_button() -> None:
    """Draw the button that clears the filters of Overview and Compare."""
    st.button("Clear the filters", key=keys.CLEAR_FILTERS, icon=":material/filter_alt_off:", on_click=_clear)


def saved_names() -> dict[Schedule, list[str]]:
    """Saved schedule -> the names under which it is saved."""
    names: dict[Schedule, list[str]] = {}
    for saved in shared_state.saved():
        names.setdefault(saved.schedule, []).append(saved.name)
    return names


def _clear() -> None:
    overview_keys = (keys.SHOW_METHOD, keys.SHOW_ORIGIN, keys.SHOW_PRESET, keys.SHOW_ARCHITECTURE, keys.SHOW_DATA)
    for key in (*overview_keys, keys.ONLY_METHOD, keys.ONLY_ORIGIN, *_PERCENTS):
        st.session_state[key] = None
    st.session_state[keys.FIND] = ""


def _methods(runs: Sequence[Record]) -> list[str]:
    return sorted({str(record.spec["method"]) for record in runs})


def _restore(settings: Sequence[UrlSetting]) -> None:
    """Like `url_settings.restore`, but resets values that no run has."""
    url_settings.restore(settings)
    for setting in settings:
        value = st.session_state[setting.key]
        if value is not None and setting.key not in _PERCENTS:
            st.session_state[setting.key] = setting.default
            with suppress(ValueError):
                st.session_state[setting.key] = setting.read(value)


def _select(
    label: str, options: Sequence[str], key: str, words: dict[str, str] | None = None, tip: str | None = None
) -> None:
    st.selectbox(
        label,
        options,
        index=None,
        key=key,
        format_func=lambda value: (words or {}).get(value, str(value).capitalize()),
        placeholder="All",
        width=170,
        persist_state="session",
        help=tip,
    )
