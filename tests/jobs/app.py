"""An app in a process of its own: submits one long job, or resumes the interrupted one, then waits to be ended."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from roboreg_core.jobs.engine import Engine
from roboreg_core.store.store import Store
from tests.jobs.helpers import done, task


def main(home: str, how: str, steps: str) -> None:
    store = Store(Path(home))
    engine = Engine(store)
    job = engine.submit(task("long", steps=int(steps), nap=0.05))
    if how == "finish":
        done(engine, job)  # and leaves without closing
    while how == "stay":
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
