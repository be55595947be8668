"""Form for a new training: data set, architecture, recipe, epochs, seed, estimated time and start button."""

from collections.abc import Collection
from typing import Any

import streamlit as st

from roboreg_core.architecture import PROJECTION, RESNET20, USUAL_DEPTHS, ZEROS, Architecture
from roboreg_core.datasets import library
from roboreg_core.datasets.dataset import CIFAR10
from roboreg_core.models.costs import relative_work
from roboreg_core.networks import management, start
from roboreg_core.networks.spec import (
    DEFAULT_BATCH,
    DEFAULT_RECIPE,
    NETWORK,
    TrainingSpec,
    estimate_seconds,
    measured_speeds,
)
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.training.spec import BATCH_SIZES, MAX_EPOCHS, MAX_SEED, RECIPES, SHORT_EPOCHS
from roboreg_core.ui import job_cards, keys, panels, schedule_html, shared_state, url_settings
from roboreg_core.ui.design.launcher import cifar10_parts, images_setting, training_images
from roboreg_core.ui.train import active_trainings, network_cards
from roboreg_core.ui.url_settings import UrlSetting, one_of, within
from roboreg_core.wording import fmt, network_facts

SHORTCUT_WORDS = {ZEROS: "A (zeros)", PROJECTION: "B (1×1)"}
DEVICE_WORDS = {"cuda": "GPU", "cpu": "CPU"}
ERRORS = "train-start"


def show() -> None:
    """Draw the form for a new training, its estimated time, and a button to start, resume, restore or use it."""
    st.subheader("Train a new network")
    if not shared_state.backend().loaded.is_set():
        panels.loading()
        return
    datasets = {each.id: each for each in library.list_datasets()}
    settings = _settings(datasets)
    url_settings.restore(settings)
    if st.session_state[keys.TRAIN_DATA] not in datasets:  # deleted meanwhile
        st.session_state[keys.TRAIN_DATA] = CIFAR10.id
    if len(datasets) > 1:
        st.selectbox(
            "Data set",
            list(datasets),
            key=keys.TRAIN_DATA,
            format_func=lambda each: f"{fmt.inline_text(datasets[each].name)} ({datasets[each].n_classes} classes)",
            persist_state="session",
        )
    _architecture()
    recipes = _recipes()
    if st.session_state[keys.TRAIN_RECIPE] not in recipes:
        st.session_state[keys.TRAIN_RECIPE] = DEFAULT_RECIPE
    st.radio(
        "Recipe",
        recipes,
        key=keys.TRAIN_RECIPE,
        persist_state="session",
        captions=[RECIPES[name].description for name in recipes],
    )
    _numbers()
    if _is_cifar10():
        training_images(keys.TRAIN_IMAGES, cifar10_parts())
    _device()
    url_settings.follow(settings)
    panels.kept_messages(ERRORS)
    with panels.errors_shown():
        _ready(_spec())


def _is_cifar10() -> bool:
    return bool(st.session_state[keys.TRAIN_DATA] == CIFAR10.id)


def _recipes() -> list[str]:
    """Recipes for the chosen data set: the teacher of distillation is a network for CIFAR-10."""
    return [name for name, each in RECIPES.items() if _is_cifar10() or not each.spec.distil_weight]


def _architecture() -> None:
    left, right = st.columns([3, 2])
    left.segmented_control(
        "Depth of the ResNet",
        USUAL_DEPTHS,
        required=True,
        key=keys.TRAIN_DEPTH,
        persist_state="session",
        help="Deeper networks are more accurate and take longer: ResNet-56 has "
        f"{relative_work(Architecture(depth=56)):.1f} times the cost of ResNet-20.",
    )
    right.segmented_control(
        "Shortcut",
        list(SHORTCUT_WORDS),
        required=True,
        format_func=SHORTCUT_WORDS.__getitem__,
        key=keys.TRAIN_SHORTCUT,
        persist_state="session",
        help="Where a stage doubles the channels: A adds channels of zeros, B has a 1×1 convolution with batch norm.",
    )


def _numbers() -> None:
    left, middle, right = st.columns(3)
    left.number_input(
        "Epochs",
        1,
        MAX_EPOCHS,
        key=keys.TRAIN_EPOCHS,
        persist_state="session",
        help="Passes over the training images. For figures to report, this recipe uses "
        f"{RECIPES[st.session_state[keys.TRAIN_RECIPE]].spec.epochs}.",
    )
    middle.number_input(
        "Seed",
        0,
        MAX_SEED,
        key=keys.TRAIN_SEED,
        persist_state="session",
        help="Seed of the initial weights, the order of the images and their augmentation.",
    )
    right.number_input("Batch size", *BATCH_SIZES, step=16, key=keys.TRAIN_BATCH, persist_state="session")


