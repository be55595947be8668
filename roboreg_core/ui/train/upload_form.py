"""Uploads a dense network: looked at before anything is stored, then measured by a job before it is offered."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import streamlit as st

from roboreg_core.errors import RoboRegError
from roboreg_core.networks import management, start, uploaded_weights
from roboreg_core.networks.spec import UploadSpec, estimate_seconds
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.ui import keys, panels, schedule_html, shared_state
from roboreg_core.ui.train import network_cards
from roboreg_core.wording import fmt

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

ERRORS = "train-upload"
_CHECKED, _ROUND = "train-upload-checked", "train-upload-round"


def show() -> None:
    """The field for the file, what was found in it, and the button that adds it."""
    st.subheader("Upload one")
    st.markdown(
        f"A ResNet-20 for CIFAR-10 with option-A shortcuts, not pruned, at most {uploaded_weights.MAX_BYTES >> 20} MB: "
        f"{', '.join(uploaded_weights.SUFFIXES)}. Of a PyTorch file only numbers are read; nothing in it is run."
    )
    file = st.file_uploader(
        "Weights file",
        type=[suffix.lstrip(".") for suffix in uploaded_weights.SUFFIXES],
        key=_field(),
        max_upload_size=uploaded_weights.MAX_BYTES >> 20,
    )
    panels.kept_error(ERRORS)
    if file is None:
        return
    if not shared_state.machinery().loaded.is_set():
        _waiting()
        return
    spec, notes, refused = _checked(file)
    if spec is None:
        st.error(panels.escape(refused), icon=":material/error:")
        st.caption("Nothing was kept of it.")
        return
    _found(spec, notes, file)


@st.fragment(run_every=0.5)
def _waiting() -> None:
    if shared_state.machinery().loaded.is_set():
        st.rerun()
    st.info("Loading torch to look into the file, a few seconds.", icon="spinner")


def _field() -> str:
    """The field's key; another one after each upload, which empties it."""
    return keys.of("file", str(st.session_state.get(_ROUND, 0)))


def _checked(file: UploadedFile) -> tuple[UploadSpec | None, tuple[str, ...], str]:
    """The spec of a file with notes on it, or why it is refused; looked at once, however often the page is drawn."""
    known = st.session_state.get(_CHECKED)
    if known is None or known[0] != file.file_id:
        st.session_state[_CHECKED] = known = (file.file_id, *_look(file))
    return known[1], known[2], known[3]


def _look(file: UploadedFile) -> tuple[UploadSpec | None, tuple[str, ...], str]:
    try:
        uploaded_weights.check_size(file.size)
        uploaded_weights.check_suffix(file.name)
        content = file.getvalue()
        loaded = uploaded_weights.read(content, file.name)
        wanted = PurePath(file.name).stem.strip()[:LONGEST_NAME] or "uploaded"
        return UploadSpec.of(content, file.name, _name(wanted)), loaded.notes, ""
    except RoboRegError as error:
        return None, (), panels.sentence(fmt.shortened(str(error), 1_000))


def _name(wanted: str) -> str:
    """The file's name where a network may have it, else a plain one."""
    try:
        return management.unused_name(shared_state.store(), wanted)
    except RoboRegError:
        return management.unused_name(shared_state.store(), "uploaded")


def _found(spec: UploadSpec, notes: tuple[str, ...], file: UploadedFile) -> None:
    standing = start.existing(shared_state.store(), spec)
    if standing is not None:
        st.success(
            panels.escape(f"This file is here already: {schedule_html.isolated(standing.name)}."),
            icon=":material/check:",
        )
        network_cards.use_link(standing.name, keys.TRAIN_UPLOAD_USE)
        return
    if any(each.record.id == spec.id for each in management.deleted(shared_state.store())):
        st.info("This file was here, and its network deleted.")
        network_cards.BIN.button(spec.id, keys.of("restore-upload", spec.id))
        return
    noted = "".join(f" {panels.sentence(note)}" for note in notes)
    st.success(panels.escape(f"A dense ResNet-20 with option-A shortcuts.{noted}"), icon=":material/check:")
    st.text_input("Name", spec.name, key=keys.TRAIN_UPLOAD_NAME, max_chars=LONGEST_NAME)
    panels.action("Measure and add", keys.TRAIN_UPLOAD, "upload", lambda: _submit(spec, file), ERRORS)
    seconds = estimate_seconds(spec, shared_state.runs())
    st.caption(f"Its accuracy on the test images is measured first, about {fmt.duration(seconds)}; then it is offered.")


def _submit(spec: UploadSpec, file: UploadedFile) -> None:
    wanted = st.session_state.get(keys.TRAIN_UPLOAD_NAME, "").strip() or spec.name
    named = UploadSpec.from_json({**spec.to_json(), "name": wanted})
    start.start(shared_state.machinery().engine(), named, file.getvalue())
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state.pop(_CHECKED, None)
