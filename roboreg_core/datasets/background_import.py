"""Import of the user's own images in a background thread, one per home, which outlives the page run that started it."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from roboreg_core.datasets import image_import, image_inspection
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
class ImportState:
    """State of an import.

    Attributes:
        status: see `ImportStatus`.
        done, total: number of files read and of all files; while adding, of splits written and of all splits.
        words: current step, or the result, for users.
        reason: error and remedy of a failed import, else empty.
        inspection: the pictures that were read and their report; None before.
        dataset: the data set that was added; None before.
        stopping: True between `cancel` and the end of the thread.
    """

    status: ImportStatus = ImportStatus.IDLE
    done: int = 0
    total: int = 0
    words: str = ""
    reason: str = ""
    inspection: Inspection | None = None
    dataset: Dataset | None = None
    stopping: bool = False

    @property
    def is_running(self) -> bool:
        """True while pictures are read or a data set is written."""
        return self.status in (ImportStatus.READING, ImportStatus.ADDING)

    @property
    def share(self) -> float:
        """Completed share, 0..1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


class BackgroundImport:
    """Import of one ZIP at a time; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = ImportState()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def now(self) -> ImportState:
        """Current state."""
        return self._state

    def read(self, source: BinaryIO, name: str, image_size: int) -> None:
        """Start reading the pictures of `source`, an open ZIP with the file name `name`, unless an import is running.

        They are scaled to `image_size` pixels in height and width. Pictures read earlier and not added are removed.
        """
        before = self._state.inspection

        def work(stop: threading.Event) -> ImportState:
            if before is not None:
                image_inspection.discard(before)
            inspection = image_inspection.inspect_source(
                source, image_size, name=name, on_progress=self._on_progress, should_stop=stop.is_set
            )
            return ImportState(status=ImportStatus.READ, inspection=inspection)

        self._start(ImportState(status=ImportStatus.READING, words="Opening the file"), work)

    def add(self, name: str) -> None:
        """Start storing the pictures that were read as a data set with this name.

        Does nothing while an import is running, or if no pictures were read.
        """
        inspection = self._state.inspection
        if inspection is None:
            return

        def work(stop: threading.Event) -> ImportState:
            dataset = image_import.import_images(
                inspection, name, on_progress=self._on_progress, should_stop=stop.is_set
            )
            return ImportState(status=ImportStatus.ADDED, dataset=dataset)

        self._start(ImportState(status=ImportStatus.ADDING, words="Writing the images", inspection=inspection), work)

    def discard(self) -> None:
        """Remove the pictures that were read and reset the state to idle, unless an import is running."""
        with self._lock:
            if self._state.is_running:
                return
            if self._state.inspection is not None:
                image_inspection.discard(self._state.inspection)
            self._state = ImportState()

    def cancel(self) -> None:
        """Request that a running import stops; nothing of it is kept."""
        with self._lock:
            if self._state.is_running:
                self._stop.set()
                self._state = replace(self._state, stopping=True)

    def wait(self, timeout: float | None = None) -> ImportState:
        """Wait until reading or adding ends, at most `timeout` seconds; return the state then."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self.now()

    def _start(self, state: ImportState, work: Callable[[threading.Event], ImportState]) -> None:
        with self._lock:
            if self._state.is_running:
                return
            self._stop, self._state = threading.Event(), state
            self._thread = threading.Thread(
                target=self._run, args=(work, self._stop), name="roboreg-import", daemon=True
            )
            self._thread.start()

    def _run(self, work: Callable[[threading.Event], ImportState], stop: threading.Event) -> None:
        inspection = self._state.inspection
        try:
            ended = work(stop)
        except ImportStopped:
            if inspection is not None:
                image_inspection.discard(inspection)
            ended = ImportState(words=STOPPED)
        except RoboRegError as error:
            # A report stays: after a name that is taken, another can be tried.
            status = ImportStatus.FAILED if inspection is None else ImportStatus.READ
            ended = ImportState(status=status, reason=str(error), inspection=inspection)
        except Exception as error:
            log.exception("the import of images failed")
            reason = f"the images could not be imported ({type(error).__name__}: {error}): see the log of the app"
            ended = ImportState(status=ImportStatus.FAILED, reason=reason)
        with self._lock:
            self._state = ended

    def _on_progress(self, done: int, total: int, words: str) -> None:
        with self._lock:
            self._state = replace(self._state, done=done, total=total, words=words)


@lru_cache(maxsize=8)
def importing(home: Path) -> BackgroundImport:
    """The `BackgroundImport` for a store's folder `home`, one per process, shared by all callers."""
    del home  # only the cache key
    return BackgroundImport()
