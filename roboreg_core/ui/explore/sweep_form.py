"""Form for a new sweep: grid, pruning settings, estimated time and start button."""

from collections.abc import Callable

import streamlit as st

from roboreg_core.datasets.dataset import dataset_of
from roboreg_core.pruning.methods import DEFAULT_METHOD
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.spec import SweepSpec, sweep_for
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.ui import access, dense_choice, keys, panels, shared_state, url_settings
from roboreg_core.ui.design.launcher import (
    METHOD_WORDS,
    PRESET_WORDS,
    image_choices,
    images_words,
    method_field,
    recalibrate_field,
)
from roboreg_core.ui.explore import cache, grid_fields, grid_parsing, sweep_extension
from roboreg_core.ui.url_settings import UrlSetting, one_of
from roboreg_core.wording import fmt, sweep_facts

NO_TUNING = "none"
TUNE_WORDS = {NO_TUNING: "None"} | PRESET_WORDS
ERRORS = "sweep-start"
# Session key: ids of the sweeps when the whole page was last drawn.
DRAWN = "sweeps-drawn"


@panels.fragment(key=keys.SWEEP_FORM_PART)
def show(start: Callable[[SweepSpec], None]) -> None:
    """Draw the form: left the fields; right the estimated time and a button that calls `start` with the spec."""
    if [each.id for each in cache.sweeps()] != st.session_state[DRAWN]:
        st.rerun()  # one was started: redraw the list too
    if sweep_extension.extended() is None:
        dense_choice.take_address()  # the fields are of the chosen network
    st.subheader("New sweep")
    left, right = st.columns([3, 2], gap="large")
    with left:
        grid_fields.show()
        _pruning()
    with right, st.container(key=keys.SWEEP_COST, border=True), panels.errors_shown():
        _summary(grid_fields.read(), start)


def take(sweep: Sweep) -> None:
    """For callbacks: copy a sweep's grid and settings into the form, to extend it."""
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
    if not fixed:  # an extended sweep keeps its network
        dense_choice.pick()
    settings = [
        UrlSetting(key=keys.SWEEP_METHOD, default=DEFAULT_METHOD, read=one_of(*METHOD_WORDS)),
        UrlSetting(key=keys.SWEEP_SEEDS, default="0", read=lambda text: text[: grid_fields.MOST_TEXT]),
        UrlSetting(key=keys.SWEEP_TUNE, default=NO_TUNING, read=one_of(*TUNE_WORDS)),
        UrlSetting(key=keys.SWEEP_RECALIBRATE, default=False, read=url_settings.flag),
    ]
    url_settings.restore(settings)
    left, middle, right = st.columns([4, 3, 5])
    with left:
        method_field(keys.SWEEP_METHOD, disabled=fixed)
        recalibrate_field(keys.SWEEP_RECALIBRATE, disabled=fixed)
    middle.text_input(
        "Seeds",
        key=keys.SWEEP_SEEDS,
        max_chars=grid_fields.MOST_TEXT,
        persist_state="session",
        help="Every schedule is measured once per seed, e.g. 0, or 0-4 for five seeds. Several seeds show "
        "the variation due to chance.",
    )
    right.segmented_control(
        "Fine-tuning",
        list(TUNE_WORDS),
        key=keys.SWEEP_TUNE,
        required=True,
        format_func=TUNE_WORDS.__getitem__,
        persist_state="session",
        disabled=fixed,
        help="None: measured right after pruning, about a second per schedule. Otherwise every schedule becomes a run "
        "that takes minutes or more.",
    )
    url_settings.follow(settings)


def _summary(grid: Grid, start: Callable[[SweepSpec], None]) -> None:
    """Number of points, estimated time and start button."""
    seeds = grid_parsing.seeds(st.session_state[keys.SWEEP_SEEDS] or "")
    sweeps = cache.sweeps()
    if not shared_state.backend().loaded.is_set():
        _count(grid, seeds)
        panels.loading()
        return
    names = [each.name for each in sweeps]
    name = st.session_state.get(keys.SWEEP_NAME, "").strip() or sweep_facts.suggested_name(grid, names)
    extended = sweep_extension.extended()
    if extended is not None:
        sweep_extension.notice(extended)
    spec = _spec(name, grid, seeds) if extended is None else sweep_extension.spec(extended, name, grid, seeds)
    existing = next((each for each in sweeps if each.id == spec.id), None)
    _count(grid, seeds)
    if existing is not None:
        _existing(existing)
    elif extended is None or not sweep_extension.refused(extended, spec):
        _ready(spec, name, extended, start)


def _spec(name: str, grid: Grid, seeds: tuple[int, ...]) -> SweepSpec:
    tune = st.session_state[keys.SWEEP_TUNE]
    settings = {} if tune == NO_TUNING else {"preset": tune}
    return sweep_for(
        name,
        grid,
        shared_state.baseline(),
        training_set=image_choices()[-1],
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


def _existing(sweep: Sweep) -> None:
    progress = cache.progress_of(sweep)
    left = "" if progress.complete else f", {progress.done:,} of {progress.total:,} points measured"
    st.success(
        panels.escape(f"This sweep already exists, as “{fmt.inline_text(sweep.name)}”{left}."),
        icon=":material/check_circle:",
    )


def _ready(spec: SweepSpec, name: str, extended: Sweep | None, start: Callable[[SweepSpec], None]) -> None:
    left, seconds = cache.estimate(spec)
    done = len(spec.points()) - left
    new = extended is None or extended.recorded
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
        disabled=not access.may_write(),
    )
    panels.kept_messages(ERRORS)
    existing = f"{done:,} of the points are measured already. " if done else ""
    if not left:
        st.caption(panels.escape(f"{existing}Nothing is left to measure."))
        return
    data = dataset_of(spec.training_set)
    test = f", reported on {data.test:,} test images" if spec.test else "; test accuracy is not measured"
    st.caption(
        panels.escape(
            f"{existing}Takes about {fmt.duration(seconds)} on this machine. Compared on {data.validation:,} "
            f"validation images{test}. Pruned with {images_words(spec.training_set)} training images."
        )
    )
