"""Import of the user's own images in a background thread, one per home."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from roboreg_core.datasets import image_import, image_inspection
from roboreg_core.datasets.background_task import BackgroundTask, TaskState
from roboreg_core.datasets.dataset import Dataset
from roboreg_core.datasets.image_inspection import ImportStopped, Inspection
from roboreg_core.errors import RoboRegError

STOPPED = "Stopped: nothing of the import was kept"

log = logging.getLogger(__name__)


class ImportStatus(StrEnum):
    """Status of an import: `idle`, `reading` pictures, `read` (with a report), `adding`, `added`, `failed`."""

    IDLE = "idle"
    READING = "reading"
    READ = "read"
    ADDING = "adding"
    ADDED = "added"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ImportState(TaskState):
    """State of an import: number of files read and of all files; while adding, of splits written and of all splits.

    Attributes:
        status: see `ImportStatus`.
        inspection: the pictures that were read and their report; None before.
        dataset: the data set that was added; None before.
    """

    status: ImportStatus = ImportStatus.IDLE
    inspection: Inspection | None = None
    dataset: Dataset | None = None

    @property
    def is_running(self) -> bool:
        """True while pictures are read or a data set is written."""
        return self.status in (ImportStatus.READING, ImportStatus.ADDING)


class BackgroundImport(BackgroundTask[ImportState]):
    """Import of one ZIP at a time."""

    def __init__(self) -> None:
        super().__init__(ImportState())

    def read(self, source: BinaryIO, name: str, image_size: int) -> None:
        """Start reading the pictures of an open ZIP with this file name, unless an import is running.

        A report that was neither accepted nor discarded is discarded.
        """
        before = self._state.inspection

        def work(should_stop: Callable[[], bool]) -> ImportState:
            if before is not None:
                image_inspection.discard(before)
            inspection = image_inspection.inspect_source(
                source, image_size, name=name, on_progress=self._on_progress, should_stop=should_stop
            )
            return ImportState(status=ImportStatus.READ, inspection=inspection)

        self._start(ImportState(status=ImportStatus.READING, words="Opening the file"), work)

    def add(self, name: str) -> None:
        """Start keeping the pictures that were read as a data set with this name, unless an import is running."""
        inspection = self._state.inspection
        if inspection is None:
            return

        def work(should_stop: Callable[[], bool]) -> ImportState:
            dataset = image_import.import_images(
                inspection, name, on_progress=self._on_progress, should_stop=should_stop
            )
            return ImportState(status=ImportStatus.ADDED, dataset=dataset)

        self._start(ImportState(status=ImportStatus.ADDING, words="Writing the images", inspection=inspection), work)

    def discard(self) -> None:
        """Remove the pictures that were read, and forget a result or an error, unless an import is running."""
        with self._lock:
            if self._state.is_running:
                return
            if self._state.inspection is not None:
                image_inspection.discard(self._state.inspection)
            self._state = ImportState()

    def _failed(self, error: Exception) -> ImportState:
        inspection = self._state.inspection
        if isinstance(error, ImportStopped):
            if inspection is not None:
                image_inspection.discard(inspection)
            return ImportState(words=STOPPED)
        if isinstance(error, RoboRegError):
            # A report stays: after a name that is taken, another can be tried.
            status = ImportStatus.FAILED if inspection is None else ImportStatus.READ
            return ImportState(status=status, reason=str(error), inspection=inspection)
        log.error("the import of images failed", exc_info=error)
        reason = f"the images could not be imported ({type(error).__name__}: {error}): see the log of the app"
        return ImportState(status=ImportStatus.FAILED, reason=reason)


@lru_cache(maxsize=8)
def importing(home: Path) -> BackgroundImport:
    """The `BackgroundImport` for a store's folder `home`, one per process, shared by all callers."""
    del home  # only the cache key
    return BackgroundImport()
