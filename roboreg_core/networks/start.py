"""Start making a network: as a job of the engine, or in the caller's process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from roboreg_core.models.file_formats import check_size
from roboreg_core.networks.execute import FILE, execute, task_for
from roboreg_core.networks.management import check_name
from roboreg_core.networks.registry import DenseNetwork, dense_networks, of_record
from roboreg_core.networks.spec import NETWORK, NetworkSpec, UploadSpec
from roboreg_core.runs.local import make_here

if TYPE_CHECKING:
    from roboreg_core.jobs.engine import Engine
    from roboreg_core.store.records import Job
    from roboreg_core.store.store import Store


def existing(store: Store, spec: NetworkSpec) -> DenseNetwork | None:
    """The network that this spec would produce if it exists already, perhaps under another name; else None."""
    return next((each for each in dense_networks(store) if each.record is not None and each.record.id == spec.id), None)


def unfinished(store: Store, spec: NetworkSpec) -> Job | None:
    """The newest job for this spec's network that is unfinished or can resume from a saved state, else None."""
    jobs = store.list_jobs(NETWORK, key=spec.id)
    return next((job for job in jobs if not job.status.is_ended or (job.status.can_resume and job.state)), None)


def start(engine: Engine, spec: NetworkSpec, content: bytes | None = None) -> Job:
    """Queue a job that makes the network, and return it.

    If there is an unfinished or a finished job for the same network, that one is returned. A failed, cancelled or
    interrupted training resumes from its last epoch, and the network keeps the name in that job. `content` are the
    bytes of an upload.

    Raises `StoreError`: the name is taken, or the bytes cannot be stored; `CheckpointError`: an upload's size is
    invalid.
    """
    store = engine.store
    if existing(store, spec) is None:
        before = unfinished(store, spec)
        if before is not None:
            return before if not before.status.is_ended else engine.resume(before.id)
        check_name(store, spec.name, except_id=spec.id)
    _check_file(spec)
    return engine.submit(task_for(spec, store, content))


def make(
    store: Store,
    spec: NetworkSpec,
    content: bytes | None = None,
    *,
    on_report: Callable[[dict[str, Any]], None] = lambda payload: None,
) -> DenseNetwork:
    """Make and store the network in this process, unless it exists; an interrupted training resumes.

    `content` are the bytes of an upload; `on_report` is called with each progress payload.

    Raises `StoreError`: the name is taken; `CheckpointError`: the file holds no network that fits the images.
    """
    known = existing(store, spec)
    if known is not None:
        return known
    check_name(store, spec.name, except_id=spec.id)
    _check_file(spec)
    inputs = {} if content is None else {FILE: content}
    return of_record(make_here(execute, NETWORK, spec.id, spec.to_json(), inputs, store, on_report=on_report))


def _check_file(spec: NetworkSpec) -> None:
    if isinstance(spec, UploadSpec):
        check_size(spec.size)
