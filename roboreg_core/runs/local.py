"""Execution of a run in the caller's process, without a job engine; used by the command line."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import StorageError, StoreError
from roboreg_core.files import write_state, writing
from roboreg_core.jobs.task import LocalContext, TaskFunction
from roboreg_core.runs.execute import execute
from roboreg_core.runs.spec import KIND
from roboreg_core.store.records import Record
from roboreg_core.store.row_mapping import now

if TYPE_CHECKING:
    from roboreg_core.runs.spec import RunSpec
    from roboreg_core.store.store import Store

_DIGEST_BYTES = hashlib.sha256().digest_size

log = logging.getLogger(__name__)


def run_here(
    spec: RunSpec,
    inputs: dict[str, bytes],
    store: Store,
    *,
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None,
) -> Record:
    """Execute a run and store its record with artefacts; an interrupted run resumes from its last epoch.

    `inputs` are the task's inputs (`dense`: the network as safetensors); `on_report` is called with each progress
    payload.
    """
    return make_here(execute, KIND, spec.id, spec.to_json(), inputs, store, on_report=on_report)


def make_here(
    function: TaskFunction,
    kind: str,
    key: str,
    spec: dict[str, Any],
    inputs: dict[str, bytes],
    store: Store,
    *,
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None,
) -> Record:
    """Call a task function in this process and store its output as the record of this `kind` with the id `key`.

    An interrupted call resumes from its last saved state. `inputs` are the task's inputs, bytes by name; `on_report` is
    called with each progress payload.

    Raises `StorageError`: the store cannot be written; it is checked before the call as well.
    """
    store.check_writable()
    unfinished = store.unfinished / key
    with writing(unfinished, StorageError, remedy="set ROBOREG_HOME to another folder"):
        unfinished.parent.mkdir(exist_ok=True)
    context = LocalContext(
        inputs=inputs,
        state=_saved_state(unfinished),
        on_report=on_report,
        on_save=lambda state: write_state(unfinished, state + hashlib.sha256(state).digest()),
        on_put=record_writer(store),
    )
    output = function(spec, context)
    try:
        artifacts = {name: store.artifacts.put(part) for name, part in output.artifacts.items()}
        record = Record(kind=kind, id=key, created=now(), spec=spec, result={**output.result, "artifacts": artifacts})
        store.put_record(record)
    except StorageError as error:
        raise StorageError(f"{error}; then repeat the command to continue from the last saved epoch") from error
    unfinished.unlink(missing_ok=True)
    return record


def _saved_state(path: Path) -> bytes | None:
    """The state to resume from; None, with a warning, if it is damaged or has no SHA-256.

    Raises `StoreError`: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} must be readable, got {error.strerror}: make it readable, or delete it") from error
    state, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(state).digest() == digest:
        return state
    log.warning("the saved state is damaged or of an earlier version: the work starts from the beginning")
    return None


def record_writer(store: Store) -> Callable[[str, str, dict[str, Any], dict[str, Any]], None]:
    """The `on_put` callback of a `LocalContext` that writes each record to the store."""

    def put(kind: str, key: str, spec: dict[str, Any], result: dict[str, Any]) -> None:
        store.complete_record(Record(kind=kind, id=key, created=now(), spec=spec, result=result))

    return put
