"""Cause the faults of one kind: the process that `python -m benchmarks.faults` starts for each kind, and may kill.

python -m benchmarks.faults.one_kind KIND FOLDER SEED SECONDS [--quick]; events are appended to FOLDER/KIND.jsonl. The
kind `references` executes the work without faults.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.faults.campaign import Outcome, Setting
from benchmarks.faults.kinds import BY_NAME
from benchmarks.faults.work import measure_references

REFERENCES = "references"


def main(name: str, folder: str, seed: str, seconds: str, *more: str) -> None:
    """Write an event per line as soon as its outcome is known."""
    ends = time.monotonic() + float(seconds)
    setting = Setting(folder=Path(folder), seed=int(seed), ends=ends, quick="--quick" in more)
    if name == REFERENCES:
        measure_references(setting)
        return
    with (setting.folder / f"{name}.jsonl").open("a", buffering=1) as file:
        for event in BY_NAME[name].events(setting):
            file.write(f"{event.to_json()}\n")
            figures = ", ".join(f"{key} {value:g}" for key, value in event.figures.items())
            if event.outcome is not Outcome.SURVIVED or not figures or len(event.figures) > 1:
                print(f"  {event.outcome:<9}{event.what} {event.reason or figures}".rstrip(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
