"""A copy of the project with fewer images, for tests and benchmarks that train or measure much."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from roboreg_core import paths

PARTS = ("roboreg_core", "pages", "checkpoints", ".streamlit")


def copy_project(folder: Path, *, train: int, test: int) -> Path:
    """Copy the project into `folder` with the first bundled images only; return the folder.

    Args:
        folder: new folder.
        train: number of training images, the 2,000 validation images included.
        test: number of test images.
    """
    (folder / "data").mkdir(parents=True)
    shutil.copy(paths.PROJECT / "app.py", folder)
    for part in PARTS:
        shutil.copytree(paths.PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = json.loads((paths.bundled_data() / "manifest.json").read_text())
    for name, count in {"train": train, "test": test}.items():
        split = manifest["splits"][name]
        split["files"] = _first_files(split["files"], count)
        split["labels"], split["indices"] = split["labels"][:count], split["indices"][:count]
        for file in split["files"]:
            shutil.copy(paths.bundled_data() / file["file"], folder / "data")
    (folder / "data" / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _first_files(files: list[dict[str, object]], count: int) -> list[dict[str, object]]:
    """The files that hold the first `count` images; of the last one only the first images are used."""
    found, left = [], count
    for file in files:
        if left > 0:
            used = min(left, int(str(file["images"])))
            found.append({**file, "images": used})
            left -= used
    return found
