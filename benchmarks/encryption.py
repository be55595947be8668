"""Cost of TLS between the app and its workers: start of a cluster with one worker, and a message there and back.

`python -m benchmarks.encryption` takes turns with and without TLS, each turn with a separate cluster.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import dask
import typer

from roboreg_core.jobs.dask_cluster import HOST, SETTINGS

WAYS = ("plain", "tls")
WORDS = {
    "start_s": "start with one worker, s",
    "message_ms": "round trip to the scheduler, ms",
    "task_ms": "task on the worker, ms",
    "megabyte_ms": "task with 1 MB there and back, ms",
}
MEGABYTE = bytes(1_000_000)


def main(
    turns: Annotated[int, typer.Option(min=1, help="Clusters per way.")] = 5,
    messages: Annotated[int, typer.Option(min=1, help="Round trips per cluster.")] = 100,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure in turns and print medians and lowest values."""
    from benchmarks.common import write_json  # imports torch, which the workers would import, too

    dask.config.set(SETTINGS)
    measured: dict[str, list[dict[str, list[float]]]] = {way: [] for way in WAYS}
    measure(tls=True, messages=1)  # imports
    for _ in range(turns):
        for way in WAYS:
            measured[way].append(measure(tls=way == "tls", messages=messages))
    figures = {
        way: {name: _summary([value for each in found for value in each[name]]) for name in WORDS}
        for way, found in measured.items()
    }
    write_json(json, figures)
    for way, each in figures.items():
        print(way)
        for name, words in WORDS.items():
            print(f"  {words}: {each[name]['median']:.2f} (lowest {each[name]['lowest']:.2f})")


def _summary(values: list[float]) -> dict[str, float]:
    """Median and, for a machine that others load, the lowest value."""
    return {"median": statistics.median(values), "lowest": min(values)}


def measure(*, tls: bool, messages: int) -> dict[str, list[float]]:
    """Start a cluster as the job engine does, and return the seconds of the start and milliseconds per message."""
    from distributed import Client, Nanny, Scheduler, SpecCluster
    from distributed.security import Security

    started = time.perf_counter()
    security = Security.temporary() if tls else Security()
    common: dict[str, Any] = {"host": HOST, "protocol": "tls://" if tls else "tcp://", "security": security}
    scheduler = {
        "cls": Scheduler,
        "options": {**common, "port": 0, "dashboard": False, "dashboard_address": f"{HOST}:0"},
    }
    worker = {
        "cls": Nanny,
        "options": {**common, "nthreads": 1, "memory_limit": 0, "dashboard": False, "silence_logs": logging.ERROR},
    }
    with (
        SpecCluster(scheduler=scheduler, workers={0: worker}, security=security, silence_logs=logging.ERROR) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(1)
        client.submit(_same, 0, pure=False).result()
        start = time.perf_counter() - started
        return {
            "start_s": [start],
            "message_ms": _times_ms(lambda: client.run_on_scheduler(_nothing), messages),
            "task_ms": _times_ms(lambda: client.submit(_same, 0, pure=False).result(), messages),
            "megabyte_ms": _times_ms(lambda: client.submit(_same, MEGABYTE, pure=False).result(), messages // 10 + 1),
        }


def _times_ms(call: Callable[[], object], count: int) -> list[float]:
    times = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1e3)
    return times


def _nothing() -> None:
    """Runs on the scheduler."""


def _same(value: Any) -> Any:
    """Runs on the worker."""
    return value


if __name__ == "__main__":
    typer.run(main)
