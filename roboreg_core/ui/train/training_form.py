"""A new training: recipe, epochs, seed and images, how long it takes, and the one button that starts it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from roboreg_core.networks import management, start
from roboreg_core.networks.spec import NETWORK, TrainingSpec, estimate_seconds, measured_speeds
from roboreg_core.store.records import LONGEST_NAME, Record
from roboreg_core.ui import job_cards, keys, panels, schedule_html, shared_state, url_settings
from roboreg_core.ui.design.launcher import IMAGES_WORDS, MAX_SEED
from roboreg_core.ui.train import active_trainings, network_cards
from roboreg_core.ui.url_settings import UrlSetting, one_of, within
from roboreg_core.wording import fmt, network_facts

RECIPE_WORDS = {
    "best": "Crop and flip, Nesterov momentum, a rate that holds and then falls to zero. The "
    "network that taught the shipped one was trained so.",
    "distilled": "The shipped network's answers beside the labels, and a rate that falls all the way. The shipped "
    "network was itself trained so, taught by an earlier one.",
    "source": "The source project's: six augmentations, plain momentum, the rate divided by ten at epochs 100 and 150. "
    "For comparison with its figures.",
}
# As the recipes say.
RECIPE_EPOCHS = {"best": 160, "distilled": 120, "source": 200}
EPOCHS, BATCHES = (1, 1000), (16, 1024)
DEVICE_WORDS = {"cuda": "GPU", "cpu": "Processor"}
DEFAULT_EPOCHS = 20
ERRORS = "train-start"


def show() -> None:
    """The fields, the estimate and the button; or the network, where this very training is there or under way."""
    st.subheader("Train a new one")
    if not shared_state.machinery().loaded.is_set():
        _waiting()
        return
    full = shared_state.machinery().full_images
    settings = _settings("full" if full else "bundled")
    url_settings.restore(settings)
    _recipe()
    _numbers(full=full)
    url_settings.follow(settings)
    panels.kept_error(ERRORS)
    with panels.errors_shown():
        _ready(_spec())


@st.fragment(run_every=0.5)
def _waiting() -> None:
    if shared_state.machinery().loaded.is_set():
        st.rerun()
    st.info("Loading torch and the job engine, a few seconds.", icon="spinner")


def _recipe() -> None:
    st.radio(
        "Recipe",
        list(RECIPE_WORDS),
        key=keys.TRAIN_RECIPE,
        persist_state="session",
        captions=list(RECIPE_WORDS.values()),
    )


def _numbers(*, full: bool) -> None:
    left, middle, right = st.columns(3)
    left.number_input(
        "Epochs",
        *EPOCHS,
        key=keys.TRAIN_EPOCHS,
        persist_state="session",
        help="Passes over the training images. The recipe's own number, for figures to report, is "
        f"{RECIPE_EPOCHS[st.session_state[keys.TRAIN_RECIPE]]}.",
    )
    middle.number_input(
        "Seed",
        0,
        MAX_SEED,
        key=keys.TRAIN_SEED,
        persist_state="session",
        help="Of the first weights, the order of the images and their augmentation.",
    )
    right.number_input("Batch size", *BATCHES, step=16, key=keys.TRAIN_BATCH, persist_state="session")
    st.segmented_control(
        "Training images",
        ["bundled", "full"] if full else ["bundled"],
        required=True,
        format_func=IMAGES_WORDS.__getitem__,
        key=keys.TRAIN_IMAGES,
        persist_state="session",
        help=None if full else "All 48,000 can be fetched on this page.",
    )
    if _has_gpu():
        st.segmented_control(
            "Train on",
            list(DEVICE_WORDS),
            required=True,
            format_func=DEVICE_WORDS.__getitem__,
            key=keys.TRAIN_DEVICE,
            persist_state="session",
        )


def _suggested() -> str:
    chosen = (st.session_state[key] for key in (keys.TRAIN_RECIPE, keys.TRAIN_EPOCHS, keys.TRAIN_SEED))
    return management.unused_name(shared_state.store(), network_facts.suggested_name(*chosen))


def _settings(images: str) -> tuple[UrlSetting, ...]:
    known = ("bundled", "full") if images == "full" else ("bundled",)
    return (
        UrlSetting(key=keys.TRAIN_RECIPE, default="best", read=one_of(*RECIPE_WORDS)),
        UrlSetting(key=keys.TRAIN_EPOCHS, default=DEFAULT_EPOCHS, read=within(*EPOCHS)),
        UrlSetting(key=keys.TRAIN_SEED, default=0, read=within(0, MAX_SEED)),
        UrlSetting(key=keys.TRAIN_BATCH, default=128, read=within(*BATCHES)),
        UrlSetting(key=keys.TRAIN_IMAGES, default=images, read=one_of(*known)),
        UrlSetting(key=keys.TRAIN_DEVICE, default="cuda", read=one_of(*DEVICE_WORDS)),
    )


def _spec() -> TrainingSpec:
    chosen: dict[str, Any] = {
        "recipe": st.session_state[keys.TRAIN_RECIPE],
        "epochs": st.session_state[keys.TRAIN_EPOCHS],
        "seed": st.session_state[keys.TRAIN_SEED],
        "batch_size": st.session_state[keys.TRAIN_BATCH],
        "training_set": st.session_state[keys.TRAIN_IMAGES],
    }
    device = st.session_state[keys.TRAIN_DEVICE] if _has_gpu() else "auto"
    return TrainingSpec(name=st.session_state.get(keys.TRAIN_NAME, "").strip() or _suggested(), device=device, **chosen)


def _ready(spec: TrainingSpec) -> None:
    """What can be done with these settings: start, watch, resume, restore or use."""
    standing, halted = start.existing(shared_state.store(), spec), start.unfinished(shared_state.store(), spec)
    if standing is not None:
        st.success(
            panels.escape(
                f"This very training is finished: {schedule_html.isolated(standing.name)}, right on "
                f"{network_facts.accuracy_words(standing)}."
            ),
            icon=":material/check_circle:",
        )
        network_cards.use_link(standing.name, keys.TRAIN_USE)
    elif any(each.record.id == spec.id for each in management.deleted(shared_state.store())):
        st.info("This very training was finished, and its network deleted. It need not be done again.")
        network_cards.BIN.button(spec.id, keys.of("restore-training", spec.id))
    elif halted is not None and not halted.status.is_ended:
        st.info("This very training is under way, see above.", icon=":material/hourglass_top:")
    elif halted is not None:
        st.info("This very training was stopped, see above. It can go on from there.", icon=":material/pause:")
        job_cards.resume_button("Resume it", keys.TRAIN_RESUME, halted, active_trainings.ERRORS, type="primary")
    else:
        _start(spec)


def _start(spec: TrainingSpec) -> None:
    st.text_input(
        "Name", key=keys.TRAIN_NAME, max_chars=LONGEST_NAME, placeholder=_suggested(), persist_state="session"
    )
    records = _own()
    seconds = estimate_seconds(spec, records)
    known = measured_speeds(records) is not None
    ahead = sum(not job.status.is_ended for job in shared_state.store().list_jobs() if job.lane == "device")
    wait = f", after {fmt.plural(ahead, 'job')} under way" if ahead else ""
    where = "on this machine" if known else "by the usual speed of two CPU cores, as nothing was trained here yet"
    st.caption(f"Takes about {fmt.duration(seconds)} {where}{wait}. It can be cancelled and resumed.")
    look = {"type": "primary", "width": "stretch"}
    panels.action("Train", keys.TRAIN_START, "play_arrow", lambda: _submit(spec), ERRORS, **look)


def _own() -> list[Record]:
    """What may tell this machine's speed, newest first."""
    own = [*shared_state.store().list_records(NETWORK), *shared_state.runs()]
    return sorted(own, key=lambda record: record.created, reverse=True)


def _submit(spec: TrainingSpec) -> None:
    start.start(shared_state.machinery().engine(), spec)
    st.session_state[keys.TRAIN_NAME] = ""


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
