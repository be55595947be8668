"""Tiny task functions for workers to run. Each step waits a little, so that a test can act between two of them."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from roboreg_core.errors import SpecError
from roboreg_core.jobs.task import Context, Output, Stopped

Spec = dict[str, Any]


def count(spec: Spec, context: Context) -> Output:
    """Count to `steps`, saving each step and going on from the saved one; return what this attempt counted."""
    begin = int(context.state or b"0")
    counted = []
    for step in range(begin + 1, spec["steps"] + 1):
        _nap(spec, context)
        context.save(str(step).encode())
        context.report({"step": step, "milestone": True})
        counted.append(step)
    return Output(result={"counted": counted, "pid": os.getpid()}, artifacts={"last": str(counted[-1:]).encode()})


def tell_much(spec: Spec, context: Context) -> Output:
    """Report more often than anyone reads, with a milestone now and then."""
    end = time.monotonic() + spec["seconds"]
    number = 0
    while time.monotonic() < end:
        number += 1
        context.report({"number": number, "milestone": number % 100 == 0})
        time.sleep(0.001)
    return Output(result={"reported": number})


def digest(spec: Spec, context: Context) -> Output:
    """Read the inputs; return their sums, and bytes as large as asked."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in context.inputs.items()}
    return Output(result={"sums": sums}, artifacts={"large": os.urandom(spec.get("bytes", 1))})


def environment(spec: Spec, context: Context) -> Output:
    """What a worker finds around it."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_")
    return Output(result={"pid": os.getpid(), **{name: os.environ.get(name) for name in names}})


def threads(spec: Spec, context: Context) -> Output:
    """How many threads the function is given."""
    return Output(result={"threads": context.threads})


def refuse(spec: Spec, context: Context) -> Output:
    """Raise RoboReg's own error, another one, or leave the process's usual ways."""
    if spec["how"] == "own":
        raise SpecError("steps must be 1..9, got 10")
    if spec["how"] == "exit":
        raise SystemExit("over")
    raise ValueError("a line\nand another")


def ignore_stop(spec: Spec, context: Context) -> Output:
    """Hold some memory and never look whether to stop."""
    held = bytearray(spec.get("bytes", 1))
    context.save(b"7")
    context.report({"holding": len(held), "pid": os.getpid(), "milestone": True})
    time.sleep(spec["seconds"])
    return Output(result={})


def die(spec: Spec, context: Context) -> Output:
    """Kill the own process, the first `times` times that it is run."""
    path = Path(spec["path"])
    deaths = len(path.read_text()) if path.exists() else 0
    if deaths < spec["times"]:
        path.write_text("x" * (deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return Output(result={"deaths": deaths})


def note(spec: Spec, context: Context) -> Output:
    """Append a line when begun and one when done."""
    with Path(spec["path"]).open("a") as file:
        file.write(f"begin {spec['name']}\n")
        file.flush()
        time.sleep(spec.get("seconds", 0.05))
        file.write(f"end {spec['name']}\n")
    return Output(result={})


def put_some(spec: Spec, context: Context) -> Output:
    """Hand over a record a step, saving which steps are done; return which this attempt took."""
    begin, taken = int(context.state or b"0"), []
    for step in range(begin + 1, spec["steps"] + 1):
        _nap(spec, context)
        context.put("made", f"{spec['name']}-{step}", {"step": step}, {"pid": os.getpid()})
        context.save(str(step).encode())
        taken.append(step)
    return Output(result={"taken": taken})


def put_much(spec: Spec, context: Context) -> Output:
    """Hand over records as fast as possible and end at once."""
    for step in range(spec["steps"]):
        context.put("made", f"{spec['name']}-{step}", {"step": step}, {})
    return Output(result={})


def put_nonsense(spec: Spec, context: Context) -> Output:
    """Hand over what JSON does not know."""
    context.put("made", "nonsense", {}, {"what": {1, 2}})
    return Output(result={})


def run_on_few_images(spec: Spec, context: Context) -> Output:
    """A real run, on 2,000 training images and 500 others."""
    from roboreg_core.datasets import sources
    from roboreg_core.datasets.images import Images, first_of_each_class
    from roboreg_core.runs.execute import execute

    def first(images: Images, count: int) -> Images:
        return images.take(first_of_each_class(images.labels.numpy(), count // 10), f"{count:,} images")

    training, others = first(sources.training_images("bundled"), 2_000), first(sources.test_images(), 500)
    sources.training_images = lambda choice="auto": training  # type: ignore[assignment]
    sources.validation_images = sources.test_images = lambda choice="auto": others  # type: ignore[assignment]
    return execute(spec, context)


def _nap(spec: Spec, context: Context) -> None:
    end = time.monotonic() + spec.get("nap", 0.05)
    while time.monotonic() < end:
        if context.should_stop():
            raise Stopped
        time.sleep(0.01)
