"""What the verbs share: their options, and how they answer. Standard output is for answers, all else goes beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeRemainingColumn

from roboreg_core import paths

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

say = Console(stderr=True, highlight=False)

ScheduleArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Nine counts joined by commas, or a preset.")]
DENSE = "dense"
Baseline = Annotated[str, typer.Option(metavar="RUN|dense", help="What to compare with: a run's id, or dense.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
From = Annotated[str, typer.Option("--from", metavar="CHECKPOINT", help="Network: a file, a name or SHA-256.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
TrainingImages = Annotated[str, typer.Option("--images", help="auto, bundled (10,000) or full (48,000).")]


def measure(model: Any, device: Any, precision: Any = "float32") -> tuple[dict[str, Any], float]:
    """Report on all test images as JSON, and how many seconds the pass took."""
    import time

    from roboreg_core.datasets.sources import test_images
    from roboreg_core.evaluation.logits import logits
    from roboreg_core.evaluation.metrics import report

    images = test_images()
    started = time.perf_counter()
    values = logits(model, images, device=device, precision=precision)
    seconds = time.perf_counter() - started
    return report(values, images.labels).to_json(), seconds


def open_store() -> Store:
    """The user's store, with the recorded runs."""
    from roboreg_core.store.store import Store

    return Store(paths.home(), shipped=paths.recorded())


def load_network(where: str) -> Checkpoint:
    """A network by its file, its name, or the first digits of its SHA-256; own ones are found as those that ship.

    Raises `CheckpointError` where there is none, or the file is no ResNet-20.
    """
    from roboreg_core.errors import CheckpointError
    from roboreg_core.models import checkpoints
    from roboreg_core.networks.registry import checkpoint_of, find

    if where in checkpoints.names() or Path(where).expanduser().is_file():
        return checkpoints.load(where)
    store = open_store()
    try:
        return checkpoint_of(find(store, where), store)
    except CheckpointError as error:
        raise CheckpointError(f"{error}, or name a weights file that is there") from None


def say_notes(notes: tuple[str, ...]) -> None:
    """Print notes beside the answer."""
    for note in notes:
        say.print(f"note: {note}", markup=False)


def answer(as_json: bool, facts: dict[str, Any], line: str) -> None:
    """Print what a verb found: JSON for programs, or a line for people."""
    print(json.dumps(facts) if as_json else line)


@contextmanager
def progress_bar(title: str) -> Iterator[Any]:
    """A progress bar on a terminal; yields a function that takes the share done and the stage."""
    columns = (
        "{task.description}",
        "{task.percentage:>3.0f}%",
        TimeRemainingColumn(),
        TextColumn("{task.fields[stage]}"),
    )
    with Progress(*columns, console=say, transient=True, disable=not say.is_terminal) as progress:
        task = progress.add_task(title, total=1.0, stage="")

        def advance(fraction: float, stage: str = "") -> None:
            progress.update(task, completed=fraction, stage=stage)

        yield advance


def find_run(store: Store, prefix: str) -> Record:
    """The run whose id is, or alone begins with, `prefix`. Raises `StoreError` where there is none."""
    from roboreg_core.errors import StoreError
    from roboreg_core.runs.spec import KIND

    record = store.find_record(prefix)
    if record.kind != KIND:
        raise StoreError(f"record {record.id} must be a run, got a {record.kind}: list the runs to see their ids")
    return record
