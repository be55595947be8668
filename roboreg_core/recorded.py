"""The runs that ship with the project, so that the first visit shows real results: which they are, how to make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from roboreg_core import paths
from roboreg_core.model import checkpoints
from roboreg_core.runs.spec import RunSpec, spec_for
from roboreg_core.schedule import PRESETS
from roboreg_core.store.records import Record
from roboreg_core.store.shipped import export
from roboreg_core.store.store import Store

# Schedule, method, epochs on the bundled images: every pruned preset, and the source's arithmetic at half size.
RECORDED = (
    ("minimal", "refit", 4),
    ("three-quarters", "refit", 4),
    ("moderate", "refit", 4),
    ("quarter", "refit", 4),
    ("aggressive", "refit", 4),
    ("moderate", "source", 4),
)


def specs() -> list[RunSpec]:
    """The specs of the recorded runs, all from the shipped dense network and the bundled images."""
    dense = checkpoints.load("dense")
    return [
        spec_for(PRESETS[schedule], dense, "bundled", method=method, distil=method != "source", epochs=epochs)
        for schedule, method, epochs in RECORDED
    ]


def time_again(store: Store) -> list[str]:
    """Measure the recorded runs' latency anew, on a quiet machine, and return their ids; nothing else changes."""
    import torch

    from roboreg_core.runs.execute import timings

    dense, ids = checkpoints.load("dense").model, []
    for spec in specs():
        record = store.find_record(spec.id)
        content = store.artifacts.get(record.result["artifacts"]["weights"])
        again = timings(dense, checkpoints.from_bytes(content).model, torch.device("cpu"))
        export(replace(record, result={**record.result, "latency": again}), store.artifacts, paths.recorded())
        ids.append(spec.id)
    return ids


def make(store: Store, execute: Callable[[RunSpec, bytes], Record]) -> list[str]:
    """Run what `store` does not hold yet, export all to `checkpoints/recorded`, and return their ids."""
    content = checkpoints.load("dense").content
    ids = []
    for spec in specs():
        if store.get_record(spec.id) is None:
            execute(spec, content)
        store.export_record(spec.id, paths.recorded())
        ids.append(spec.id)
    return ids
