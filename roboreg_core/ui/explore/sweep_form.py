"""Defines a sweep: the grid, how to prune, and what that will take, before anything starts."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from roboreg_core.pruning.methods import DEFAULT_METHOD
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.spec import SweepSpec, sweep_for
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.sweeps.time_estimate import TEST_IMAGES, VALIDATION_IMAGES
from roboreg_core.ui import dense_choice, keys, panels, shared_state, url_settings
from roboreg_core.ui.design.launcher import IMAGES_WORDS, METHOD_WORDS, PRESET_WORDS
from roboreg_core.ui.explore import cache, grid_fields, grid_parsing, sweep_extension
from roboreg_core.ui.url_settings import UrlSetting, one_of
from roboreg_core.wording import fmt, sweep_facts

NO_TUNING = "none"
TUNE_WORDS = {NO_TUNING: "None"} | PRESET_WORDS
ERRORS = "sweep-start"
# Ids of the sweeps that the whole page was drawn with.
DRAWN = "sweeps-drawn"


@st.fragment(key=keys.SWEEP_FORM_PART)
def show(start: Callable[[SweepSpec], None]) -> None:
    """The fields on the left, what they ask for on the right; `start` is called for the one button."""
    if [each.id for each in cache.sweeps()] != st.session_state[DRAWN]:
        st.rerun()  # one was started: the list is drawn again too
    st.subheader("New sweep")
    left, right = st.columns([3, 2], gap="large")
    with left:
        grid_fields.show()
        _pruning()
    with right, st.container(key=keys.SWEEP_COST, border=True), panels.errors_shown():
        _asked(grid_fields.read(), start)


def take(sweep: Sweep) -> None:
    """For callbacks: puts a sweep into the fields, to be extended."""
    spec = sweep.spec
    sweep_extension.begin(sweep)
    grid_fields.take(spec.grid)
    st.session_state.update(
        {
            keys.SWEEP_METHOD: spec.method,
            keys.SWEEP_SEEDS: grid_parsing.written(spec.seeds),
            keys.SWEEP_TUNE: spec.preset or NO_TUNING,
            keys.SWEEP_RECALIBRATE: spec.recalibrate,
            keys.SWEEP_NAME: "",
        }
    )


def _pruning() -> None:
    fixed = sweep_extension.extended() is not None
    if not fixed:  # what is extended keeps its network
        dense_choice.pick()
    settings = [
        UrlSetting(key=keys.SWEEP_METHOD, default=DEFAULT_METHOD, read=one_of(*METHOD_WORDS)),
        UrlSetting(key=keys.SWEEP_SEEDS, default="0", read=lambda text: text[: grid_fields.MOST_TEXT]),
        UrlSetting(key=keys.SWEEP_TUNE, default=NO_TUNING, read=one_of(*TUNE_WORDS)),
        UrlSetting(key=keys.SWEEP_RECALIBRATE, default=False, read=url_settings.flag),
    ]
    url_settings.restore(settings)
    left, middle, right = st.columns([4, 3, 5])
    method = st.session_state[keys.SWEEP_METHOD]
    left.selectbox(
        "Method",
        list(METHOD_WORDS),
        key=keys.SWEEP_METHOD,
        help=METHOD_WORDS[method],
        persist_state="session",
        disabled=fixed,
    )
    middle.text_input(
        "Seeds",
        key=keys.SWEEP_SEEDS,
        max_chars=grid_fields.MOST_TEXT,
        persist_state="session",
        help="Every schedule is measured once with each: 0, or 0-4 for five. Several show what chance alone does.",
    )
    right.segmented_control(
        "Fine-tuning",
        list(TUNE_WORDS),
        key=keys.SWEEP_TUNE,
        required=True,
        format_func=TUNE_WORDS.__getitem__,
        persist_state="session",
        disabled=fixed,
        help="None measures right after pruning, a second or so a schedule. Else every schedule becomes a run of "
        "minutes or more.",
    )
    left.toggle(
        "Recalibrate batch norm",
        key=keys.SWEEP_RECALIBRATE,
        persist_state="session",
        disabled=fixed,
        help="Estimates batch norm's statistics anew right after pruning; refit needs none.",
    )
    url_settings.follow(settings)


def _asked(grid: Grid, start: Callable[[SweepSpec], None]) -> None:
    """What the fields ask for, what it takes, and the one button."""
    seeds = grid_parsing.seeds(st.session_state[keys.SWEEP_SEEDS] or "")
    standing = cache.sweeps()
    if not shared_state.machinery().loaded.is_set():
        _count(grid, seeds)
        _waiting()
        return
    names = [each.name for each in standing]
    name = st.session_state.get(keys.SWEEP_NAME, "").strip() or sweep_facts.suggested_name(grid, names)
    wide = sweep_extension.extended()
    if wide is not None:
        sweep_extension.told(wide)
    spec = _spec(name, grid, seeds) if wide is None else sweep_extension.spec(wide, name, grid, seeds)
    same = next((each for each in standing if each.id == spec.id), None)
    _count(grid, seeds)
    if same is not None:
        _there(same)
    elif wide is None or not sweep_extension.refused(wide, spec):
        _ready(spec, name, wide, start)


def _spec(name: str, grid: Grid, seeds: tuple[int, ...]) -> SweepSpec:
    tune = st.session_state[keys.SWEEP_TUNE]
    settings = {} if tune == NO_TUNING else {"preset": tune}
    return sweep_for(
        name,
        grid,
        shared_state.baseline(),
        method=st.session_state[keys.SWEEP_METHOD],
        recalibrate=st.session_state[keys.SWEEP_RECALIBRATE],
        seeds=seeds,
        **settings,
    )


def _count(grid: Grid, seeds: tuple[int, ...]) -> None:
    size = len(grid.schedules())
    st.metric("Points to measure", fmt.count(size * len(seeds)))
    text = (
        f"{fmt.plural(size, 'schedule')} with {fmt.plural(len(seeds), 'seed')} each: {sweep_facts.range_words(grid)}."
    )
    st.caption(panels.escape(text))


@st.fragment(run_every=0.5)
def _waiting() -> None:
    if shared_state.machinery().loaded.is_set():
        st.rerun()
    st.info("Loading the dense network and the job engine, a few seconds.", icon="spinner")


def _there(same: Sweep) -> None:
    progress = cache.progress_of(same)
    how = "It ships with the project" if same.recorded else "It is in the list"
    left = "" if progress.complete else f", {progress.done:,} of {progress.total:,} points measured"
    st.success(
        panels.escape(f"This very sweep is there already, as “{fmt.contained(same.name)}”{left}. {how}."),
        icon=":material/check_circle:",
    )


def _ready(spec: SweepSpec, name: str, wide: Sweep | None, start: Callable[[SweepSpec], None]) -> None:
    left, seconds = cache.estimate(spec)
    done = len(spec.points()) - left
    new = wide is None or wide.recorded
    if new:
        st.text_input("Name", key=keys.SWEEP_NAME, max_chars=LONGEST_NAME, placeholder=name, persist_state="session")
    st.button(
        "Start the sweep" if new else "Extend the sweep",
        key=keys.SWEEP_START,
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=start,
        args=(spec,),
    )
    panels.kept_error(ERRORS)
    there = f"{done:,} of its points are measured already and are not measured again. " if done else ""
    if not left:
        st.caption(panels.escape(f"{there}Nothing is left to measure: it is ready at once."))
        return
    images = told_images(spec)
    st.caption(panels.escape(f"{there}Takes about {fmt.duration(seconds)} on this machine. {images}"))


def told_images(spec: SweepSpec) -> str:
    """Which images it is measured on, and which it is pruned with."""
    tested = f", and {TEST_IMAGES:,} test images, to report" if spec.test else "; test accuracy is not measured"
    return (
        f"Measured on {VALIDATION_IMAGES:,} validation images, to choose by{tested}. Pruned with "
        f"{IMAGES_WORDS[spec.training_set]} training images."
    )
