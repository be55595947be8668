"""Pruning and fine-tuning settings, their estimated time, and the button that starts a run."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from roboreg_core.datasets import library
from roboreg_core.datasets.cifar10 import TRAINING_COUNTS
from roboreg_core.datasets.dataset import CIFAR10, dataset_of, is_cifar10
from roboreg_core.errors import DataError
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD, METHODS
from roboreg_core.runs.execute import task_for
from roboreg_core.runs.spec import RunSpec, estimate_seconds, preset_fields, spec_for
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Record
from roboreg_core.training.fine_tuning_presets import DEFAULT_TUNE_PRESET, TUNE_PRESETS
from roboreg_core.training.spec import BATCH_SIZES, LEARNING_RATES, MAX_EPOCHS, MAX_SEED
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
from roboreg_core.ui.design import editing_session
from roboreg_core.ui.url_settings import UrlSetting, one_of, within
from roboreg_core.wording import baseline_changes, fmt, job_progress

METHOD_WORDS = {name: f"{fmt.sentence_case(method.meaning)}." for name, method in METHODS.items()}
PRESET_WORDS = {name: preset.label for name, preset in TUNE_PRESETS.items()}
PRESET_HELP = "\n\n".join(f"{e.label}, {e.spec.epochs} epochs: {e.description}" for e in TUNE_PRESETS.values())
IMAGES_WORDS = {
    "bundled": f"{TRAINING_COUNTS['bundled']:,} (bundled)",
    "full": f"{TRAINING_COUNTS['full']:,} (full)",
}
REFRESH_SECONDS = 1.0
# Session key: filters of the network for which the page was drawn.
_FILTERS = "design-filters"
# Field of a `RunSpec` -> widget.
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
_WIDE: dict[str, Any] = {"type": "primary", "width": "stretch"}


@panels.fragment(key=keys.LAUNCH_PART)
def panel(schedule: Callable[[], Schedule]) -> None:
    """Draw settings and start button once the backend is loaded; `schedule()` returns the schedule of the new run."""
    if shared_state.backend().loaded.is_set():
        with panels.errors_shown():
            _panel(schedule())
    else:
        panels.loading(note="The costs above are available already.")


def _panel(schedule: Schedule) -> None:
    dense_choice.pick(_network_changed)
    st.session_state[_FILTERS] = shared_state.filters()
    dense = shared_state.baseline()
    settings = _settings_fields()
    if schedule == dense.model.schedule:
        st.info("This schedule keeps all filters: nothing to prune. Reduce a block or choose a preset.")
        return
    spec = spec_for(schedule, dense, settings.pop("training_set"), **settings)
    record = shared_state.store().get_record(spec.id)
    job = shared_state.store().active_job_for(spec.id)
    if record is not None:
        _finished(record)
    elif job is not None:
        _active(job.id)
    else:
        _start(spec)


def images_setting(key: str, known: Sequence[str]) -> UrlSetting:
    """Setting that keeps the choice of training images in the page's URL.

    Args:
        key: key of the widget that `training_images` draws.
        known: training sets to choose from, e.g. `bundled`, `full`; the last one is the default.
    """
    return UrlSetting(key=key, default=known[-1], read=one_of(*known))


def cifar10_parts() -> list[str]:
    """Training sets of CIFAR-10 on this machine: `bundled`, and `full` if it is downloaded."""
    return list(IMAGES_WORDS) if shared_state.backend().full_images else ["bundled"]


def image_choices() -> list[str]:
    """Ids of the training sets offered for the chosen dense network: only the data set that it was trained on.

    If that is not known, all data sets with its image size and number of classes.
    """
    network = shared_state.chosen_network()
    if network is None or is_cifar10(network.training_set):
        return cifar10_parts()
    if network.training_set:
        return [network.training_set]
    fitting = [
        each.id
        for each in library.list_datasets()
        if (each.n_classes, each.image_size) == (network.architecture.n_classes, network.architecture.image_size)
    ]
    parts = cifar10_parts() if CIFAR10.id in fitting or not fitting else []
    return [*(each for each in fitting if each != CIFAR10.id), *parts]


def images_words(training_set: str) -> str:
    """Text: number and source of training images, e.g. `10,000 (bundled)` or `1,297 (digits)`.

    If the data set is not on this machine, the text says so.
    """
    if training_set in IMAGES_WORDS:
        return IMAGES_WORDS[training_set]
    try:
        found = dataset_of(training_set)
    except DataError:
        return f"data set {training_set}, which is not on this machine"
    return f"{found.training:,} ({fmt.inline_text(found.name)})"


def method_field(key: str, **options: Any) -> None:
    """Draw the select box for the pruning method, `st.session_state[key]`; `options` are passed to `st.selectbox`."""
    tip = METHOD_WORDS[st.session_state[key]]
    st.selectbox("Method", list(METHOD_WORDS), key=key, help=tip, persist_state="session", **options)


def recalibrate_field(key: str, **options: Any) -> None:
    """Draw the switch for batch-norm recalibration, with the widget key `key`; `options` are passed to `st.toggle`."""
    tip = (
        f"Re-estimates the batch-norm statistics on {DEFAULT_CALIBRATION:,} training images right after pruning, "
        "without labels. Recovers much of the accuracy lost by methods that merge or drop filters; refit does not "
        "need it."
    )
    st.toggle("Recalibrate batch norm", key=key, help=tip, persist_state="session", **options)


def training_images(key: str, known: Sequence[str], on_change: Callable[[], None] | None = None) -> None:
    """Draw the field for the training set, with the widget key `key`; `known` are the training sets to choose from."""
    if st.session_state.get(key) not in known:  # of a network chosen before
        st.session_state[key] = known[-1]
    missing = is_cifar10(known[-1]) and not shared_state.backend().full_images
    st.segmented_control(
        "Training images",
        known,
        required=True,
        format_func=images_words,
        key=key,
        on_change=on_change,
        persist_state="session",
        help=f"{IMAGES_WORDS['full']} can be downloaded under Dense networks." if missing else None,
    )


def _settings_fields() -> dict[str, Any]:
    settings = _url_settings()
    url_settings.restore(settings)
    st.segmented_control(
        "Fine-tuning",
        list(PRESET_WORDS),
        required=True,
        format_func=PRESET_WORDS.__getitem__,
        key=keys.TUNE_PRESET,
        persist_state="session",
        on_change=_take_preset,
        help=f"Sets epochs and learning rate.\n\n{PRESET_HELP}",
    )
    left, right = st.columns(2, vertical_alignment="top")
    left.number_input(
        "Fine-tuning epochs",
        0,
        MAX_EPOCHS,
        key=keys.EPOCHS,
        on_change=_tuning_changed,
        persist_state="session",
        help="Passes over the training images after pruning. 0: pruning only, in seconds.",
    )
    right.number_input(
        "Seed",
        0,
        MAX_SEED,
        key=keys.SEED,
        on_change=_pruning_changed,
        persist_state="session",
        help="Seed of clustering, calibration images and fine-tuning. The same seed gives the same run.",
    )
    training_images(keys.IMAGES, image_choices(), _pruning_changed)
    title = f"Method ({st.session_state[keys.METHOD]}) and advanced settings"
    with st.expander(title, key="advanced", icon=":material/tune:"):
        _advanced()
    url_settings.follow(settings)
    return settings_chosen()


def is_set() -> bool:
    """True once `panel` has drawn its fields in this session, so that their values can be read."""
    return all(key in st.session_state for key in FIELDS.values())


def settings_chosen() -> dict[str, Any]:
    """Values of all fields of `panel`, named as in `RunSpec`; call it after `panel`."""
    return {name: st.session_state[key] for name, key in FIELDS.items()}


def pruning() -> dict[str, Any]:
    """Values of the fields of `panel` that affect pruning, named as in `RunSpec`; call it after `panel`."""
    return {name: st.session_state[FIELDS[name]] for name in ("training_set", "method", "recalibrate", "seed")}


def _pruning_changed() -> None:
    rows = editing_session.row_parts()
    panels.redraw(keys.LAUNCH_PART, keys.COUNTS_PART, *rows, keys.REMOVAL_PART, keys.PREVIEW_PART)


def _network_changed() -> None:
    if st.session_state.get(_FILTERS) != shared_state.filters():
        editing_session.network_changed()
    else:
        _pruning_changed()


def _tuning_changed() -> None:
    panels.redraw(keys.LAUNCH_PART, keys.COUNTS_PART)


def _take_preset() -> None:
    fields = preset_fields(st.session_state[keys.TUNE_PRESET])
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
    recalibrate_field(keys.RECALIBRATE, on_change=_pruning_changed)
    st.toggle(
        "Knowledge distillation",
        key=keys.DISTIL,
        persist_state="session",
        help="Fine-tuning on the dense network's predictions as well as the labels; recovers more accuracy.",
    )
    left, right = st.columns(2)
    left.number_input(
        "Learning rate", *LEARNING_RATES, step=0.005, format="%g", key=keys.LEARNING_RATE, persist_state="session"
    )
    right.number_input("Batch size", *BATCH_SIZES, step=16, key=keys.BATCH_SIZE, persist_state="session")


def _url_settings() -> tuple[UrlSetting, ...]:
    preset = preset_fields(DEFAULT_TUNE_PRESET)
    return (
        UrlSetting(key=keys.EPOCHS, default=preset["epochs"], read=within(0, MAX_EPOCHS)),
        UrlSetting(key=keys.SEED, default=0, read=within(0, MAX_SEED)),
        images_setting(keys.IMAGES, image_choices()),
        UrlSetting(key=keys.METHOD, default=DEFAULT_METHOD, read=one_of(*METHOD_WORDS)),
        UrlSetting(key=keys.RECALIBRATE, default=False, read=url_settings.flag),
        UrlSetting(key=keys.TUNE_PRESET, default=DEFAULT_TUNE_PRESET, read=one_of(*PRESET_WORDS)),
        UrlSetting(key=keys.DISTIL, default=True, read=url_settings.flag),
        UrlSetting(key=keys.LEARNING_RATE, default=preset["learning_rate"], read=within(*LEARNING_RATES, float)),
        UrlSetting(key=keys.BATCH_SIZE, default=preset["batch_size"], read=within(*BATCH_SIZES)),
    )


def _start(spec: RunSpec) -> None:
    seconds = estimate_seconds(spec, shared_state.runs())
    label = "Prune and fine-tune" if spec.epochs else "Prune"
    panels.action(label, keys.START, "play_arrow", lambda: submit(spec), keys.START, **_WIDE)
    ahead = [job for job in shared_state.unfinished_jobs() if job.lane == "device"]
    wait = f", after {job_progress.counted(ahead)} in the queue" if ahead else ""
    st.caption(f"Takes about {fmt.duration(seconds)}{wait}. Moving a slider does not start a run.")
    panels.kept_messages(keys.START)


def submit(spec: RunSpec) -> None:
    """Put the job of the run `spec` into the queue."""
    shared_state.backend().engine().submit(
        task_for(spec, shared_state.network(spec.dense_sha256), shared_state.store())
    )


def _finished(record: Record) -> None:
    change = baseline_changes.accuracy(run_metrics_cache.summary_of(record))
    whose = "an example run" if record.recorded else "one of your runs"
    st.success(
        f"This run already exists ({whose}): accuracy {fmt.percent(change.value)}, "
        f"{fmt.signed_points(change.difference, unit='percentage points')} against the dense network ({change.words}).",
        icon=":material/check_circle:",
    )
    navigation.button("Open the run", keys.OPEN_RUN, "inspect", {"run": record.id}, **_WIDE)


@panels.fragment(run_every=REFRESH_SECONDS)
def _active(job_id: str) -> None:
    job = shared_state.store().get_job(job_id)
    if job is None or job.status.is_ended:
        st.rerun()
    job_cards.progress_bar(job)
    navigation.button("Show progress", keys.SHOW_PROGRESS, "jobs", **_WIDE)
    st.caption("The run continues while you keep designing or close the page.")
