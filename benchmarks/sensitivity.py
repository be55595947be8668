"""Duration of a first sensitivity analysis: the points of `python -m roboreg_core sensitivity`.

The store is empty; the example sweeps are not used. Run: python -m benchmarks.sensitivity
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.common import machine, write_json
from roboreg_core.models import checkpoints
from roboreg_core.prediction.sensitivity import plan
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION
from roboreg_core.store.store import Store
from roboreg_core.sweeps.local import sweep_here
from roboreg_core.sweeps.spec import SweepSpec

# As on the command line.
VALUES = 8


def main(
    quick: Annotated[bool, typer.Option("--quick", help="2 counts, few images: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure once, in an empty store."""
    values, calibration = (2, 100) if quick else (VALUES, DEFAULT_CALIBRATION)
    dense = checkpoints.load("dense")
    spec = SweepSpec(
        name="sensitivity",
        grid=plan(values),
        dense=dense.name,
        dense_sha256=dense.sha256,
        training_set="bundled",
        calibration=calibration,
        test=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        started = time.perf_counter()
        sweep_here(spec, dense, store)
        seconds = time.perf_counter() - started
        store.close()
    facts = machine()
    title = f"Sensitivity of nine blocks, {values} counts each"
    print(f"{title}{' (quick: a test of this script, no result)' if quick else ''}: {seconds:.1f} s")
    print("; ".join(f"{name} {value}" for name, value in facts.items()))
    figures = {"counts": values, "schedules": len(spec.points()), "seconds": seconds, "quick": quick, **facts}
    write_json(json, figures)


if __name__ == "__main__":
    typer.run(main)
