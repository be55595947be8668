"""What all visitors share: the store, the records read from it, and the parts that take seconds to load.

torch, the dense network and the job engine are loaded by a thread, so that the first page does not wait for them.
"""

from __future__ import annotations

import gc
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from roboreg_core import paths
from roboreg_core.errors import CheckpointError, JobError, RoboRegError
from roboreg_core.networks import registry
from roboreg_core.networks.registry import DenseNetwork
from roboreg_core.networks.spec import NETWORK
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.saved_schedules import SavedSchedule, saved_schedules
from roboreg_core.store.records import Job, Record
from roboreg_core.store.store import Store
from roboreg_core.ui import keys

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.runs.preview import Preview, PreviewSpec

DENSE = "dense"
# The first page gets the processor to itself for so long.
HEAD_START_SECONDS = 1.5


class Machinery:
    """torch, the dense network and the engine, loaded in the background.

    Attributes:
        loaded: set once loading ended, well or not.
        full_images: True where all 50,000 training images are on this machine.
    """

    def __init__(self, store: Store, delay: float) -> None:
        self.loaded = threading.Event()
        self.full_images = False
        self._store = store
        self._engine: Engine | None = None
        self._dense: Checkpoint | None = None
        self._errors: dict[str, str] = {}
        self._lock = threading.Lock()
        self._timer = threading.Timer(delay, self._load)
        self._timer.daemon = True
        self._timer.start()

    def engine(self) -> Engine:
        """The job engine; waits until it is loaded. Raises `JobError` where it cannot start."""
        self.loaded.wait()
        with self._lock:
            if self._engine is None:
                self._start_engine()
            if self._engine is None:
                raise JobError(self._errors["engine"])
            return self._engine

    def dense(self) -> Checkpoint:
        """The dense network; waits until it is loaded. Raises `CheckpointError` where there is none."""
        self.loaded.wait()
        with self._lock:
            if self._dense is None:
                self._read_dense()
            if self._dense is None:
                raise CheckpointError(self._errors["dense"])
            return self._dense

    def _load(self) -> None:
        try:
            with self._lock:
                self._start_engine()
                self._read_dense()
                from roboreg_core.datasets import sources

                self.full_images = sources.full_is_present()
        finally:
            _exempt_from_collection()
            self.loaded.set()
        with suppress(RoboRegError):  # said where pictures are asked for
            sources.test_images()  # keeps them, so that the first picture need not wait

    def _start_engine(self) -> None:
        try:
            self._engine = start_engine(self._store)
        except Exception as error:
            self._errors["engine"] = f"the job engine could not start ({error}): see the log of the app"

    def _read_dense(self) -> None:
        try:
            self._dense = read_dense()
        except RoboRegError as error:
            self._errors["dense"] = str(error)
        except Exception as error:
            self._errors["dense"] = f"the dense network could not be loaded ({error}): see the log of the app"


def _exempt_from_collection() -> None:
    """Let the garbage collector pass over what was loaded.

    torch and dask bring hundreds of thousands of objects, which all stay; to look at each again takes a full
    collection 0.3 s on two CPU cores, and nothing else moves meanwhile, a slider's counts included.
    """
    gc.collect()
    gc.freeze()


def start_engine(store: Store) -> Engine:
    """A new engine on `store`, its workers starting: the one for runs and the light one for previews."""
    from roboreg_core.jobs.engine import Engine

    engine = Engine(store)
    engine.start("device")
    engine.start("light")
    return engine


def read_dense() -> Checkpoint:
    """The dense network that ships with the project."""
    from roboreg_core.models import checkpoints

    return checkpoints.load(DENSE)


def store() -> Store:
    """The store in `ROBOREG_HOME`, in front of the recorded runs."""
    return _store(str(paths.home()), str(paths.recorded()))


def machinery() -> Machinery:
    """The parts that load in the background; the first call begins to load them."""
    return _machinery(str(paths.home()), str(paths.recorded()))


def networks() -> list[DenseNetwork]:
    """All dense networks: those that ship with the project first, then own ones, newest first."""
    return _networks(str(paths.home()), str(paths.recorded()), store().version())


def baseline() -> Checkpoint:
    """The dense network chosen in this visit, else the shipped one; waits until the machinery is loaded.

    Raises:
        CheckpointError, StoreError: it cannot be read.
    """
    name = st.session_state.get(keys.BASELINE_NETWORK, DENSE)
    found = next((each for each in networks() if each.name == name), None) if name != DENSE else None
    return network(found.sha256) if found is not None else machinery().dense()


def network(sha256: str) -> Checkpoint:
    """The dense network with these weights, under its name of now; waits until the machinery is loaded.

    Raises:
        CheckpointError, StoreError: it is not here, or cannot be read.
    """
    with suppress(CheckpointError):  # an own network needs no shipped one
        if machinery().dense().sha256 == sha256:
            return machinery().dense()
    found = registry.find(store(), sha256)
    return _network(str(paths.home()), found.sha256, found.name, found)


def runs() -> list[Record]:
    """All runs, own and recorded, newest first."""
    return _runs(str(paths.home()), str(paths.recorded()), store().version())


def find_run(prefix: str) -> Record:
    """The run whose id is, or alone begins with, `prefix`. Raises `StoreError` where there is none."""
    return store().find_record(prefix)


def saved() -> list[SavedSchedule]:
    """The saved schedules, in the order they were saved."""
    return _saved(str(paths.home()), str(paths.recorded()), store().version())


def jobs() -> list[Job]:
    """All jobs that make runs or networks, newest first."""
    shared = store()
    return sorted(shared.list_jobs(KIND) + shared.list_jobs(NETWORK), key=lambda job: job.created, reverse=True)


def previews() -> dict[PreviewSpec, Preview]:
    """The previews that were measured since the app started, for all visitors; a few hundred bytes each."""
    return _previews(str(paths.home()), str(paths.recorded()))


def position(job: Job) -> int | None:
    """How many jobs are ahead of a queued one; None where it is not known."""
    shared = machinery()
    try:
        return shared.engine().position(job.id) if shared.loaded.is_set() else None
    except RoboRegError:
        return None


@st.cache_resource(show_spinner=False)
def _store(home: str, recorded: str) -> Store:
    folder = Path(recorded)
    return Store(Path(home), folder if folder.is_dir() else None)


@st.cache_resource(show_spinner=False)
def _machinery(home: str, recorded: str) -> Machinery:
    return Machinery(_store(home, recorded), HEAD_START_SECONDS)


@st.cache_resource(show_spinner=False)
def _previews(home: str, recorded: str) -> dict[PreviewSpec, Preview]:
    del home, recorded  # only the key under which they are kept
    return {}


@st.cache_resource(show_spinner=False, max_entries=4)
def _networks(home: str, recorded: str, version: int) -> list[DenseNetwork]:
    del version  # only the key under which the list is kept
    return registry.baselines(_store(home, recorded))


@st.cache_resource(show_spinner=False, max_entries=8)
def _network(home: str, sha256: str, name: str, _found: DenseNetwork) -> Checkpoint:
    del home, sha256, name  # only the key under which it is kept
    return registry.checkpoint_of(_found, store())


@st.cache_resource(show_spinner=False, max_entries=4)
def _runs(home: str, recorded: str, version: int) -> list[Record]:
    del version  # only the key under which the list is kept
    return _store(home, recorded).list_records(KIND)


@st.cache_resource(show_spinner=False, max_entries=4)
def _saved(home: str, recorded: str, version: int) -> list[SavedSchedule]:
    del version  # only the key under which the list is kept
    return saved_schedules(_store(home, recorded))
