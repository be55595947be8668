"""Upload of a dense network: checked before it is stored, then evaluated by a job before it is offered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

import streamlit as st

from roboreg_core.datasets.dataset import CIFAR10
from roboreg_core.datasets.library import list_datasets
from roboreg_core.errors import RoboRegError
from roboreg_core.models import file_formats
from roboreg_core.models.normalisation import CHOICES
from roboreg_core.networks import management, start, uploaded_weights
from roboreg_core.networks.spec import UploadSpec, estimate_seconds
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.ui import access, keys, panels, schedule_html, shared_state
from roboreg_core.ui.train import network_cards
from roboreg_core.wording import fmt

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

ERRORS = "train-upload"
_CHECKED, _ROUND = "train-upload-checked", "train-upload-round"


def show() -> None:
    """Draw the field for a weights file, the result of its check, and the button that adds the network."""
    st.subheader("Upload a network")
    st.markdown(
        "A CIFAR-style ResNet (ResNet-20, 32, 44, 56, 110, ...) with option-A or option-B shortcuts, as a safetensors "
        f"or PyTorch file of at most {file_formats.MAX_BYTES >> 20} MB with any suffix. Only tensors are read; no code "
        "in the file is executed."
    )
    file = st.file_uploader(
        "Weights file",
        key=_field(),
        max_upload_size=file_formats.MAX_BYTES >> 20,
        disabled=not access.may_write(),
    )
    panels.kept_messages(ERRORS)
    if file is None or not access.may_write():
        return
    if not shared_state.backend().loaded.is_set():
        panels.loading()
        return
    checked = _checked(file)
    if isinstance(checked, str):
        panels.show_error(checked)
        st.caption("The file was not stored.")
        return
    _accepted(checked, file)


def _field() -> str:
    """Key of the field; a new key after each upload empties it."""
    return keys.of("file", str(st.session_state.get(_ROUND, 0)))


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """A file that can be added: its spec, sentences on it, and True if it lacks a normalisation."""

    spec: UploadSpec
    sentences: tuple[str, ...]
    is_foreign: bool


def _checked(file: UploadedFile) -> _Checked | str:
    """The file, or the error as text; checked once per file."""
    cached = st.session_state.get(_CHECKED)
    if cached is None or cached[0] != file.file_id:
        st.session_state[_CHECKED] = cached = (file.file_id, _check(file))
    return cached[1]


def _check(file: UploadedFile) -> _Checked | str:
    try:
        file_formats.check_size(file.size)
        content = file.getvalue()
        loaded = uploaded_weights.read(content, file.name)
        wanted = PurePath(file.name).stem.strip()[:LONGEST_NAME] or "uploaded"
        return _Checked(
            spec=UploadSpec.of(content, file.name, _name(wanted)),
            sentences=(f"A {uploaded_weights.description(loaded)}.", *map(panels.sentence, loaded.notes)),
            is_foreign=loaded.source is not None,
        )
    except RoboRegError as error:
        return fmt.shortened(str(error), 1_000)


def _name(wanted: str) -> str:
    """Name of the file if it is valid for a network, else a default."""
    try:
        return management.unused_name(shared_state.store(), wanted)
    except RoboRegError:
        return management.unused_name(shared_state.store(), "uploaded")


def _accepted(checked: _Checked, file: UploadedFile) -> None:
    spec = checked.spec
    if checked.is_foreign:
        chosen = st.selectbox(
            "Normalisation",
            CHOICES,
            key=keys.TRAIN_UPLOAD_NORMALISATION,
            help="Means and standard deviations of the inputs. auto: the most accurate one on validation images.",
        )
        spec = replace(spec, normalisation=chosen)
    names = {"" if each.id == CIFAR10.id else each.id: each.name for each in list_datasets()}
    if len(names) > 1:
        data = st.selectbox("Data set", names, format_func=names.__getitem__, key=keys.TRAIN_UPLOAD_DATA)
        spec = replace(spec, training_set=data)
    existing = start.existing(shared_state.store(), spec)
    if existing is not None:
        st.success(
            panels.escape(f"This network already exists: {schedule_html.isolated(existing.name)}."),
            icon=":material/check:",
        )
        network_cards.use_link(existing.name, keys.TRAIN_UPLOAD_USE)
        return
    if any(each.record.id == spec.id for each in management.deleted(shared_state.store())):
        st.info("This network was uploaded and deleted.")
        network_cards.DELETED.restore_button(spec.id, keys.of("restore-upload", spec.id))
        return
    st.info(panels.escape(" ".join(checked.sentences)), icon=":material/check:")
    st.text_input("Name", spec.name, key=keys.TRAIN_UPLOAD_NAME, max_chars=LONGEST_NAME)
    panels.action("Evaluate and add", keys.TRAIN_UPLOAD, "upload", lambda: _submit(spec, file), ERRORS)
    seconds = estimate_seconds(spec, shared_state.runs())
    how = (
        "Checked on validation images, then evaluated on test images"
        if checked.is_foreign
        else "Evaluated on test images"
    )
    st.caption(f"{how} first, about {fmt.duration(seconds)}.")


def _submit(spec: UploadSpec, file: UploadedFile) -> None:
    wanted = st.session_state.get(keys.TRAIN_UPLOAD_NAME, "").strip() or spec.name
    named = replace(spec, name=wanted)
    start.start(shared_state.backend().engine(), named, file.getvalue())
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state.pop(_CHECKED, None)
