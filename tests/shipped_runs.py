"""The example runs, found by schedule and method: their ids change with the dense network."""

from __future__ import annotations

from roboreg_core import paths
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Record
from roboreg_core.store.shipped import ShippedRecords


def shipped_runs() -> list[Record]:
    """Their records."""
    return [record for record in ShippedRecords(paths.recorded()).records().values() if record.kind == KIND]


def shipped_run(schedule: str, method: str = "refit") -> str:
    """The first eight digits of the id of the run of this preset by this method."""
    asked = (list(presets()[schedule]), method)
    (found,) = (run.id for run in shipped_runs() if (run.spec["schedule"], run.spec["method"]) == asked)
    return found[:8]
