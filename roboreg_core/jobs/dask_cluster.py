"""The dask cluster behind the engine: worker processes on this machine, or a scheduler somewhere else.

distributed is imported when a connection is opened, not before.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from roboreg_core.errors import JobError
from roboreg_core.jobs.task import Request
from roboreg_core.jobs.worker import Call, run_task
from roboreg_core.store.records import Job

HOST = "127.0.0.1"
LANES = ("device", "light")
# After so many deaths of the worker under one job, the job is the likely cause.
DEATHS = 3
CONNECT_SECONDS = 10.0
CALL_SECONDS = 30.0

# What the engine needs of dask, set for the whole process because nannies read it whenever they start a worker.
SETTINGS = {
    # Empty: workers keep the caller's thread and malloc settings, which dask would override.
    "distributed.nanny.pre-spawn-environ": {},
    # A daemonic process may not have children, e.g. those of a data loader.
    "distributed.worker.daemon": False,
    # A machine that slept, or starts a process slowly, has lost nothing: the nanny knows when a worker really died.
    "distributed.scheduler.worker-ttl": None,
    "distributed.deploy.lost-worker-timeout": "1 hour",
    # Inputs and results of a few MB are meant to travel with the task.
    "distributed.admin.large-graph-warning-threshold": "64 MiB",
    # What dask measures about itself nobody reads here, yet it wakes every process up to a hundred times a second; and
    # where each kind of job has one worker, nothing is to be moved from one to another.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.work-stealing": False,
}


@dataclass(frozen=True, kw_only=True)
class WorkerInfo:
    """One worker process, as the scheduler sees it; `lanes` are the kinds of job that it takes, `job` what it runs."""

    name: str
    address: str
    threads: int
    lanes: tuple[str, ...]
    job: str | None = None


def check_main_guard() -> None:
    """Check that the running script can be imported: each worker process that is started here imports it again.

    Raises:
        JobError: its top level has no `if __name__ == "__main__":`, so each worker would start workers of its own.
    """
    main = vars(sys.modules["__main__"])
    frame = sys._getframe().f_back
    while frame is not None:
        at_top = frame.f_globals is main and frame.f_code.co_name == "<module>"
        if at_top and "__file__" in main and "__main__" not in frame.f_code.co_consts:
            raise JobError(
                f"a script that starts an engine must have a main guard, got none in {main['__file__']}: "
                'move what it does under `if __name__ == "__main__":`'
            )
        frame = frame.f_back


def connect(scheduler: str | None, lane: str, listen: Callable[[dict[str, Any]], None]) -> Connection:
    """Connect to the scheduler at this address, or for None start one here with a worker for `lane`.

    `listen` is called, from a thread of dask's, with each message of the engine's own tasks.

    Raises:
        JobError: the scheduler cannot be reached, or no worker process can be started.
    """
    import dask
    from distributed import Client

    dask.config.set(SETTINGS)
    logging.getLogger("distributed").setLevel(logging.ERROR)  # what matters is told as events of the jobs
    if scheduler:
        return _connect_remote(Client, scheduler, listen)
    try:
        cluster = _start_cluster(lane)
    except Exception as error:
        raise JobError(f"no worker process could be started ({error}): see the log of the app") from error
    return Connection(Client(cluster, set_as_default=False), cluster, listen)


def _connect_remote(client_class: Any, scheduler: str, listen: Callable[[dict[str, Any]], None]) -> Connection:
    try:
        client = client_class(scheduler, set_as_default=False, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, ImportError) as error:
        raise JobError(
            f"the scheduler {scheduler} cannot be reached ({error}): start it, or unset ROBOREG_SCHEDULER"
        ) from error
    return Connection(client, None, listen)


def _start_cluster(lane: str) -> Any:
    from distributed import Scheduler, SpecCluster

    options = {
        "host": HOST,
        "port": 0,
        "dashboard": False,
        "dashboard_address": f"{HOST}:0",
        "allowed_failures": DEATHS - 1,
    }
    scheduler = {"cls": Scheduler, "options": options}
    return SpecCluster(scheduler=scheduler, workers={lane: _worker_spec(lane)}, silence_logs=logging.ERROR)


def _worker_spec(lane: str) -> dict[str, Any]:
    from distributed import Nanny

    options: dict[str, Any] = {
        "host": HOST,
        "nthreads": 1,
        "memory_limit": 0,
        "resources": {lane: 1},
        "dashboard": False,
        "dashboard_address": None,
        "silence_logs": logging.ERROR,
    }
    if lane != "device" and "OMP_NUM_THREADS" not in os.environ:
        # Short work beside a training: a few threads answer sooner than many that fight for the same cores.
        options["env"] = {"OMP_NUM_THREADS": str(threads(alone=False))}
    return {"cls": Nanny, "options": options}


def threads(*, alone: bool) -> int:
    """How many threads short work may use on this machine: all where it runs alone, else half."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get("OMP_NUM_THREADS", "")
    whole = int(given) if given.isdecimal() and int(given) else cores
    return whole if alone else max(1, whole // 2)


class Connection:
    """One client of one scheduler. Its calls block for a round trip; only the engine's own thread makes them."""

    def __init__(self, client: Any, cluster: Any | None, listen: Callable[[dict[str, Any]], None]) -> None:
        """Listen to the messages of the tasks that are submitted here; `cluster` is None where it is not our own."""
        self.client = client
        self.cluster = cluster
        self.topic = f"roboreg-{uuid.uuid4().hex}"
        client.subscribe_topic(self.topic, lambda event: listen(event[1]))

    @property
    def broken(self) -> bool:
        """True where the scheduler can no longer be reached."""
        return bool(self.client.status != "running")

    def open_lane(self, lane: str) -> None:
        """Start the worker for a lane where this machine has none yet; returns at once."""
        if self.cluster is not None and lane not in self.cluster.worker_spec:
            self.cluster.worker_spec[lane] = _worker_spec(lane)
            self.cluster.scale(len(self.cluster.worker_spec))

    def submit(self, job: Job, token: str, inputs: dict[str, bytes], state: bytes | None) -> Any:
        """Send an attempt at a job to the cluster and return its future; `state` is where it goes on from."""
        from distributed import Variable

        Variable(token, client=self.client).set({"number": 0, "state": state or b""})
        call = Call(job=job.id, token=token, topic=self.topic, function=job.function, spec=job.spec, variable=token)
        return self.client.submit(
            run_task, json.dumps(vars(call)), inputs, key=f"job-{token}", resources={job.lane: 1}, pure=False
        )

    def ask(self, question: Request, token: str, threads: int | None) -> Any:
        """Send a question to the cluster and return its future."""
        call = Call(
            job="", token=token, topic=self.topic, function=question.function, spec=question.spec, threads=threads
        )
        return self.client.submit(
            run_task,
            json.dumps(vars(call)),
            question.inputs,
            key=f"question-{token}",
            resources={question.lane: 1},
            pure=False,
        )

    def let_go(self, future: Any) -> None:
        """Let the cluster forget a future's result."""
        with suppress(Exception):  # a scheduler that is gone holds nothing
            future.release()

    def state(self, token: str) -> tuple[int, bytes]:
        """The number and the bytes of the newest state that an attempt saved."""
        from distributed import Variable

        held = Variable(token, client=self.client).get(timeout=CALL_SECONDS)
        return int(held["number"]), bytes(held["state"])

    def forget(self, token: str, future: Any) -> None:
        """Let go of everything that the cluster holds for an attempt."""
        from distributed import Variable

        with suppress(Exception):  # a scheduler that is gone holds nothing
            Variable(token, client=self.client).delete()
        self.let_go(future)

    def workers(self) -> list[WorkerInfo]:
        """The workers that take jobs."""
        info = self.client.scheduler_info(n_workers=-1)
        found = [_worker_info(address, each) for address, each in info["workers"].items()]
        return [each for each in found if each.lanes]

    def end_worker(self, address: str, pid: int) -> None:
        """End a worker process at once; its nanny starts a fresh one.

        Raises:
            JobError: it has no nanny that could.
        """
        if self.cluster is not None:
            self._kill_own(pid)
            return
        try:
            self.client.restart_workers([address], timeout=CALL_SECONDS, raise_for_error=False)
        except ValueError as error:
            raise JobError(f"the worker {address} cannot be restarted ({error}): restart it by hand") from error

    def close(self) -> None:
        """Leave the scheduler; an own cluster ends with all its processes. Takes a few seconds at most."""
        with suppress(Exception):
            if not self.broken:
                self.client.run_on_scheduler(_clear_topic, topic=self.topic)
        with suppress(Exception):
            self.client.close(timeout=2)
        if self.cluster is not None:
            with suppress(Exception):
                self.cluster.sync(_close_nannies, self.cluster)
            with suppress(Exception):
                self.cluster.close(timeout=10)

    def _kill_own(self, pid: int) -> None:
        """Kill a worker only while its nanny still calls it its own: the number may have been given to another."""
        for nanny in list(self.cluster.workers.values()):  # type: ignore[union-attr]
            if nanny.process is not None and nanny.process.pid == pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


async def _close_nannies(cluster: Any) -> None:
    """End the workers without waiting for what they are doing."""
    import asyncio

    await asyncio.gather(*(nanny.close(timeout=0.5, reason="app-closes") for nanny in cluster.workers.values()))


def _clear_topic(topic: str, dask_scheduler: Any = None) -> None:
    """Runs on the scheduler, which would keep the newest messages of a topic for ever."""
    dask_scheduler._broker.truncate(topic)


def _worker_info(address: str, info: dict[str, Any]) -> WorkerInfo:
    return WorkerInfo(
        name=str(info["name"]),
        address=address,
        threads=int(info["nthreads"]),
        lanes=tuple(lane for lane in LANES if info["resources"].get(lane)),
    )


def in_thread(function: Callable[[], None], name: str) -> threading.Thread:
    """Run a function in a daemonic thread of that name."""
    thread = threading.Thread(target=function, name=name, daemon=True)
    thread.start()
    return thread
