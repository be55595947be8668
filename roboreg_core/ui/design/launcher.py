"""How to prune and fine-tune, how long it takes, and the one button that starts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD
from roboreg_core.runs.execute import task_for
from roboreg_core.runs.spec import DEFAULT_EPOCHS, DEFAULT_PRESET, RunSpec, estimate_seconds, of_preset, spec_for
from roboreg_core.schedules.schedule import N_BLOCKS, Schedule
from roboreg_core.store.records import Record
from roboreg_core.ui import (
    dense_choice,
    job_cards,
    keys,
    navigation,
    panels,
    run_metrics_cache,
    shared_state,
    url_settings,
)
from roboreg_core.ui.url_settings import UrlSetting, one_of, within
from roboreg_core.wording import baseline_changes, fmt, job_progress

METHOD_WORDS = {
    "refit": "Keeps the filters that the block's output misses most, mixes the dropped ones into them, and solves the "
    "weights by least squares so that every block answers as before. Recommended; takes a few seconds.",
    "refit-plus": "The same with five rounds of mixing and solving in place of one: loses least, takes longer.",
    "merge": "Clusters the filters with their batch norm, averages each cluster and adds up what reads it: exact where "
    "the filters of a cluster are equal.",
    "source": "The source project's arithmetic, for comparison: clusters raw weights and averages everything.",
    "l1": "Drops the filters with the smallest weights, the commonest criterion; for comparison.",
    "fpgm": "Drops the filters nearest to the geometric median of all, the most replaceable ones; for comparison.",
    "bn-scale": "Drops the filters with the smallest batch-norm scale; for comparison.",
    "random": "Drops filters at random: what any method must beat.",
}
PRESET_WORDS = {"quick": "Quick", "good": "Good", "full": "Full"}
IMAGES_WORDS = {"bundled": "10,000 (bundled)", "full": "48,000 (all of CIFAR-10)"}
LOOK_AGAIN_SECONDS = 1.0
MAX_EPOCHS, MAX_SEED = 200, 2**31 - 1
RATES, BATCHES = (0.0001, 1.0), (16, 1024)
TUNE = ":material/tune:"
# What a spec calls a setting, and the widget that holds it.
FIELDS = {
    "epochs": keys.EPOCHS,
    "seed": keys.SEED,
    "training_set": keys.IMAGES,
    "method": keys.METHOD,
    "preset": keys.TUNE_PRESET,
    "distil": keys.DISTIL,
    "recalibrate": keys.RECALIBRATE,
    "learning_rate": keys.LEARNING_RATE,
    "batch_size": keys.BATCH_SIZE,
}


@st.fragment(key=keys.LAUNCH_PART)
def panel(schedule: Callable[[], Schedule]) -> None:
    """Recipe and start, once torch and the dense network are loaded; until then it says so and looks again."""
    if shared_state.machinery().loaded.is_set():
        with panels.errors_shown():
            _panel(schedule())
    else:
        _waiting()


@st.fragment(run_every=0.5)
def _waiting() -> None:
    if shared_state.machinery().loaded.is_set():
        st.rerun()
    st.info(
        "Loading the dense network and the job engine, a few seconds. The counts above are live already.",
        icon="spinner",
    )


def _panel(schedule: Schedule) -> None:
    dense_choice.pick(_pruning_changed)
    dense = shared_state.baseline()
    settings = _recipe()
    if schedule.is_dense:
        st.info("This schedule keeps every filter, so there is nothing to prune. Lower a block, or take a preset.")
        return
    spec = spec_for(schedule, dense, settings.pop("training_set"), **settings)
    record = shared_state.store().get_record(spec.id)
    job = shared_state.store().active_job_for(spec.id)
    if record is not None:
        _finished(record)
    elif job is not None:
        _under_way(job.id)
    else:
        _start(spec)


def _recipe() -> dict[str, Any]:
    full = shared_state.machinery().full_images
    settings = _settings("full" if full else "bundled")
    url_settings.restore(settings)
    st.segmented_control(
        "Fine-tuning",
        list(PRESET_WORDS),
        required=True,
        format_func=PRESET_WORDS.__getitem__,
        key=keys.TUNE_PRESET,
        persist_state="session",
        on_change=_take_preset,
        help="Sets epochs and learning rate. Quick: about a minute on two CPU cores with the bundled images. Good: "
        "about half an hour with all of them. Full: 120 epochs, for a GPU or a night.",
    )
    left, right = st.columns(2, vertical_alignment="top")
    left.number_input(
        "Epochs of fine-tuning",
        0,
        MAX_EPOCHS,
        key=keys.EPOCHS,
        on_change=_tuning_changed,
        persist_state="session",
        help="Passes over the training images after pruning. 0 prunes only, which takes seconds.",
    )
    right.number_input(
        "Seed",
        0,
        MAX_SEED,
        key=keys.SEED,
        on_change=_pruning_changed,
        persist_state="session",
        help="Of clustering, calibration images and fine-tuning. The same seed gives the same run.",
    )
    st.segmented_control(
        "Training images",
        ["bundled", "full"] if full else ["bundled"],
        required=True,
        format_func=IMAGES_WORDS.__getitem__,
        key=keys.IMAGES,
        on_change=_pruning_changed,
        persist_state="session",
        help=None if full else "All 48,000 can be fetched on the Train page.",
    )
    with st.expander(f"Method ({st.session_state[keys.METHOD]}) and advanced settings", key="advanced", icon=TUNE):
        _advanced()
    url_settings.follow(settings)
    return settings_chosen()


def is_set() -> bool:
    """Whether `panel` was drawn in this visit, so that settings are chosen."""
    return all(key in st.session_state for key in FIELDS.values())


def settings_chosen() -> dict[str, Any]:
    """All settings chosen on the page, as `RunSpec` names them; known behind `panel`."""
    return {name: st.session_state[key] for name, key in FIELDS.items()}


def pruning() -> dict[str, Any]:
    """The settings chosen on the page that determine a pruning, as `RunSpec` names them; known behind `panel`."""
    return {name: st.session_state[FIELDS[name]] for name in ("training_set", "method", "recalibrate", "seed")}


def _pruning_changed() -> None:
    rows = [keys.row_part(block) for block in range(1, N_BLOCKS + 1)]
    panels.redraw(keys.LAUNCH_PART, keys.COUNTS_PART, *rows, keys.EXCHANGE_PART, keys.PREVIEW_PART)


def _tuning_changed() -> None:
    panels.redraw(keys.LAUNCH_PART, keys.COUNTS_PART)


def _take_preset() -> None:
    fields = of_preset(st.session_state[keys.TUNE_PRESET])
    for name in ("epochs", "learning_rate", "batch_size"):
        st.session_state[FIELDS[name]] = fields[name]
    _tuning_changed()


def _advanced() -> None:
    st.radio(
        "Method",
        list(METHOD_WORDS),
        key=keys.METHOD,
        on_change=_pruning_changed,
        persist_state="session",
        format_func=lambda name: f"{name} (recommended)" if name == DEFAULT_METHOD else name,
        captions=list(METHOD_WORDS.values()),
    )
    st.toggle(
        "Recalibrate batch norm",
        key=keys.RECALIBRATE,
        on_change=_pruning_changed,
        persist_state="session",
        help=f"Estimates batch norm's statistics anew on {DEFAULT_CALIBRATION:,} training images right after pruning; "
        "no labels are used. "
        "Repairs much of what the merging and dropping methods break; refit needs none.",
    )
    st.toggle(
        "Learn from the dense network",
        key=keys.DISTIL,
        persist_state="session",
        help="Fine-tuning then follows the dense network's answers (distillation) and not the labels alone, which wins "
        "back more.",
    )
    left, right = st.columns(2)
    left.number_input(
        "Learning rate", *RATES, step=0.005, format="%.4f", key=keys.LEARNING_RATE, persist_state="session"
    )
    right.number_input("Batch size", *BATCHES, step=16, key=keys.BATCH_SIZE, persist_state="session")


def _settings(images: str) -> tuple[UrlSetting, ...]:
    known = ("bundled", "full") if images == "full" else ("bundled",)
    return (
        UrlSetting(key=keys.EPOCHS, default=DEFAULT_EPOCHS, read=within(0, MAX_EPOCHS)),
        UrlSetting(key=keys.SEED, default=0, read=within(0, MAX_SEED)),
        UrlSetting(key=keys.IMAGES, default=images, read=one_of(*known)),
        UrlSetting(key=keys.METHOD, default=DEFAULT_METHOD, read=one_of(*METHOD_WORDS)),
        UrlSetting(key=keys.RECALIBRATE, default=False, read=url_settings.flag),
        UrlSetting(key=keys.TUNE_PRESET, default=DEFAULT_PRESET, read=one_of(*PRESET_WORDS)),
        UrlSetting(key=keys.DISTIL, default=True, read=url_settings.flag),
        UrlSetting(key=keys.LEARNING_RATE, default=0.01, read=within(*RATES, float)),
        UrlSetting(key=keys.BATCH_SIZE, default=128, read=within(*BATCHES)),
    )


def _start(spec: RunSpec) -> None:
    seconds = estimate_seconds(spec, shared_state.runs())
    ahead = [job for job in shared_state.jobs() if not job.status.is_ended and job.lane == "device"]
    wait = f", after {job_progress.counted(ahead)} under way" if ahead else ""
    label = "Prune and fine-tune" if spec.epochs else "Prune"
    look = {"type": "primary", "width": "stretch"}
    panels.action(label, keys.START, "play_arrow", lambda: submit(spec), keys.START, **look)
    st.caption(f"Takes about {fmt.duration(seconds)}{wait}. Moving a slider starts nothing.")
    panels.kept_error(keys.START)


def submit(spec: RunSpec) -> None:
    """Queue a run."""
    shared_state.machinery().engine().submit(
        task_for(spec, shared_state.network(spec.dense_sha256), shared_state.store())
    )


def _finished(record: Record) -> None:
    change = baseline_changes.accuracy(run_metrics_cache.summary_of(record))
    whose = "It ships with the project" if record.recorded else "You have run it"
    st.success(
        f"This very run is finished: {fmt.percent(change.value)} accuracy, "
        f"{fmt.signed_points(change.difference)} to dense ({change.verdict}). {whose}.",
        icon=":material/check_circle:",
    )
    if st.button(
        "Open the finished run", key=keys.OPEN_RUN, type="primary", icon=":material/query_stats:", width="stretch"
    ):
        navigation.go("inspect", {"run": record.id})


@st.fragment(run_every=LOOK_AGAIN_SECONDS)
def _under_way(job_id: str) -> None:
    job = shared_state.store().get_job(job_id)
    if job is None or job.status.is_ended:
        st.rerun()
    job_cards.progress_bar(job)
    if st.button(
        "Show progress", key=keys.SHOW_PROGRESS, type="primary", icon=":material/monitoring:", width="stretch"
    ):
        navigation.go("jobs")
    st.caption("You may go on designing, or close the page: the run goes on.")
