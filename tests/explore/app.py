"""An app in a process of its own: starts a sweep on the scheduler that its environment names, and waits to be ended."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from roboreg_core.explore import control
from roboreg_core.explore.spec import SweepSpec
from roboreg_core.jobs.engine import Engine
from roboreg_core.model import checkpoints
from roboreg_core.store.store import Store


def main(home: str, spec: str) -> None:
    import json

    engine = Engine(Store(Path(home)))
    control.start(engine, SweepSpec.from_json(json.loads(spec)), checkpoints.load("dense"))
    while True:
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
