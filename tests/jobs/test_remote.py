"""The engine with a scheduler and a worker that someone else started, with TLS as docs/cluster.md shows."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed.security import Security

from roboreg_core.jobs.engine import Engine
from roboreg_core.jobs.request_queue import RequestStatus
from roboreg_core.jobs.task import Request
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from tests.jobs.helpers import TIMEOUT, current, done, payloads, reached, start_module, steps, task, until, worker_pid

HOST = "127.0.0.1"


class Cluster:
    """A dask scheduler and a worker, each in processes of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.address = f"tls://{HOST}:{self.port}"
        self.variables = _tls_variables(folder)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        quiet["env"] = {**os.environ, **self.variables}
        scheduler = ["--protocol", "tls", "--host", HOST, "--port", str(self.port)]
        scheduler += ["--no-dashboard", "--dashboard-address", f"{HOST}:0"]
        worker = [self.address, "--host", HOST, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
        worker += ["--resources", "device=1 light=1", "--local-directory", str(self.folder)]
        self.processes.append(start_module("distributed.cli.dask_scheduler", *scheduler, **quiet))
        self.processes.append(start_module("distributed.cli.dask_worker", *worker, **quiet))

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(TIMEOUT)
        self.processes = []


def _tls_variables(folder: Path) -> dict[str, str]:
    """One self-signed certificate for all members, and the variables that name it."""
    temporary = Security.temporary()
    certificate, key = folder / "roboreg.crt", folder / "roboreg.key"
    certificate.write_text(temporary.tls_ca_file)
    key.write_text(temporary.tls_client_key)
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    named = {f"{prefix}CA_FILE": str(certificate)}
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        named |= {f"{prefix}{role}__CERT": str(certificate), f"{prefix}{role}__KEY": str(key)}
    return named


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def engine(store: Store, cluster: Cluster) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBOREG_SCHEDULER", cluster.address)
        for name, value in cluster.variables.items():
            patch.setenv(name, value)
        dask.config.refresh()  # as a new process does
        engine = Engine(store, grace=1.0)
        yield engine
        engine.close()
    dask.config.refresh()


@pytest.mark.slow
def test_the_same_code_runs_there(engine: Engine, store: Store, cluster: Cluster) -> None:
    job = done(engine, engine.submit(task("remote", steps=3)))
    assert job.status is JobStatus.FINISHED
    record = store.get_record("remote")
    assert record is not None
    assert store.artifacts.get(record.result["artifacts"]["last"]) == b"[3]"
    assert [worker.lanes for worker in until(engine.workers)] == [("device", "light")]


def test_a_request_runs_on_the_remote_worker(engine: Engine, store: Store) -> None:
    how = {"function": "tests.jobs.functions:digest", "spec": {}, "inputs": {"weights": b"abc"}}
    before = engine.request(Request(channel="me", function="tests.jobs.functions:count", spec={"steps": 10_000}))
    until(lambda: before.progress)
    pending = engine.request(Request(channel="me", **how))
    until(lambda: pending.is_ended)
    assert pending.result["sums"]["weights"].startswith("ba7816bf"), pending.error
    assert before.status is RequestStatus.SUPERSEDED


def test_cancel_and_resume(engine: Engine, store: Store) -> None:
    job = engine.submit(task("remote stopped", steps=30))
    until(reached(store, job, 5))
    engine.cancel(job.id)
    assert done(engine, job).status is JobStatus.CANCELLED
    engine.resume(job.id)
    assert done(engine, job).status is JobStatus.FINISHED
    assert steps(store, job)[-1] == 30
    assert len(set(steps(store, job))) == len(steps(store, job))


@pytest.mark.slow
def test_a_remote_worker_that_dies_or_ignores_stop_is_replaced(engine: Engine, store: Store) -> None:
    job = engine.submit(task("remote killed", steps=20))
    until(reached(store, job, 5))
    os.kill(worker_pid(store, job), signal.SIGKILL)
    assert done(engine, job).status is JobStatus.FINISHED
    record = store.get_record("remote killed")
    assert record is not None
    assert record.result["counted"][0] >= 5

    deaf = engine.submit(task("remote deaf", "ignore_stop", seconds=600))
    until(lambda: current(store, deaf).progress)
    engine.cancel(deaf.id)
    assert done(engine, deaf).status is JobStatus.CANCELLED
    assert done(engine, engine.submit(task("remote after", steps=1))).status is JobStatus.FINISHED


@pytest.mark.slow
def test_a_lost_scheduler_interrupts_and_the_next_job_connects_anew(
    engine: Engine, store: Store, cluster: Cluster
) -> None:
    job = engine.submit(task("remote lost", steps=40))
    queued = engine.submit(task("remote lost behind", steps=1))
    until(reached(store, job, 5))
    cluster.stop()
    ended = done(engine, job)
    assert ended.status is JobStatus.INTERRUPTED
    assert "connection to the scheduler was lost" in (ended.error or "")
    assert done(engine, queued).status is JobStatus.INTERRUPTED

    cluster.start()
    engine.resume(job.id)
    assert done(engine, job).status is JobStatus.FINISHED
    record = store.get_record("remote lost")
    assert record is not None
    assert record.result["counted"][0] >= 5
    assert {"attempt": 2}.items() <= [each for each in payloads(store, job) if "attempt" in each][-1].items()


def test_a_scheduler_that_is_not_there_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roboreg_core.jobs.dask_cluster.CONNECT_SECONDS", 0.5)
    address = f"tcp://{HOST}:{_free_port()}"
    engine = Engine(store, scheduler=address)
    ended = done(engine, engine.submit(task("nowhere", steps=1)))
    engine.close()
    assert ended.status is JobStatus.INTERRUPTED
    assert address in (ended.error or "")
    assert "ROBOREG_SCHEDULER" in (ended.error or "")
