"""Upload of a dense network: checked before it is stored, then evaluated by a job before it is offered."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import streamlit as st

from roboreg_core.errors import RoboRegError
from roboreg_core.models import file_formats
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
    """Draw the field for the file, the result of its check, and the button that adds the network."""
    st.subheader("Upload a network")
    st.markdown(
        f"A ResNet-20 for CIFAR-10 with option-A shortcuts, not pruned, as a safetensors or PyTorch file of at most "
        f"{file_formats.MAX_BYTES >> 20} MB with any suffix. Only tensors are read; no code in the file is executed."
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
    spec, notes, error = _checked(file)
    if spec is None:
        panels.show_error(error)
        st.caption("The file was not stored.")
        return
    _accepted(spec, notes, file)


def _field() -> str:
    """Key of the field; a new key after each upload empties it."""
    return keys.of("file", str(st.session_state.get(_ROUND, 0)))


def _checked(file: UploadedFile) -> tuple[UploadSpec | None, tuple[str, ...], str]:
    """Spec of a file and notes on it, or the error; checked once per file."""
    cached = st.session_state.get(_CHECKED)
    if cached is None or cached[0] != file.file_id:
        st.session_state[_CHECKED] = cached = (file.file_id, *_check(file))
    return cached[1], cached[2], cached[3]


def _check(file: UploadedFile) -> tuple[UploadSpec | None, tuple[str, ...], str]:
    try:
        file_formats.check_size(file.size)
        content = file.getvalue()
        loaded = uploaded_weights.read(content, file.name)
        wanted = PurePath(file.name).stem.strip()[:LONGEST_NAME] or "uploaded"
        return UploadSpec.of(content, file.name, _name(wanted)), loaded.notes, ""
    except RoboRegError as error:
        return None, (), fmt.shortened(str(error), 1_000)


def _name(wanted: str) -> str:
    """Name of the file if it is valid for a network, else a default."""
    try:
        return management.unused_name(shared_state.store(), wanted)
    except RoboRegError:
        return management.unused_name(shared_state.store(), "uploaded")


def _accepted(spec: UploadSpec, notes: tuple[str, ...], file: UploadedFile) -> None:
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
    more = "".join(f" {panels.sentence(note)}" for note in notes)
    st.success(panels.escape(f"A dense ResNet-20 with option-A shortcuts.{more}"), icon=":material/check:")
    st.text_input("Name", spec.name, key=keys.TRAIN_UPLOAD_NAME, max_chars=LONGEST_NAME)
    panels.action("Evaluate and add", keys.TRAIN_UPLOAD, "upload", lambda: _submit(spec, file), ERRORS)
    seconds = estimate_seconds(spec, shared_state.runs())
    st.caption(f"Evaluated on the test images first, about {fmt.duration(seconds)}.")


def _submit(spec: UploadSpec, file: UploadedFile) -> None:
    wanted = st.session_state.get(keys.TRAIN_UPLOAD_NAME, "").strip() or spec.name
    named = UploadSpec.from_json({**spec.to_json(), "name": wanted})
    start.start(shared_state.backend().engine(), named, file.getvalue())
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state.pop(_CHECKED, None)
