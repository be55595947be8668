"""The part of CIFAR-10 that ships with the project, as lossless WebP mosaics of up to 1,000 images in rows of 40.

`manifest.json` lists files with SHA-256 sums, labels, and indices in the original training or test set.
"""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from roboreg_core.datasets.cifar10 import IMAGE_SIZE
from roboreg_core.datasets.images import Images, from_arrays
from roboreg_core.datasets.manifest import REMEDY, read_manifest
from roboreg_core.errors import DataError

PER_ROW = 40


def read(folder: Path, split: str) -> Images:
    """Read the bundled `train` (validation split included) or `test` images.

    Raises `DataError`: a file is missing or differs from its checksum.
    """
    manifest = read_manifest(folder)
    entry = manifest["splits"][split]
    with ThreadPoolExecutor() as pool:
        mosaics = list(pool.map(lambda part: _read_mosaic(folder, part), entry["files"]))
    return from_arrays(split, np.concatenate(mosaics), np.array(entry["labels"]), np.array(entry["indices"]))


def verify(folder: Path) -> list[str]:
    """One error message per missing or damaged file of the bundled images; [] if all are intact."""
    try:
        manifest = read_manifest(folder)
    except DataError as error:
        return [str(error)]
    problems = []
    for entry in manifest["splits"].values():
        for part in entry["files"]:
            try:
                _checked_bytes(folder, part)
            except DataError as error:
                problems.append(str(error))
    return problems


def _checked_bytes(folder: Path, part: dict[str, Any]) -> bytes:
    path = folder / part["file"]
    try:
        content = path.read_bytes()
    except OSError:
        raise DataError(f"bundled images need {path}, which cannot be read; {REMEDY}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != part["sha256"]:
        raise DataError(f"{path} must have SHA-256 {part['sha256'][:12]}, got {found[:12]}; {REMEDY}")
    return content


def _read_mosaic(folder: Path, part: dict[str, Any]) -> np.ndarray:
    with Image.open(io.BytesIO(_checked_bytes(folder, part))) as image:
        mosaic = np.asarray(image.convert("RGB"))
    rows = mosaic.shape[0] // IMAGE_SIZE
    tiles = mosaic.reshape(rows, IMAGE_SIZE, PER_ROW, IMAGE_SIZE, 3).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(-1, IMAGE_SIZE, IMAGE_SIZE, 3)[: part["images"]]
