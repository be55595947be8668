"""Download of CIFAR-10 or CIFAR-100 in a background thread, one per folder."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from roboreg_core.datasets.background_task import BackgroundTask, TaskState
from roboreg_core.datasets.dataset import CIFAR10, Dataset
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
class DownloadState(TaskState):
    """State of a download, in bytes."""

    status: DownloadStatus = DownloadStatus.IDLE

    @property
    def is_running(self) -> bool:
        """True while a thread downloads."""
        return self.status is DownloadStatus.RUNNING


class BackgroundDownload(BackgroundTask[DownloadState]):
    """Download into one folder; a stop takes effect within the connection timeout."""

    def __init__(self, root: Path, dataset: Dataset = CIFAR10) -> None:
        """`root` is the folder for `cifar-10-batches-py` or `cifar-100-python`."""
        super().__init__(DownloadState())
        self.root = root
        self.dataset = dataset

    def start(self) -> None:
        """Start the download, unless it is running."""
        self._start(DownloadState(status=DownloadStatus.RUNNING, words="Starting"), self._fetch)

    def _fetch(self, should_stop: Callable[[], bool]) -> DownloadState:
        from roboreg_core.datasets.download import FETCHES

        source = FETCHES[self.dataset.id](self.root, self._on_progress, should_stop)
        count = self.dataset.training + self.dataset.validation
        return DownloadState(
            status=DownloadStatus.DONE, words=f"All {count:,} training images are on this machine ({source})"
        )

    def _failed(self, error: Exception) -> DownloadState:
        from roboreg_core.datasets.download import DownloadStopped

        if isinstance(error, DownloadStopped):
            return DownloadState(words=STOPPED)
        reason = str(error)
        if not isinstance(error, RoboRegError):
            name = self.dataset.name
            log.error("the download of %s failed", name, exc_info=error)
            reason = f"{name} could not be downloaded ({type(error).__name__}: {error}): see the log of the app"
        return DownloadState(status=DownloadStatus.FAILED, reason=reason)


@lru_cache(maxsize=8)
def fetching(root: Path, dataset: Dataset = CIFAR10) -> BackgroundDownload:
    """The `BackgroundDownload` of a data set into the folder `root`, one per process, shared by all callers."""
    return BackgroundDownload(root, dataset)