def _device() -> None:
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
    name = network_facts.suggested_name(*chosen, architecture=_chosen_architecture(), training_set=_training_set())
    return management.unused_name(shared_state.store(), name)


def _chosen_architecture() -> Architecture:
    return Architecture(depth=st.session_state[keys.TRAIN_DEPTH], shortcut=st.session_state[keys.TRAIN_SHORTCUT])


def _training_set() -> str:
    return str(st.session_state[keys.TRAIN_IMAGES if _is_cifar10() else keys.TRAIN_DATA])


def _settings(datasets: Collection[str]) -> tuple[UrlSetting, ...]:
    return (
        UrlSetting(key=keys.TRAIN_DATA, default=CIFAR10.id, read=one_of(*datasets)),
        UrlSetting(
            key=keys.TRAIN_DEPTH, default=RESNET20.depth, read=lambda text: int(one_of(*map(str, USUAL_DEPTHS))(text))
        ),
        UrlSetting(key=keys.TRAIN_SHORTCUT, default=RESNET20.shortcut, read=one_of(*SHORTCUT_WORDS)),
        UrlSetting(key=keys.TRAIN_RECIPE, default=DEFAULT_RECIPE, read=one_of(*RECIPES)),
        UrlSetting(key=keys.TRAIN_EPOCHS, default=SHORT_EPOCHS, read=within(1, MAX_EPOCHS)),
        UrlSetting(key=keys.TRAIN_SEED, default=0, read=within(0, MAX_SEED)),
        UrlSetting(key=keys.TRAIN_BATCH, default=DEFAULT_BATCH, read=within(*BATCH_SIZES)),
        images_setting(keys.TRAIN_IMAGES, cifar10_parts()),
        UrlSetting(key=keys.TRAIN_DEVICE, default="cuda", read=one_of(*DEVICE_WORDS)),
    )


def _spec() -> TrainingSpec:
    chosen: dict[str, Any] = {
        "recipe": st.session_state[keys.TRAIN_RECIPE],
        "epochs": st.session_state[keys.TRAIN_EPOCHS],
        "seed": st.session_state[keys.TRAIN_SEED],
        "batch_size": st.session_state[keys.TRAIN_BATCH],
        "training_set": _training_set(),
        "architecture": _chosen_architecture(),
    }
    device = st.session_state[keys.TRAIN_DEVICE] if _has_gpu() else "auto"
    return TrainingSpec(name=st.session_state.get(keys.TRAIN_NAME, "").strip() or _suggested(), device=device, **chosen)


def _ready(spec: TrainingSpec) -> None:
    """Offer to start, resume, restore or use the training with these settings."""
    existing, job = start.existing(shared_state.store(), spec), start.unfinished(shared_state.store(), spec)
    if existing is not None:
        st.success(
            panels.escape(
                f"This network already exists: {schedule_html.isolated(existing.name)}, "
                f"test accuracy {network_facts.accuracy_words(existing)}."
            ),
            icon=":material/check_circle:",
        )
        network_cards.use_link(existing.name, keys.TRAIN_USE)
    elif any(each.record.id == spec.id for each in management.deleted(shared_state.store())):
        st.info("This network was trained and deleted. It can be restored instead of trained again.")
        network_cards.DELETED.restore_button(spec.id, keys.of("restore-training", spec.id))
    elif job is not None and not job.status.is_ended:
        st.info("This training is already queued or running, see above.", icon=":material/hourglass_top:")
    elif job is not None:
        st.info("This training was stopped, see above, and can be resumed.", icon=":material/pause:")
        job_cards.resume_button("Resume", keys.TRAIN_RESUME, job, active_trainings.ERRORS, type="primary")
    else:
        _start(spec)


def _start(spec: TrainingSpec) -> None:
    st.text_input(
        "Name", key=keys.TRAIN_NAME, max_chars=LONGEST_NAME, placeholder=_suggested(), persist_state="session"
    )
    records = [*shared_state.store().list_records(NETWORK), *shared_state.runs()]
    records.sort(key=lambda record: record.created, reverse=True)
    seconds, measured = estimate_seconds(spec, records), measured_speeds(records) is not None
    ahead = sum(job.lane == "device" for job in shared_state.store().list_jobs(ended=False))
    wait = f", after {fmt.plural(ahead, 'job')} in the queue" if ahead else ""
    machine = "on this machine" if measured else "on two CPU cores (no measured speed yet)"
    st.caption(f"Takes about {fmt.duration(seconds)} {machine}{wait}. It can be cancelled and resumed.")
    options: dict[str, Any] = {"type": "primary", "width": "stretch"}
    panels.action("Train", keys.TRAIN_START, "play_arrow", lambda: _submit(spec), ERRORS, **options)


def _submit(spec: TrainingSpec) -> None:
    start.start(shared_state.backend().engine(), spec)
    st.session_state[keys.TRAIN_NAME] = ""


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
