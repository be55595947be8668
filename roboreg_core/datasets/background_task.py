"""Work on images in a background thread, one piece at a time, which outlives the page run that started it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar


@dataclass(frozen=True, kw_only=True)
class TaskState(ABC):
    """State of a task.

    Attributes:
        done, total: bytes, files or splits; `total` is 0 if it is unknown.
        words: current step, or the result, for users.
        reason: error and remedy of a failed task, else empty.
        stopping: True between `cancel` and the end of the thread.
    """

    done: int = 0
    total: int = 0
    words: str = ""
    reason: str = ""
    stopping: bool = False

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """True while a thread is at work."""

    @property
    def share(self) -> float:
        """Completed share, 0..1; 0 if it is unknown."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    def progressed(self, done: int, total: int, words: str) -> Self:
        """This state after a report of progress."""
        return replace(self, done=done, total=total, words=words)


State = TypeVar("State", bound=TaskState)


class BackgroundTask(ABC, Generic[State]):
    """Thread and state of a task; thread-safe."""

    def __init__(self, state: State) -> None:
        self._lock = threading.Lock()
        self._state = state
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def now(self) -> State:
        """Current state."""
        return self._state

    def cancel(self) -> None:
        """Request a stop, unless nothing is running; what was done so far is not kept."""
        with self._lock:
            if self._state.is_running:
                self._stop.set()
                self._state = replace(self._state, stopping=True)

    def wait(self, timeout: float | None = None) -> State:
        """Wait for the end of the thread, at most `timeout` seconds; return the state."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self.now()

    def _start(self, state: State, work: Callable[[Callable[[], bool]], State]) -> None:
        """Call `work(should_stop)` in a thread, unless one is running; it returns the state at the end."""
        with self._lock:
            if self._state.is_running:
                return
            self._stop, self._state = threading.Event(), state
            self._thread = threading.Thread(
                target=self._run, args=(work, self._stop), name=f"roboreg-{type(self).__name__}", daemon=True
            )
            self._thread.start()

    def _run(self, work: Callable[[Callable[[], bool]], State], stop: threading.Event) -> None:
        try:
            ended = work(stop.is_set)
        except Exception as error:  # becomes a state: nothing catches what a thread raises
            ended = self._failed(error)
        with self._lock:
            self._state = ended

    @abstractmethod
    def _failed(self, error: Exception) -> State:
        """The state after an error or a stop."""

    def _on_progress(self, done: int, total: int, words: str) -> None:
        with self._lock:
            self._state = self._state.progressed(done, total, words)
