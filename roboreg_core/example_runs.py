"""The example runs and sweeps that ship with the project: their specs, and how to make them."""

from collections.abc import Callable
from dataclasses import replace

from roboreg_core import paths
from roboreg_core.architecture import RESNET20
from roboreg_core.models import checkpoints
from roboreg_core.prediction import sensitivity
from roboreg_core.runs.spec import RunSpec, spec_for
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Record
from roboreg_core.store.shipped import drop, export
from roboreg_core.store.store import Store
from roboreg_core.sweeps.grid import RANDOM, Grid, source_grid
from roboreg_core.sweeps.spec import SweepSpec, sweep_for
from roboreg_core.sweeps.sweep_store import Sweep, points_of

# (schedule, method, epochs) on the bundled images: all pruned presets, and the original project's method.
RECORDED = (
    ("minimal", "refit", 4),
    ("three-quarters", "refit", 4),
    ("moderate", "refit", 4),
    ("quarter", "refit", 4),
    ("aggressive", "refit", 4),
    ("moderate", "source", 4),
)

# (name, grid, test): `test` is True to measure test images too, which predictions and searches do not need.
SWEEPS = (
    ("source grid", source_grid(), True),
    ("sensitivity", sensitivity.plan(), False),
    ("random schedules", Grid(kind=RANDOM, values=tuple((1, bound) for bound in RESNET20.bounds), n=200), False),
)


def specs() -> list[RunSpec]:
    """Specs of the example runs, all with the example network and the bundled images."""
    dense = checkpoints.load(paths.SHIPPED)
    return [
        spec_for(presets()[schedule], dense, "bundled", method=method, distil=method != "source", epochs=epochs)
        for schedule, method, epochs in RECORDED
    ]


def measure_latency_again(store: Store) -> list[str]:
    """Measure the latency of the example runs again, which needs an idle machine; return the ids of the runs.

    The runs are read from `store` and exported with the new latency to `checkpoints/recorded`; `store` is not changed.

    Raises `StoreError`: a run or its weights are missing.
    """
    import torch

    from roboreg_core.runs.execute import timings

    dense, ids = checkpoints.load(paths.SHIPPED).model, []
    for spec in specs():
        record = store.find_record(spec.id)
        content = store.artifacts.get(record.result["artifacts"]["weights"])
        again = timings(dense, checkpoints.from_bytes(content).model, torch.device("cpu"))
        export(replace(record, result={**record.result, "latency": again}), store.artifacts, paths.recorded())
        ids.append(spec.id)
    return ids


def make(store: Store, execute: Callable[[RunSpec, bytes], Record]) -> list[str]:
    """Make the example runs missing from `store`, export all to `checkpoints/recorded`, and return their ids.

    `execute` runs a spec with the dense network's weights (the bytes of its file) and stores the record in `store`.
    Records of another dense network are deleted from the folder.
    """
    dense, ids = checkpoints.load(paths.SHIPPED), []
    _drop_others(dense.sha256)
    for spec in specs():
        if store.get_record(spec.id) is None:
            execute(spec, dense.content)
        store.export_record(spec.id, paths.recorded())
        ids.append(spec.id)
    return ids


def make_sweeps(store: Store, measure: Callable[[SweepSpec], Sweep]) -> list[str]:
    """Measure the example sweeps, export them and their points to `checkpoints/recorded`; return the sweeps' ids.

    `measure` measures the points of a sweep that are missing from `store` and stores them there. Records of another
    dense network are deleted from the folder.
    """
    dense, ids = checkpoints.load(paths.SHIPPED), []
    _drop_others(dense.sha256)
    for name, grid, test in SWEEPS:
        sweep = measure(sweep_for(name, grid, dense, "bundled", test=test))
        for record in (sweep.id, *(point.record for point in points_of(store, sweep))):
            store.export_record(record, paths.recorded())
        ids.append(sweep.id)
    return ids


def _drop_others(dense_sha256: str) -> None:
    drop(paths.recorded(), lambda record: record.spec["dense_sha256"] != dense_sha256)
