"""State shared by all visitors: the store, records read from it, and the backend that takes seconds to load."""

from __future__ import annotations

import gc
import hashlib
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import CheckpointError, JobError, RoboRegError
from roboreg_core.networks import registry
from roboreg_core.networks.registry import DenseNetwork
from roboreg_core.networks.spec import NETWORK
from roboreg_core.runs.results import LISTED
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.saved_schedules import SavedSchedule, saved_schedules
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from roboreg_core.store.records import Job, Record
from roboreg_core.store.store import Store
from roboreg_core.ui import access, keys
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.runs.preview import Preview, PreviewSpec

DENSE = "dense"
# Delay before loading begins, so that the first page gets the processor to itself.
HEAD_START_SECONDS = 1.5

_lock = threading.Lock()


class Backend:
    """torch, the dense network and the job engine, loaded by a thread so that the first page does not wait for them.

    Attributes:
        loaded: set when loading has ended, successfully or not.
        full_images: True if all training images of CIFAR-10 are on this machine.
    """

    def __init__(self, store: Store, delay: float) -> None:
        """Start to load after `delay` seconds, so that the first page is drawn before."""
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
        """Wait until loading has ended and return the job engine. Raises `JobError`: it cannot start."""
        self.loaded.wait()
        with self._lock:
            if self._engine is None:
                self._start_engine()
            if self._engine is None:
                raise JobError(self._errors["engine"])
            return self._engine

    def dense(self) -> Checkpoint:
        """Wait until loading has ended and return the example network. Raises `CheckpointError`: it cannot be read."""
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
        with suppress(RoboRegError):  # reported by the page that needs the images
            sources.test_images()  # cached, so that the first gallery need not wait

    def _start_engine(self) -> None:
        try:
            self._engine = start_engine(self._store)
        except RoboRegError as error:
            self._errors["engine"] = str(error)
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
    """Exempt the loaded modules from garbage collection.

    torch and dask create hundreds of thousands of permanent objects; a full collection that visits them blocks every
    page for 0.3 s on two CPU cores.
    """
    gc.collect()
    gc.freeze()


def start_engine(store: Store) -> Engine:
    """Start a job engine on `store`, with its worker for runs and the light one for previews."""
    from roboreg_core.jobs.engine import Engine

    engine = Engine(store)
    engine.start("device")
    engine.start("light")
    return engine


def read_dense() -> Checkpoint:
    """Load the example network. Raises `CheckpointError`: it cannot be read."""
    from roboreg_core.models import checkpoints

    return checkpoints.load(DENSE)


def store() -> Store:
    """The store in `ROBOREG_HOME`, with the example runs."""
    with _lock:
        return _store(str(paths.home()), str(paths.recorded()))


def backend() -> Backend:
    """The backend that all visitors share; the first call starts loading it."""
    with _lock:
        return _backend(str(paths.home()), str(paths.recorded()))


def networks() -> list[DenseNetwork]:
    """All dense networks: the example network first, then the user's, newest first."""
    return _networks(str(paths.home()), str(paths.recorded()), store().version())


def chosen_network() -> DenseNetwork | None:
    """The dense network chosen in this visit, else the example network, without weights; None if there is none."""
    name = st.session_state.get(keys.BASELINE_NETWORK, DENSE)
    known = {each.name: each for each in networks()}
    return known.get(name) or known.get(DENSE)


def architecture() -> Architecture:
    """Architecture of the dense network chosen in this visit, see `chosen_network`; ResNet-20 if there is none."""
    found = chosen_network()
    return found.architecture if found is not None else RESNET20


def filters() -> Schedule:
    """Filters per block of the dense network chosen in this visit: the most that a schedule can keep."""
    found = chosen_network()
    return found.filters if found is not None else dense_schedule(RESNET20)


def architecture_of(sha256: str) -> Architecture:
    """Architecture of the dense network whose weights have this SHA-256; ResNet-20 if there is none."""
    return next((each.architecture for each in networks() if each.sha256 == sha256), RESNET20)


def baseline() -> Checkpoint:
    """Dense network chosen in this visit, else the example network, with weights; waits until the backend is loaded.

    Raises `CheckpointError` or `StoreError`: it cannot be read.
    """
    name = st.session_state.get(keys.BASELINE_NETWORK, DENSE)
    found = next((each for each in networks() if each.name == name), None) if name != DENSE else None
    return network(found.sha256) if found is not None else backend().dense()


