"""A sweep on a cluster of a scheduler and three workers that share no folder with the app, while things die."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from roboreg_core.jobs.engine import Engine
from roboreg_core.models import checkpoints
from roboreg_core.store.records import JobStatus, Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps import control
from roboreg_core.sweeps.control import SweepState, status
from roboreg_core.sweeps.grid import STAGES, Grid
from roboreg_core.sweeps.local import sweep_here
from roboreg_core.sweeps.sweep_store import Sweep, find_sweep, points_of
from tests.jobs.helpers import TIMEOUT, start_module, until, worker_pid
from tests.sweeps.helpers import sweep_of

HOST = "127.0.0.1"
WORKERS = 3
# Generous: a loaded machine takes several times as long.
PATIENCE = 300.0
GRID = Grid(kind=STAGES, values=((2, 4), (4, 8, 12), (8, 16)))


class Cluster:
    """A scheduler and workers as docs/cluster.md starts them, each worker with an empty home of its own."""

    def __init__(self, folder: Path) -> None:
        self.address = f"tcp://{HOST}:{_free_port()}"
        self.homes = [folder / f"worker-{number}" for number in range(WORKERS)]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        port = self.address.rpartition(":")[2]
        scheduler = ["scheduler", "--host", HOST, "--port", port, "--no-dashboard", "--dashboard-address", f"{HOST}:0"]
        self.scheduler = start_module("dask", *scheduler, **quiet)
        self.workers = [self._worker(home, folder / f"scratch-{home.name}", quiet) for home in self.homes]

    def _worker(self, home: Path, scratch: Path, quiet: dict[str, Any]) -> subprocess.Popen[bytes]:
        home.mkdir()
        worker = ["worker", self.address, "--host", HOST, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
        worker += ["--resources", "device=1", "--local-directory", str(scratch)]
        environment = {**os.environ, "ROBOREG_HOME": str(home), "OMP_NUM_THREADS": "1"}
        return start_module("dask", *worker, env=environment, **quiet)

    def kill_worker(self, pid: int) -> None:
        """End the worker process with this number and the one that would start another in its place."""
        worker = next(each for each in self.workers if pid in {child.pid for child in _children(each)})
        for process in [psutil.Process(worker.pid), *_children(worker)]:
            process.kill()
        worker.wait(TIMEOUT)
        self.workers.remove(worker)

    def stop(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.send_signal(signal.SIGTERM)
        for process in [*self.workers, self.scheduler]:
            process.wait(TIMEOUT)


def _children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.stop()


def points(store: Store) -> dict[str, Record]:
    return {record.id: record for record in store.list_records("point")}


def start_command(cluster: Cluster, home: Path) -> subprocess.Popen[bytes]:
    """The command line as an app of its own."""
    environment = {**os.environ, "ROBOREG_SCHEDULER": cluster.address, "ROBOREG_HOME": str(home)}
    stages = "/".join(",".join(map(str, counts)) for counts in GRID.values)
    how = ["--name", "small", "--method", "l1", "--recalibrate", "--calibration", "200", "--no-test"]
    arguments = ["sweep", "--stages", stages, "--images", "bundled", *how]
    return start_module("roboreg_core", *arguments, env=environment, stdout=subprocess.DEVNULL)


def running_worker(store: Store, sweep: Sweep) -> int:
    """The process of a worker that is in the middle of a part."""

    def found() -> int:
        jobs = [job for job in status(store, sweep).jobs if job.status is JobStatus.RUNNING]
        return next((worker_pid(store, job) for job in jobs if job.progress.get("stage") == "sweep"), 0)

    return until(found, timeout=PATIENCE)


@pytest.mark.slow
def test_the_sweep_equals_a_local_one_whatever_dies(cluster: Cluster, tmp_path: Path) -> None:
    dense = checkpoints.load("dense")
    spec = sweep_of(dense, GRID, method="l1", recalibrate=True, calibration=200, test=False)
    store = Store(tmp_path / "app")

    app = start_command(cluster, store.home)
    until(lambda: len(points(store)) >= 3 or app.poll() is not None, timeout=PATIENCE)
    assert app.poll() is None, "it ended before it was killed"
    os.kill(app.pid, signal.SIGKILL)
    app.wait(TIMEOUT)
    before = points(store)
    assert len(before) < spec.size

    engine = Engine(store, scheduler=cluster.address)
    try:
        sweep = find_sweep(store, spec.name)
        assert sweep.spec == spec
        assert status(store, sweep).state is SweepState.STOPPED, "the jobs of an app that was killed are interrupted"
        jobs = control.resume(engine, sweep, dense)
        assert len(jobs) > WORKERS, "subtrees, so that all workers have something to do"
        cluster.kill_worker(running_worker(store, sweep))
        until(lambda: status(store, sweep).state is not SweepState.RUNNING, timeout=PATIENCE)
        assert status(store, sweep).state is SweepState.COMPLETE, status(store, sweep).error
        until(lambda: all(store.get_job(job.id).status is JobStatus.FINISHED for job in jobs))
        lost = [event for job in jobs for event in store.list_events(job.id) if event.payload.get("worker") == "lost"]
        assert len(lost) == 1, "the death of a worker cost its own part and no other"
    finally:
        engine.close()
    assert all(points(store)[record] == was for record, was in before.items()), "no point was measured twice"

    local = Store(tmp_path / "local")
    alone = points_of(local, sweep_here(spec, dense, local))
    together = points_of(store, sweep)
    assert len(alone) == len(together) == spec.size
    for one, other in zip(alone, together, strict=True):
        assert (one.schedule, one.kept, one.record) == (other.schedule, other.kept, other.record)
        assert one.validation is not None
        assert other.validation is not None
        assert abs(one.validation.accuracy - other.validation.accuracy) <= 1e-6
        assert one.validation == other.validation
    assert [list(home.iterdir()) for home in cluster.homes] == [[]] * WORKERS, "workers write nothing"
