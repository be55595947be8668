"""Upload of the user's own images: a ZIP is read in the background, its report shown, then it becomes a data set."""

import streamlit as st

from roboreg_core import paths
from roboreg_core.architecture import IMAGE_SIZE_STEP, IMAGE_SIZES
from roboreg_core.datasets import library
from roboreg_core.datasets.background_import import BackgroundImport, ImportState, ImportStatus, importing
from roboreg_core.datasets.dataset import CIFAR10
from roboreg_core.datasets.image_inspection import Inspection
from roboreg_core.datasets.image_report import FEWEST_CLASSES, FEWEST_PICTURES, MOST_CLASSES, MOST_PICTURES
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.ui import access, keys, panels, schedule_html
from roboreg_core.ui.train import data_sets
from roboreg_core.wording import fmt

REFRESH_SECONDS = 0.5
ERRORS = "train-images-upload"
MOST_MEGABYTES = 2_000
_ROUND = "train-zip-round"


def show() -> None:
    """Draw the field for a ZIP of the user's images, the progress of its import, or its report."""
    st.markdown("**Add your own images**")
    work = importing(paths.home())
    now = work.now()
    panels.kept_messages(ERRORS)
    if now.is_running:
        panels.fragment(_running, run_every=REFRESH_SECONDS)(work)
    elif now.status is ImportStatus.READ and now.inspection is not None:
        _report(work, now, now.inspection)
    else:
        _field(work, now)


def _field(work: BackgroundImport, now: ImportState) -> None:
    if now.status is ImportStatus.ADDED and now.dataset is not None:
        name = schedule_html.isolated(now.dataset.name)
        st.success(panels.escape(f"Added {name}. Choose it above to train a network."), icon=":material/check:")
    elif now.words:
        st.info(panels.escape(panels.sentence(now.words)))
    panels.show_error(fmt.shortened(now.reason, 1_000))
    st.caption(
        "A ZIP with a folder per class, `class/picture.jpg`, or `train/class/...` with `test/` and optionally `val/`; "
        f"{FEWEST_CLASSES} to {MOST_CLASSES} classes, {FEWEST_PICTURES} to {MOST_PICTURES:,} pictures. They are "
        "cropped to squares and resized."
    )
    size = st.number_input(
        "Image size in pixels",
        *IMAGE_SIZES,
        CIFAR10.image_size,
        IMAGE_SIZE_STEP,
        key=keys.DATA_SIZE,
        help="Height and width of the stored images. Twice the size takes four times as long to train.",
    )
    file = st.file_uploader(
        "ZIP of pictures",
        type="zip",
        key=keys.of("zip", str(st.session_state.get(_ROUND, 0))),
        max_upload_size=MOST_MEGABYTES,
        disabled=not access.may_write(),
    )
    if file is not None and access.may_write():

        @access.permitted
        def read() -> None:
            work.read(file, file.name, int(size))
            st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1

        panels.action("Read the pictures", keys.DATA_READ, "image_search", read, ERRORS, type="primary")


def _running(work: BackgroundImport) -> None:
    now = work.now()
    if not now.is_running:
        st.rerun()
    many = f": {now.done:,} of {now.total:,}" if now.total else ""
    st.progress(now.share, text=panels.escape(f"{now.words}{many}"))
    label = "Stopping" if now.stopping else "Stop"
    panels.action(label, keys.DATA_STOP, "stop", access.permitted(work.cancel), ERRORS, disabled=now.stopping)
    panels.kept_messages(ERRORS)
    st.caption("Continues while this page is closed.")


def _report(work: BackgroundImport, now: ImportState, inspection: Inspection) -> None:
    found = inspection.report
    panels.show_error(fmt.shortened(now.reason, 1_000))
    st.markdown(f"**Report on {panels.escape(fmt.inline_text(found.origin))}**")
    for problem in found.problems:
        st.error(panels.escape(panels.sentence(problem)), icon=":material/error:")
    shown = range(min(len(found.classes), data_sets.CLASSES_SHOWN))
    sheet = [(found.classes[label], inspection.samples(label, data_sets.PICTURES)) for label in shown]
    data_sets.report(found.lines, found.classes, {split: list(each) for split, each in found.counts.items()})
    st.html(data_sets.contact_sheet(sheet))
    _names("Unreadable files", [f"{name}: {reason}" for name, reason in found.unreadable])
    _names("Duplicates", [f"{one} equals {other}" for one, other in found.pairs])
    if not found.problems:
        suggested = library.unused_name(_stem(found.origin))
        st.text_input("Name", suggested, key=keys.DATA_NAME, max_chars=LONGEST_NAME)
    with st.container(horizontal=True):
        if not found.problems:
            panels.action("Add this data set", keys.DATA_ADD, "add", lambda: _add(work), ERRORS, type="primary")
        panels.action("Discard", keys.DATA_DISCARD, "close", access.permitted(work.discard), ERRORS)


def _names(title: str, lines: list[str]) -> None:
    if lines:
        with st.expander(f"{title} ({len(lines):,})"):
            st.dataframe({"file": lines}, hide_index=True, height="auto")


def _stem(origin: str) -> str:
    return origin.partition(" ")[2].rpartition("/")[2].removesuffix(".zip").strip()[:LONGEST_NAME] or "images"


def _add(work: BackgroundImport) -> None:
    access.author()
    name = st.session_state.get(keys.DATA_NAME, "").strip()
    work.add(library.check_name(name) if name else "")
