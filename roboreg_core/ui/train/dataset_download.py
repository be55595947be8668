"""Training images on this machine, and the download of the others."""

import streamlit as st

from roboreg_core import paths
from roboreg_core.datasets import cifar100_files
from roboreg_core.datasets.background_download import BackgroundDownload, DownloadState, DownloadStatus, fetching
from roboreg_core.datasets.cifar10 import TRAINING_COUNTS
from roboreg_core.datasets.dataset import CIFAR100
from roboreg_core.ui import access, keys, panels, shared_state
from roboreg_core.ui.design.launcher import IMAGES_WORDS
from roboreg_core.wording import fmt

REFRESH_SECONDS = 0.5
_ERRORS = "train-images"
# CIFAR-10 and CIFAR-100 alike.
_DOWNLOAD = "One download of about 170 MB"


def show() -> None:
    """Draw the images of CIFAR-10 that are on this machine, and the download of the others or its progress."""
    st.subheader("Training images")
    backend = shared_state.backend()
    if not backend.loaded.is_set():
        st.caption("Looking for the images.")
        return
    fetch = fetching(paths.local_data())
    now = fetch.now()
    if now.status is DownloadStatus.DONE and not backend.full_images:
        backend.full_images = True
        st.rerun()  # the form offers them now
    if backend.full_images:
        st.success(f"Available training images: {IMAGES_WORDS['full']}.", icon=":material/check_circle:")
    elif now.status is DownloadStatus.RUNNING:
        panels.fragment(_running, run_every=REFRESH_SECONDS)(fetch, keys.TRAIN_FETCH_STOP)
    else:
        _absent(fetch, now)


def cifar100() -> None:
    """Draw the download of CIFAR-100 or its progress; nothing once it is on this machine."""
    if cifar100_files.present(paths.local_data()):
        return
    fetch = fetching(paths.local_data(), CIFAR100)
    now = fetch.now()
    st.markdown(f"**{CIFAR100.name}**")
    if now.status is DownloadStatus.RUNNING:
        panels.fragment(_running, run_every=REFRESH_SECONDS)(fetch, keys.TRAIN_FETCH_100_STOP)
        return
    st.caption(f"{CIFAR100.n_classes} classes in {len(set(CIFAR100.groups))} groups. {_DOWNLOAD}.")
    _ended(now)
    label = "Try again" if now.reason else f"Download {CIFAR100.name}"
    panels.action(label, keys.TRAIN_FETCH_100, "download", access.permitted(fetch.start), _ERRORS)


def _ended(now: DownloadState) -> None:
    if now.reason:
        panels.show_error(fmt.shortened(now.reason, 1_000))
    elif now.words:
        st.info(panels.escape(panels.sentence(now.words)))


def _absent(fetch: BackgroundDownload, now: DownloadState) -> None:
    st.markdown(
        f"Available training images: {IMAGES_WORDS['bundled']}. Training on all "
        f"{TRAINING_COUNTS['full']:,} images gives more accurate networks and takes five times as long per epoch. "
        f"{_DOWNLOAD}."
    )
    _ended(now)
    label = "Try again" if now.reason else "Download all images"
    panels.action(label, keys.TRAIN_FETCH, "download", access.permitted(fetch.start), _ERRORS)
    panels.kept_messages(_ERRORS)


def _running(fetch: BackgroundDownload, stop: str) -> None:
    now = fetch.now()
    if now.status is not DownloadStatus.RUNNING:
        st.rerun()
    st.progress(now.share, text=panels.escape(_words(now)))
    label = "Stopping" if now.stopping else "Stop"
    panels.action(label, stop, "stop", access.permitted(fetch.cancel), _ERRORS, disabled=now.stopping)
    panels.kept_messages(_ERRORS)
    st.caption("Continues while this page is closed.")


def _words(now: DownloadState) -> str:
    text = panels.sentence(now.words).rstrip(".")
    return f"{text}: {now.done / 1e6:.0f} of {now.total / 1e6:.0f} MB" if now.total else text
