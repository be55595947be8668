"""Download of CIFAR-10 or CIFAR-100 in a background thread, one per folder, which outlives the page run."""

import logging
import threading
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from roboreg_core.datasets.dataset import CIFAR10, CIFAR100, Dataset
from roboreg_core.errors import RoboRegError

STOPPED = "Stopped: nothing of the download was kept"

log = logging.getLogger(__name__)


class DownloadStatus(StrEnum):
    """Status of a download; `idle` before a start and after a stop."""

    IDLE = "idle"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class DownloadState:
    """State of a download.

    Attributes:
        status: see `DownloadStatus`.
        done, total: bytes; `total` is 0 if it is unknown.
        words: current step, or the result, for users.
        reason: error and remedy of a failed download, else empty.
        stopping: True between `cancel` and the end of the download.
    """

    status: DownloadStatus = DownloadStatus.IDLE
    done: int = 0
    total: int = 0
    words: str = ""
    reason: str = ""
    stopping: bool = False

    @property
    def share(self) -> float | None:
        """Completed share, 0..1; None if it is unknown."""
        return min(1.0, self.done / self.total) if self.total else None


class BackgroundDownload:
    """Download into one folder; thread-safe."""

    def __init__(self, root: Path, dataset: Dataset = CIFAR10) -> None:
        """`root` is the folder for `cifar-10-batches-py` or `cifar-100-python`."""
        self.root = root
        self.dataset = dataset
        self._lock = threading.Lock()
        self._state = DownloadState()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def now(self) -> DownloadState:
        """Current state."""
        return self._state

    def start(self) -> None:
        """Start the download in a thread, unless it is running."""
        with self._lock:
            if self._state.status is DownloadStatus.RUNNING:
                return
            self._stop = threading.Event()
            self._state = DownloadState(status=DownloadStatus.RUNNING, words="Starting")
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="roboreg-fetch", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Request that the download stops; it does within the connection timeout, and leaves no files."""
        with self._lock:
            if self._state.status is DownloadStatus.RUNNING:
                self._stop.set()
                self._state = replace(self._state, stopping=True)

    def wait(self, timeout: float | None = None) -> DownloadState:
        """Wait for the end of the download, at most `timeout` seconds; return the state then."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self.now()

    def _run(self, stop: threading.Event) -> None:
        from roboreg_core.datasets.download import DownloadStopped, fetch, fetch_cifar100

        fetches = {CIFAR10.id: fetch, CIFAR100.id: fetch_cifar100}
        try:
            source = fetches[self.dataset.id](self.root, self._on_progress, stop.is_set)
            count = self.dataset.training + self.dataset.validation
            ended = DownloadState(
                status=DownloadStatus.DONE, words=f"All {count:,} training images are on this machine ({source})"
            )
        except DownloadStopped:
            ended = DownloadState(words=STOPPED)
        except RoboRegError as error:
            ended = DownloadState(status=DownloadStatus.FAILED, reason=str(error))
        except Exception as error:
            log.exception("the download of %s failed", self.dataset.name)
            name = self.dataset.name
            reason = f"{name} could not be downloaded ({type(error).__name__}: {error}): see the log of the app"
            ended = DownloadState(status=DownloadStatus.FAILED, reason=reason)
        with self._lock:
            self._state = ended

    def _on_progress(self, done: int, total: int, words: str) -> None:
        with self._lock:
            self._state = replace(self._state, done=done, total=total, words=words)


@lru_cache(maxsize=8)
def fetching(root: Path, dataset: Dataset = CIFAR10) -> BackgroundDownload:
    """The `BackgroundDownload` of a data set into the folder `root`, one per process, shared by all callers."""
    return BackgroundDownload(root, dataset)
