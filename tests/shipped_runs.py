"""The runs that ship with the project, found by what they are: their ids are others with every dense network."""

from __future__ import annotations

import json
from typing import Any

from roboreg_core import paths
from roboreg_core.runs.spec import KIND
from roboreg_core.schedule import PRESETS


def shipped_runs() -> list[dict[str, Any]]:
    """Their records, as JSON."""
    records = json.loads((paths.recorded() / "records.json").read_text())
    return [record for record in records if record["kind"] == KIND]


def shipped_run(schedule: str, method: str = "refit") -> str:
    """The first eight digits of the id of the run of this preset by this method."""
    asked = (list(PRESETS[schedule]), method)
    (found,) = (run["id"] for run in shipped_runs() if (run["spec"]["schedule"], run["spec"]["method"]) == asked)
    return str(found)[:8]
