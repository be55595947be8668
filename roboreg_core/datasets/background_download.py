"""A fetch of all of CIFAR-10 that goes on by itself: started, watched and stopped by whoever asks, one a folder.

It outlives what started it, e.g. one rerun of a page. Importing this loads nothing heavy and starts no thread.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from roboreg_core.errors import RoboRegError

STOPPED = "Stopped: nothing of the download was kept"

log = logging.getLogger(__name__)


class DownloadStatus(StrEnum):
    """Where a fetch stands; `idle` is one that nobody has started, or that was stopped."""

    IDLE = "idle"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class DownloadState:
    """A fetch as it stands now.

    Attributes:
        status: see `DownloadStatus`.
        done, total: bytes of the download; `total` is 0 where it is not known, e.g. while what came is checked.
        words: what is being done, where it came from, or that it was stopped.
        reason: why it failed and what to do; empty else.
        stopping: whether it was told to stop and has not yet.
    """

    status: DownloadStatus = DownloadStatus.IDLE
    done: int = 0
    total: int = 0
    words: str = ""
    reason: str = ""
    stopping: bool = False

    @property
    def share(self) -> float | None:
        """How much of the download is done, 0..1; None where that is not known."""
        return min(1.0, self.done / self.total) if self.total else None


class BackgroundDownload:
    """The fetch into one folder. Every method may be called from any thread."""

    def __init__(self, root: Path) -> None:
        """`root` is the folder that will hold `cifar-10-batches-py`."""
        self.root = root
        self._lock = threading.Lock()
        self._state = DownloadState()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def now(self) -> DownloadState:
        """Where it stands."""
        return self._state

    def start(self) -> None:
        """Begin in a thread of its own; nothing where it is under way already."""
        with self._lock:
            if self._state.status is DownloadStatus.RUNNING:
                return
            self._stop = threading.Event()
            self._state = DownloadState(status=DownloadStatus.RUNNING, words="Beginning")
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="roboreg-fetch", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Tell it to stop; it then becomes idle, at once or after 20 s without an answer, and leaves nothing behind."""
        with self._lock:
            if self._state.status is DownloadStatus.RUNNING:
                self._stop.set()
                self._state = replace(self._state, stopping=True)

    def wait(self, timeout: float | None = None) -> DownloadState:
        """Wait until it is no longer under way, or for so many seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self.now()

    def _run(self, stop: threading.Event) -> None:
        from roboreg_core.datasets.download import DownloadStopped, fetch

        try:
            source = fetch(self.root, self._tell, stop.is_set)
            ended = DownloadState(status=DownloadStatus.DONE, words=f"All 50,000 training images are here ({source})")
        except DownloadStopped:
            ended = DownloadState(words=STOPPED)
        except RoboRegError as error:
            ended = DownloadState(status=DownloadStatus.FAILED, reason=str(error))
        except Exception as error:
            log.exception("the fetch of CIFAR-10 failed")
            reason = f"CIFAR-10 could not be fetched ({type(error).__name__}: {error}): see the log of the app"
            ended = DownloadState(status=DownloadStatus.FAILED, reason=reason)
        with self._lock:
            self._state = ended

    def _tell(self, done: int, total: int, words: str) -> None:
        with self._lock:
            self._state = replace(self._state, done=done, total=total, words=words)


@lru_cache(maxsize=8)
def fetching(root: Path) -> BackgroundDownload:
    """The one fetch into this folder that this process knows of."""
    return BackgroundDownload(root)