def network(sha256: str) -> Checkpoint:
    """Dense network whose weights have this SHA-256, under its current name; waits until the backend is loaded.

    Raises `CheckpointError` or `StoreError`: it is missing or cannot be read.
    """
    with suppress(CheckpointError):  # the user's networks do not need the example network
        if backend().dense().sha256 == sha256:
            return backend().dense()
    found = registry.find(store(), sha256)
    return _network(str(paths.home()), found.sha256, found.name, found)


def runs() -> list[Record]:
    """The user's runs and the example runs, newest first; their results contain only the parts in `LISTED`."""
    return _runs(str(paths.home()), str(paths.recorded()), store().version())


def runs_key() -> str:
    """Digest of the ids and creation times in `runs()`: changes with the runs, not with jobs or saved schedules."""
    return _runs_key(str(paths.home()), str(paths.recorded()), store().version())


def find_run(prefix: str) -> Record:
    """The whole record of the run whose id is or begins with `prefix`. Raises `StoreError`: no run or several match."""
    return store().find_record(prefix, KIND)


def saved() -> list[SavedSchedule]:
    """Saved schedules, oldest first."""
    return _saved(str(paths.home()), str(paths.recorded()), store().version())


def unfinished_jobs() -> list[Job]:
    """Queued and running jobs that produce runs or networks, newest first."""
    return _jobs(ended=False)


def ended_jobs(newest: int) -> list[Job]:
    """At most `newest` ended jobs for runs or networks, whether finished, failed or cancelled; newest first."""
    return _jobs(ended=True, newest=newest)[:newest]


def count_ended_jobs() -> int:
    """Number of all ended jobs for runs or networks."""
    return sum(store().count_jobs(kind, ended=True) for kind in (KIND, NETWORK))


def previews() -> dict[PreviewSpec, Preview]:
    """Previews measured since the app started, by spec; all visitors share the dict, and pages add to it."""
    return _previews(str(paths.home()), str(paths.recorded()))


def damage(*, with_jobs: bool) -> list[str]:
    """A sentence per damaged record or saved item that pages leave out of their lists.

    `with_jobs` includes damaged jobs.
    """
    runs(), networks(), saved()
    return _damage(str(paths.home()), str(paths.recorded()), store().version(), with_jobs)


def position(job: Job) -> int | None:
    """Number of jobs that run before the queued `job`; None if that is unknown, e.g. while the engine is loading."""
    shared = backend()
    try:
        return shared.engine().position(job.id) if shared.loaded.is_set() else None
    except RoboRegError:
        return None


def _jobs(**which: Any) -> list[Job]:
    found = [job for kind in (KIND, NETWORK) for job in store().list_jobs(kind, **which)]
    return sorted(found, key=lambda job: job.created, reverse=True)


# Not in Streamlit's caches, which every visitor's browser can clear: each clearing would start another engine.
@cache
def _store(home: str, recorded: str) -> Store:
    return open_store(Path(home), Path(recorded), access.author)


@cache
def _backend(home: str, recorded: str) -> Backend:
    return Backend(_store(home, recorded), HEAD_START_SECONDS)


@st.cache_resource(show_spinner=False)
def _previews(home: str, recorded: str) -> dict[PreviewSpec, Preview]:
    del home, recorded  # only the cache key
    return {}


@st.cache_resource(show_spinner=False, max_entries=4)
def _networks(home: str, recorded: str, version: int) -> list[DenseNetwork]:
    del version  # only part of the cache key
    return registry.dense_networks(_store(home, recorded))


@st.cache_resource(show_spinner=False, max_entries=8)
def _network(home: str, sha256: str, name: str, _found: DenseNetwork) -> Checkpoint:
    del home, sha256, name  # only the cache key
    return registry.checkpoint_of(_found, store())


@st.cache_resource(show_spinner=False, max_entries=4)
def _runs(home: str, recorded: str, version: int) -> list[Record]:
    del version  # only part of the cache key
    return _store(home, recorded).list_records(KIND, LISTED)


@st.cache_resource(show_spinner=False, max_entries=4)
def _runs_key(home: str, recorded: str, version: int) -> str:
    runs = (f"{record.id} {record.created}" for record in _runs(home, recorded, version))
    return hashlib.sha256("\n".join([home, recorded, *runs]).encode()).hexdigest()


@st.cache_resource(show_spinner=False, max_entries=4)
def _damage(home: str, recorded: str, version: int, with_jobs: bool) -> list[str]:
    del version  # only part of the cache key
    return _store(home, recorded).damage(with_jobs=with_jobs)


@st.cache_resource(show_spinner=False, max_entries=4)
def _saved(home: str, recorded: str, version: int) -> list[SavedSchedule]:
    del version  # only part of the cache key
    return saved_schedules(_store(home, recorded))
