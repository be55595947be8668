"""An app in a process of its own: submits one long job, then waits for it, leaves at its third step, or stays."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from roboreg_core.jobs.engine import Engine
from roboreg_core.store.store import Store
from tests.jobs.helpers import done, reached, task, until


def main(home: str, how: str, steps: str) -> None:
    store = Store(Path(home))
    engine = Engine(store)
    job = engine.submit(task("long", steps=int(steps), nap=0.05))
    if how == "finish":
        done(engine, job)  # and leaves without closing
    if how == "leave":
        until(reached(store, job, 3))
    while how == "stay":
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
