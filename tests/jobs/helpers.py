"""Waiting for what must come true, and looking at processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

from roboreg_core.jobs.engine import Engine
from roboreg_core.jobs.task import Task
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 60.0

Found = TypeVar("Found")


def until(ask: Callable[[], Found], timeout: float = TIMEOUT) -> Found:
    """The first true answer; fails where none comes in time."""
    deadline = time.monotonic() + timeout
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def task(key: str, function: str = "count", lane: str = "device", **spec: Any) -> Task:
    return Task(kind="test", key=key, function=f"tests.jobs.functions:{function}", spec=spec, lane=lane)


def done(engine: Engine, job: Job) -> Job:
    return engine.wait(job.id, timeout=TIMEOUT)


def payloads(store: Store, job: Job) -> list[dict[str, Any]]:
    return [event.payload for event in store.list_events(job.id)]


def steps(store: Store, job: Job) -> list[int]:
    return [payload["step"] for payload in payloads(store, job) if "step" in payload]


def reached(store: Store, job: Job, step: int) -> Callable[[], bool]:
    return lambda: current(store, job).progress.get("step", 0) >= step


def running(store: Store, job: Job) -> Callable[[], bool]:
    return lambda: current(store, job).status is JobStatus.RUNNING


def current(store: Store, job: Job) -> Job:
    found = store.get_job(job.id)
    assert found is not None
    return found


def worker_pid(store: Store, job: Job) -> int:
    """The process that began the job last."""
    return [payload["pid"] for payload in payloads(store, job) if payload.get("worker") == "began"][-1]


def start_module(module: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, **options)


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: not any(alive(process) for process in processes)


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
