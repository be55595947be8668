"""The user's store, with checks of the records, jobs and saved items that pages and command line read."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from roboreg_core import paths
from roboreg_core.networks import registry
from roboreg_core.networks.spec import NETWORK
from roboreg_core.runs.results import kept_schedule, report_of
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules import saved_schedules
from roboreg_core.search.spec import SEARCH, SearchSpec
from roboreg_core.store.records import Job, Record
from roboreg_core.store.row_mapping import Checks
from roboreg_core.store.shapes import NUMBER, Shape, check_shape
from roboreg_core.store.store import Store
from roboreg_core.sweeps import sweep_store
from roboreg_core.sweeps.spec import POINT
from roboreg_core.wording import job_progress, network_facts, run_facts

_COST: dict[str, Shape] = {"parameters": int, "macs": int, "size_bytes": int, "layers": [{"name": str}]}
_CLASS: dict[str, Shape] = {"precision": NUMBER, "recall": NUMBER, "f1": NUMBER, "support": int}
_REPORT: dict[str, Shape] = {
    "accuracy": NUMBER,
    "images": int,
    "confusion": [[int]],
    "per_class": [{"name": str, **_CLASS}],
}
_LATENCY: dict[str, Shape] = {"median": NUMBER, "low": NUMBER, "high": NUMBER}
_EPOCH: dict[str, Shape] = {"epoch": int, "loss": NUMBER, "accuracy": NUMBER, "seconds": NUMBER}
_RUN: dict[str, Shape] = {
    "cost": _COST,
    "dense_cost": _COST,
    "stages": {"dense": _REPORT, "pruned": _REPORT},
    "history": [_EPOCH],
    "pruning": {"blocks": list, "notes": [str], "seconds": NUMBER},
    "latency": {f"{network}_batch_{batch}": _LATENCY for network in ("dense", "final") for batch in (1, 256)},
    "file_bytes": int,
    "images": {"training": str, "test": str},
    "environment": {"device": str, "threads": int, "precision": str},
    "command": str,
    "artifacts": {},
}


def open_store(
    home: Path | None = None, shipped: Path | None = None, author: Callable[[], str | None] = lambda: None
) -> Store:
    """Open or create the store in `home`, with the example records in `shipped`.

    Records, jobs and saved items that fail `CHECKS` are left out of its lists.

    Args:
        home: folder of the store; None for `paths.home()`.
        shipped: folder of the example records; None for `paths.recorded()`.
        author: called before every write; returns the name of the person who writes, None without a login.

    Raises `StoreError`: the store cannot be opened.
    """
    return Store(home or paths.home(), shipped or paths.recorded(), CHECKS, author)


def _check_run(record: Record, parts: Sequence[str] | None) -> None:
    """Check a run, or only these parts of its result."""
    check_shape(record.result, _RUN if parts is None else _restricted(tuple(parts)), "result")
    if parts is None:
        kept_schedule(record)
        for stage in run_facts.stages_of(record):
            check_shape(report_of(record, stage), _REPORT, f"result.stages.{stage}")
    run_facts.label(record)  # reads the schedule, too


@lru_cache(maxsize=16)
def _restricted(parts: tuple[str, ...]) -> dict[str, Shape]:
    """The entries of `_RUN` at paths such as `cost.parameters`, without paths that it lacks."""
    found: dict[str, Any] = {}
    for *holders, last in (part.split(".") for part in parts):
        inner: Any = _RUN
        for name in holders:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and last in inner:
            holder = found
            for name in holders:
                holder = holder.setdefault(name, {})
            holder[last] = inner[last]
    return found


def _check_network(record: Record, parts: Sequence[str] | None) -> None:
    if parts is not None:
        return
    network = registry.of_record(record)
    check_shape(record.result, {"accuracy": NUMBER, "images": int, "history": [_EPOCH], "environment": {}}, "result")
    network_facts.origin_words(network)
    network_facts.finding(network)


def _check_job(job: Job) -> None:
    job_progress.label(job)
    job_progress.progress_words(job)


CHECKS: Checks = {
    ("records", KIND): _check_run,
    ("records", NETWORK): _check_network,
    ("records", POINT): lambda record, parts: parts is not None or sweep_store.from_point(record),
    ("records", SEARCH): lambda record, parts: SearchSpec.from_json(record.spec),
    ("jobs", KIND): _check_job,
    ("jobs", NETWORK): _check_job,
    ("saved", saved_schedules.KIND): saved_schedules.of_item,
}
