"""A run in the caller's own process, kept in the store: how the command line does without an engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from roboreg_core import paths
from roboreg_core.jobs.task import LocalContext
from roboreg_core.runs.execute import execute
from roboreg_core.runs.spec import KIND
from roboreg_core.store.records import Record

if TYPE_CHECKING:
    from roboreg_core.runs.spec import RunSpec
    from roboreg_core.store.store import Store


def run_here(
    spec: RunSpec,
    inputs: dict[str, bytes],
    store: Store,
    *,
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None,
) -> Record:
    """Do a run and keep it; one that was interrupted goes on from its last epoch when it is asked for again.

    `inputs` and what `on_report` is told are those of `execute`.
    """
    from roboreg_core.model.checkpoints import write_whole

    unfinished = paths.home() / "unfinished" / spec.id
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    context = LocalContext(
        inputs=inputs,
        state=unfinished.read_bytes() if unfinished.exists() else None,
        on_report=on_report,
        on_save=lambda state: write_whole(unfinished, state),
    )
    output = execute(spec.to_json(), context)
    artifacts = {name: store.artifacts.put(part) for name, part in output.artifacts.items()}
    record = Record(
        kind=KIND,
        id=spec.id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        spec=spec.to_json(),
        result={**output.result, "artifacts": artifacts},
    )
    store.put_record(record)
    unfinished.unlink(missing_ok=True)
    return record
