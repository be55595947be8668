"""Which CIFAR-10 images are on this machine, and the rest of them fetched with progress."""

from __future__ import annotations

import streamlit as st

from roboreg_core import paths
from roboreg_core.datasets.background_download import BackgroundDownload, DownloadState, DownloadStatus, fetching
from roboreg_core.ui import keys, panels, shared_state
from roboreg_core.wording import fmt

REFRESH_SECONDS = 0.5


def show() -> None:
    """What there is, or the way to the rest: the button, or how far the download is."""
    st.subheader("Training images")
    shared = shared_state.machinery()
    if not shared.loaded.is_set():
        st.caption("Looking which images are here.")
        return
    fetch = fetching(paths.local_data())
    now = fetch.now()
    if now.status is DownloadStatus.DONE and not shared.full_images:
        shared.full_images = True
        st.rerun()  # the fields offer them
    if shared.full_images:
        st.success("All of CIFAR-10 is here: 48,000 training images.", icon=":material/check_circle:")
    elif now.status is DownloadStatus.RUNNING:
        st.fragment(_running, run_every=REFRESH_SECONDS)(fetch)
    else:
        _absent(fetch, now)


def _absent(fetch: BackgroundDownload, now: DownloadState) -> None:
    st.markdown(
        "10,000 of CIFAR-10's training images ship with RoboReg. All 48,000 train better networks, and take five times "
        "as long an epoch. They are downloaded once, about 170 MB."
    )
    if now.reason:
        st.error(panels.escape(panels.sentence(fmt.shortened(now.reason, 1_000))), icon=":material/error:")
    elif now.words:
        st.info(panels.escape(panels.sentence(now.words)))
    st.button(
        "Try again" if now.reason else "Fetch all images",
        key=keys.TRAIN_FETCH,
        icon=":material/download:",
        on_click=fetch.start,
    )


def _running(fetch: BackgroundDownload) -> None:
    now = fetch.now()
    if now.status is not DownloadStatus.RUNNING:
        st.rerun()
    st.progress(now.share or 0.0, text=panels.escape(_words(now)))
    st.button(
        "Stopping" if now.stopping else "Stop",
        key=keys.TRAIN_FETCH_STOP,
        icon=":material/stop:",
        disabled=now.stopping,
        on_click=fetch.cancel,
    )
    st.caption("It goes on while this page is closed.")


def _words(now: DownloadState) -> str:
    told = panels.sentence(now.words).rstrip(".")
    return f"{told}: {now.done / 1e6:.0f} of {now.total / 1e6:.0f} MB" if now.total else told
