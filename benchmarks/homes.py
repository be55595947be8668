"""Homes for benchmarks, screenshots and tests: a store with many runs, and the list of pages."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from roboreg_core import paths
from roboreg_core.architecture import RESNET20
from roboreg_core.models.costs import cost
from roboreg_core.runs.spec import KIND, METHOD_VERSION, identity
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.store.store import Store
from roboreg_core.ui import keys
from roboreg_core.ui.navigation import PAGES

# Pages that show something else without a query are opened with one; the rest as they are.
MOST_COMPARED = 16
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def open_store(home: Path) -> Store:
    """Return the store in `home`, with the example runs."""
    return Store(home, shipped=paths.recorded())


def add_runs(store: Store, count: int, spec: Mapping[str, Any] | None = None) -> list[str]:
    """Add `count` artificial runs to the store and return their ids, for timing and screenshots.

    Each is a copy of an example run with another seed, schedule and cost, and with random changes of its accuracies;
    the rest of its result, with the artefacts, is that of the example run. `spec` changes further settings of all.
    """
    originals = [record for record in store.list_records(KIND) if record.recorded]
    draw = random.Random(0)
    records = [_varied(originals[place % len(originals)], place, draw, spec or {}) for place in range(count)]
    for record in records:
        store.put_record(record)
    return [record.id for record in records]


def add_finished_jobs(store: Store, runs: Sequence[str]) -> None:
    """Add the finished job of each run."""
    known = {record.id: record for record in store.list_records(KIND, ())}
    for number, record in enumerate(map(known.__getitem__, runs)):
        job = Job(id=f"job-{number}", kind=KIND, key=record.id, function="", spec=record.spec, created=record.created)
        store.add_job(replace(job, status=JobStatus.FINISHED, started=record.created, ended=record.created))


def _varied(record: Record, place: int, draw: random.Random, spec: Mapping[str, Any]) -> Record:
    counts = [
        max(1, min(bound, count + draw.randint(-bound // 8, bound // 8)))
        for count, bound in zip(_counts(record), RESNET20.bounds, strict=True)
    ]
    schedule = Schedule(counts=tuple(counts))
    counted = asdict(cost(schedule))
    totals = {name: getattr(cost(schedule), name) for name in ("parameters", "macs", "size_bytes")}
    made = {**record.spec, "schedule": counts, "seed": place + 1, **spec}
    stages = {
        stage: {**report, "accuracy": round(report["accuracy"] - draw.expovariate(100) * (stage != "dense"), 4)}
        for stage, report in record.result["stages"].items()
    }
    return replace(
        record,
        id=identity(made, METHOD_VERSION),
        created=(_FIRST + timedelta(minutes=place)).isoformat(timespec="seconds"),
        recorded=False,
        spec=made,
        result={**record.result, "schedule": counts, "cost": {**counted, **totals}, "stages": stages},
    )


def _counts(record: Record) -> Sequence[int]:
    return Schedule.from_json(record.result["schedule"]).counts


def navigation() -> list[str]:
    """Names of the pages, in the order of the menu."""
    on_disk = {path.stem for path in (paths.PROJECT / "pages").glob("*.py")}
    if set(PAGES) != on_disk:
        raise RuntimeError(f"the navigation must name every file of pages/, got {sorted(PAGES)} for {sorted(on_disk)}")
    return list(PAGES)


def tab_key(page: str) -> str:
    """Return the query parameter of a page's tab."""
    return keys.EXPLORE_TAB if page == "explore" else keys.TAB


def query(page: str, runs: Sequence[str]) -> dict[str, str]:
    """Return the query with which a page shows most: one run, or the largest number of compared runs."""
    if page == "inspect":
        return {"run": runs[0]}
    return {"runs": ",".join(runs[:MOST_COMPARED])} if page == "compare" else {}
