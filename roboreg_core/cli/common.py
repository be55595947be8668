"""Options and output shared by the verbs. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeRemainingColumn

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets.dataset import AUTO, CIFAR10
from roboreg_core.datasets.library import find_dataset
from roboreg_core.errors import CheckpointError, SpecError
from roboreg_core.files import writing
from roboreg_core.models.normalisation import CHOICES, check_normalisation
from roboreg_core.networks.registry import checkpoint_of, find
from roboreg_core.paths import write_atomically
from roboreg_core.runs.spec import KIND
from roboreg_core.user_input import existing, is_file
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

stderr = Console(stderr=True, highlight=False)

DENSE = "dense"
ScheduleArgument = Annotated[
    str,
    typer.Argument(metavar="SCHEDULE", help="Filters kept in each block, or a preset."),
]
Baseline = Annotated[str, typer.Option(metavar="RUN|dense", help="Baseline: a run's id, or dense.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
From = Annotated[str, typer.Option("--from", metavar="CHECKPOINT", help="Dense network: a file, name or SHA-256.")]
Normalisation = Annotated[
    str,
    typer.Option(help=f"Normalisation of a file of another project: {', '.join(CHOICES)}; auto: by validation images."),
]
Seed = Annotated[int, typer.Option(help="Random seed.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Data = Annotated[
    str,
    typer.Option(
        "--data", metavar="NAME", help="Data set: cifar10, cifar100, or name or id of yours; the network's if omitted."
    ),
]
ArchitectureName = Annotated[
    str, typer.Option("--architecture", metavar="NAME", help="resnet20, resnet56, resnet56-B (option-B shortcuts), ...")
]
TrainingImages = Annotated[str, typer.Option("--images", help="Part of CIFAR-10 to train on: auto, bundled or full.")]
Deleted = Annotated[bool, typer.Option(help="List deleted items, which can be restored.")]


@dataclass(frozen=True, kw_only=True)
class ArchitectureOptions:
    """Options that describe the architecture, for verbs that load no network."""

    architecture: ArchitectureName = RESNET20.name
    classes: Annotated[int, typer.Option(help="Number of classes.")] = RESNET20.n_classes
    size: Annotated[int, typer.Option(help="Height and width of the images in pixels.")] = RESNET20.image_size

    def chosen(self) -> Architecture:
        """The architecture. Raises `ArchitectureError`: a value is not supported."""
        return Architecture.parse(self.architecture, n_classes=self.classes, image_size=self.size)


def with_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Decorator for a verb: each parameter that is a dataclass becomes one command-line option per field."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[Any, list[str]]] = {}
    for each in inspect.signature(verb, eval_str=True).parameters.values():
        if is_dataclass(each.annotation):
            hints = get_type_hints(each.annotation, include_extras=True)
            own = {field.name: field.default for field in fields(each.annotation)}
            groups[each.name] = (each.annotation, list(own))
            parameters += [_keyword(name, default, hints[name]) for name, default in own.items()]
        else:
            parameters.append(_keyword(each.name, each.default, each.annotation))

    def expanded(**values: Any) -> None:
        options = {name: kind(**{own: values.pop(own) for own in names}) for name, (kind, names) in groups.items()}
        verb(**options, **values)

    expanded.__doc__ = verb.__doc__
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return expanded


def _keyword(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def chosen_images(data: str, images: str = AUTO, network: Checkpoint | None = None) -> str:
    """The training set that `--data` and `--images` select, as `datasets.sources` takes it.

    Without `--data` it is that of `network`, if its card names one; else `images`.

    Raises `DataError`: no data set matches; `SpecError`: a part of CIFAR-10 and another data set are chosen.
    """
    if not data:
        own = network.card.get("training_set") if network is not None else ""
        return own if own and images == AUTO else images
    found = find_dataset(data)
    if found.id == CIFAR10.id:
        return images
    if images != AUTO:
        raise SpecError(f"--images must be left out for the data set {found.name!r}, got {images}; it is of CIFAR-10")
    return found.id


def measure(
    model: Any, device: Any, training_set: str = AUTO, precision: Any = "float32"
) -> tuple[dict[str, Any], float]:
    """Evaluate a network on the test images: its `metrics.Report` as JSON, and the seconds of the forward passes."""
    from roboreg_core.datasets.sources import test_images
    from roboreg_core.evaluation.logits import logits
    from roboreg_core.evaluation.metrics import report

    images = test_images(training_set)
    started = time.perf_counter()
    values = logits(model, images, device=device, precision=precision)
    seconds = time.perf_counter() - started
    return report(values, images.labels, images.classes).to_json(), seconds


def load_network(source: str, normalisation: str = AUTO, data: str = "") -> Checkpoint:
    """Load a network by its file, its name, or the first digits of its SHA-256.

    For a file of another project the `normalisation` is used, or chosen by validation images of the data set (`auto`).

    Raises `CheckpointError`: no network matches, or the file does not hold a CIFAR-style ResNet that fits the images;
    `SpecError`: the normalisation is unknown, or the network has its own.
    """
    from roboreg_core.models import checkpoints

    check_normalisation(normalisation)
    if source in checkpoints.names() or is_file(source):
        return _with_inputs(checkpoints.load(source), normalisation, data)
    store = open_store()
    try:
        return _with_inputs(checkpoint_of(find(store, source), store), normalisation, data)
    except CheckpointError as error:
        if existing(source):  # a folder, pipe or device
            return checkpoints.load(source)
        raise CheckpointError(f"{error}, or give an existing weights file") from None


def _with_inputs(loaded: Checkpoint, normalisation: str, data: str) -> Checkpoint:
    if loaded.source is None and normalisation == AUTO:
        return loaded
    from roboreg_core.datasets.sources import validation_images
    from roboreg_core.networks.input_choice import choose_inputs

    return choose_inputs(loaded, validation_images(chosen_images(data, network=loaded)), normalisation)


def find_run(store: Store, prefix: str) -> Record:
    """Find a run by its id or the first digits of it.

    Raises `StoreError`: no run or several match.
    """
    return store.find_record(prefix, KIND)


def print_notes(notes: tuple[str, ...]) -> None:
    """Print notes to standard error."""
    for note in notes:
        stderr.print(f"note: {note}", markup=False)


def print_damage(store: Store) -> None:
    """Print a warning to standard error for each damaged record or saved item that the lists read so far leave out."""
    for each in store.damage(with_jobs=False):
        stderr.print(f"warning: {each}", markup=False)


def print_undo(command: str) -> None:
    """Print the command that undoes a deletion to standard error; `command` is e.g. `runs restore ID`."""
    stderr.print(f"undo: python -m roboreg_core {command}", markup=False)


def print_result(as_json: bool, values: dict[str, Any], text: str) -> None:
    """Print a result: `values` as JSON if `as_json`, else `text`."""
    print(json.dumps(values) if as_json else text)


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically, creating its folder.

    Raises `RoboRegError`: the file is not writable.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[..., None]]:
    """Context with a progress bar on a terminal; yields a function `advance(fraction, stage="")`, fraction 0..1."""
    columns = (
        "{task.description}",
        "{task.percentage:>3.0f}%",
        TimeRemainingColumn(),
        TextColumn("{task.fields[stage]}"),
    )
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress:
        task = progress.add_task(title, total=1.0, stage="")

        def advance(fraction: float, stage: str = "") -> None:
            progress.update(task, completed=fraction, stage=stage)

        yield advance


@contextmanager
def schedule_progress(title: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Context with a progress bar over schedules; yields a callback for dicts with `fraction`, `done`, `total`."""
    with progress_bar(title) as advance:
        yield lambda report: advance(report["fraction"], f"{report['done']} of {report['total']}")
