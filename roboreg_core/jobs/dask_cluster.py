"""The dask cluster of the job engine: worker processes on this machine, or a remote scheduler.

distributed is imported when a connection is opened.
"""

from __future__ import annotations

import ipaddress
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
from multiprocessing import resource_tracker
from typing import Any
from urllib.parse import urlsplit

from roboreg_core.errors import JobError
from roboreg_core.jobs.task import Request
from roboreg_core.jobs.worker import Call, run_task
from roboreg_core.store.records import Job

HOST = "127.0.0.1"
LANES = ("device", "light")
# Deaths of the worker during one job after which the job is considered the cause.
DEATHS = 3
CONNECT_SECONDS = 10.0
CALL_SECONDS = 30.0
ENCRYPTED = ("tls", "wss")

# dask settings, process-wide because nannies read them whenever they start a worker.
SETTINGS = {
    # Empty: workers keep the caller's thread and malloc settings, which dask would override.
    "distributed.nanny.pre-spawn-environ": {},
    # A daemonic process may not have children, e.g. those of a data loader.
    "distributed.worker.daemon": False,
    # No timeouts for machines that slept or are slow: the nanny notices when a worker dies.
    "distributed.scheduler.worker-ttl": None,
    "distributed.deploy.lost-worker-timeout": "1 hour",
    # Inputs and results of a few MB are transferred with the task.
    "distributed.admin.large-graph-warning-threshold": "64 MiB",
    # dask's own measurements are unused and wake every process up to 100 times per second; with one worker per lane
    # there is nothing to rebalance.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.work-stealing": False,
    # The HTTP servers of scheduler and workers have neither TLS nor a password: they serve nothing.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


@dataclass(frozen=True, kw_only=True)
class WorkerInfo:
    """A worker process, the lanes (queues, `device` or `light`) it takes jobs from, and the id of its current job."""

    name: str
    address: str
    threads: int
    lanes: tuple[str, ...]
    job: str | None = None


def check_main_guard() -> None:
    """Check that the running script has a main guard: worker processes import it again.

    Raises `JobError`: the script has no `if __name__ == "__main__":`, so that each worker would start further workers.
    """
    main = vars(sys.modules["__main__"])
    frame = sys._getframe().f_back
    while frame is not None:
        at_top = frame.f_globals is main and frame.f_code.co_name == "<module>"
        if at_top and "__file__" in main and "__main__" not in frame.f_code.co_consts:
            raise JobError(
                f"a script that starts an engine must have a main guard, got none in {main['__file__']}: "
                'move its statements under `if __name__ == "__main__":`'
            )
        frame = frame.f_back


def check_address(scheduler: str) -> None:
    """Check that the connection to a scheduler is encrypted or stays on this machine.

    Raises `JobError`: neither is the case, and `ROBOREG_INSECURE` is not 1.
    """
    scheme, _, place = scheduler.rpartition("://")
    if scheme in ENCRYPTED or os.environ.get("ROBOREG_INSECURE") == "1" or _is_local(place):
        return
    raise JobError(
        f"a scheduler on another machine must have an address with tls://, got {scheduler}: start the cluster with TLS "
        "(docs/cluster.md), or set ROBOREG_INSECURE=1 if everyone on its network may run code as you"
    )


def _is_local(place: str) -> bool:
    """True if the host in `host:port` is this machine's loopback interface."""
    with suppress(ValueError):
        host = urlsplit(f"//{place}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False


def connect(scheduler: str | None, lane: str, listen: Callable[[dict[str, Any]], None]) -> Connection:
    """Connect to the scheduler at an address; for None, start one on this machine with a worker for the lane `lane`.

    `listen` is called from a thread of dask with each message (a dict) of the tasks submitted here.

    Raises `JobError`: the scheduler cannot be reached, or no worker process can be started.
    """
    import dask
    from distributed import Client

    dask.config.set(SETTINGS)
    logging.getLogger("distributed").setLevel(logging.ERROR)  # relevant errors become events of jobs
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
    except TypeError as error:  # raised by dask for an address with tls:// when no certificate is configured
        raise JobError(
            f"the scheduler {scheduler} needs a certificate ({error}): set the variables of TLS in docs/cluster.md"
        ) from error
    return Connection(client, None, listen)


def _start_cluster(lane: str) -> Any:
    from distributed import Scheduler, SpecCluster, scheduler
    from distributed.security import Security

    # Its statistics of garbage collections fail with a traceback if another thread collects garbage at that moment.
    for name in ("enable_gc_diagnosis", "disable_gc_diagnosis"):
        setattr(scheduler, name, lambda: None)
    # Other users of this machine can reach the ports. The worker processes receive key and certificate through a pipe;
    # dask writes them to a temporary folder of this user (mode 0700) for a moment whenever it opens a TLS context.
    security = Security.temporary()
    options = {
        "host": HOST,
        "port": 0,
        "protocol": "tls://",
        "security": security,
        "dashboard": False,
        "dashboard_address": f"{HOST}:0",
        "allowed_failures": DEATHS - 1,
    }
    # Inherited by the threads and workers started here: Ctrl-C goes to all processes of a terminal, but only the app
    # handles it and ends its workers. The resource tracker would unblock the signals when it starts.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": options},
        workers={lane: _worker_spec(lane, security)},
        security=security,
        silence_logs=logging.ERROR,
    )


def _worker_spec(lane: str, security: Any) -> dict[str, Any]:
    from distributed import Nanny

    options: dict[str, Any] = {
        "host": HOST,
        "protocol": "tls://",
        "security": security,
        "nthreads": 1,
        "memory_limit": 0,
        "resources": {lane: 1},
        "dashboard": False,
        "dashboard_address": None,
        "silence_logs": logging.ERROR,
        "preload": [f"{__package__}.worker"],
    }
    if lane != "device" and "OMP_NUM_THREADS" not in os.environ:
        # Fewer threads are faster while a training uses the same cores.
        options["env"] = {"OMP_NUM_THREADS": str(threads(alone=False))}
    return {"cls": Nanny, "options": options}


def threads(*, alone: bool) -> int:
    """Number of CPU threads for a request on this machine: all if nothing else runs (`alone`), else half."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    setting = os.environ.get("OMP_NUM_THREADS", "")
    available = int(setting) if setting.isdecimal() and int(setting) else cores
    return available if alone else max(1, available // 2)


class Connection:
    """Client of a dask scheduler, used by the dispatcher's thread only; calls block for a round trip."""

    def __init__(self, client: Any, cluster: Any | None, listen: Callable[[dict[str, Any]], None]) -> None:
        """Subscribe `listen` to the messages of tasks; `cluster` is None for a remote scheduler."""
        self.client = client
        self.cluster = cluster
        self.topic = f"roboreg-{uuid.uuid4().hex}"
        client.subscribe_topic(self.topic, lambda event: listen(event[1]))

    @property
    def broken(self) -> bool:
        """True if the connection to the scheduler is lost."""
        return bool(self.client.status != "running")

    def open_lane(self, lane: str) -> None:
        """Start this machine's worker for a lane (kind of worker), unless it runs; does not wait for it."""
        if self.cluster is not None and lane not in self.cluster.worker_spec:
            self.cluster.worker_spec[lane] = _worker_spec(lane, self.cluster.security)
            self.cluster.scale(len(self.cluster.worker_spec))

    def submit(self, job: Job, token: str, inputs: dict[str, bytes], state: bytes | None) -> Any:
        """Submit an attempt at a job; return its dask future, whose result is the fields of an `Outcome`.

        `token` identifies the attempt in its messages; `inputs` are the artefacts' bytes by name; `state` is the saved
        state to resume from, None to start from the beginning.
        """
        from distributed import Variable

        Variable(token, client=self.client).set({"number": 0, "state": state or b""})
        call = Call(job=job.id, token=token, topic=self.topic, function=job.function, spec=job.spec, variable=token)
        return self._run(call, f"job-{token}", inputs, job.lane)

    def submit_request(self, request: Request, token: str, threads: int | None) -> Any:
        """Submit a request, whose messages carry `token`; return its dask future, whose result is as for `submit`.

        `threads` is the number of threads for the function; None for the worker's own setting.
        """
        call = Call(
            job="", token=token, topic=self.topic, function=request.function, spec=request.spec, threads=threads
        )
        return self._run(call, f"request-{token}", request.inputs, request.lane)

    def _run(self, call: Call, key: str, inputs: dict[str, bytes], lane: str) -> Any:
        return self.client.submit(run_task, json.dumps(vars(call)), inputs, key=key, resources={lane: 1}, pure=False)

    def release(self, future: Any) -> None:
        """Release the result of a dask future on the cluster; errors, such as a lost connection, are ignored."""
        with suppress(Exception):  # the connection may be lost
            future.release()

    def state(self, token: str) -> tuple[int, bytes]:
        """Number and bytes of the newest state that the attempt `token` saved; number 0 if it has saved none."""
        from distributed import Variable

        held = Variable(token, client=self.client).get(timeout=CALL_SECONDS)
        return int(held["number"]), bytes(held["state"])

    def forget(self, token: str, future: Any) -> None:
        """Delete the state that the attempt `token` saved at the scheduler and release its future; ignores errors."""
        from distributed import Variable

        with suppress(Exception):  # the connection may be lost
            Variable(token, client=self.client).delete()
        self.release(future)

    def workers(self) -> list[WorkerInfo]:
        """The workers that take jobs from at least one lane."""
        found = [
            WorkerInfo(
                name=str(info["name"]),
                address=address,
                threads=int(info["nthreads"]),
                lanes=tuple(lane for lane in LANES if info["resources"].get(lane)),
            )
            for address, info in self.client.scheduler_info(n_workers=-1)["workers"].items()
        ]
        return [each for each in found if each.lanes]

    def end_worker(self, address: str, pid: int) -> None:
        """Kill the worker process `pid` at a dask address; its nanny, dask's watchdog, starts a new one.

        Raises `JobError`: it has no nanny.
        """
        if self.cluster is not None:
            self._kill_own(pid)
            return
        try:
            self.client.restart_workers([address], timeout=CALL_SECONDS, raise_for_error=False)
        except ValueError as error:
            raise JobError(f"the worker {address} cannot be restarted ({error}): restart it manually") from error

    def close(self) -> None:
        """Disconnect, and end a cluster on this machine with all its processes. Takes a few seconds at most."""
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
        """Kill a worker unless its nanny has replaced it: the process id may belong to another process."""
        for nanny in list(self.cluster.workers.values()):  # type: ignore[union-attr]
            if nanny.process is not None and nanny.process.pid == pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


async def _close_nannies(cluster: Any) -> None:
    """End the workers without waiting for their tasks."""
    import asyncio

    await asyncio.gather(*(nanny.close(timeout=0.5, reason="app-closes") for nanny in cluster.workers.values()))


def _clear_topic(topic: str, dask_scheduler: Any = None) -> None:
    """Runs on the scheduler, which would keep the newest messages of a topic forever."""
    dask_scheduler._broker.truncate(topic)


def wake_when_done(future: Any, wake: Callable[[], None]) -> None:
    """Call `wake` in dask's thread once the future is done.

    `Future.add_done_callback` would use an executor, which fails with a traceback when the interpreter exits.
    """

    async def wait() -> None:
        while future.status == "pending":
            await future._state.wait()
        wake()

    future.client.loop.add_callback(wait)


def in_thread(function: Callable[[], None], name: str) -> threading.Thread:
    """Run a function in a daemon thread with this name; return the thread."""
    thread = threading.Thread(target=function, name=name, daemon=True)
    thread.start()
    return thread
