"""Writes a bundle in the format of `datasets.bundled`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from roboreg_core.datasets.bundled import PER_ROW
from roboreg_core.datasets.cifar10 import IMAGE_SIZE
from roboreg_core.datasets.images import Images
from roboreg_core.datasets.manifest import FORMAT, MANIFEST

PER_MOSAIC = 1_000


def write(folder: Path, **splits: Images) -> None:
    """Make the bundle in `folder` from images by split."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {name: _write_split(folder, name, images) for name, images in splits.items()}
    (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, "splits": written}) + "\n")


def _write_split(folder: Path, name: str, images: Images) -> dict[str, Any]:
    pixels = images.pixels.permute(0, 2, 3, 1).numpy()
    files = []
    for number, start in enumerate(range(0, len(images), PER_MOSAIC)):
        part = pixels[start : start + PER_MOSAIC]
        path = folder / f"{name}-{number:02d}.webp"
        Image.fromarray(_tile(part)).save(path, "webp", lossless=True, quality=100, method=4)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files.append({"file": path.name, "images": len(part), "sha256": digest})
    return {"files": files, "labels": images.labels.tolist(), "indices": images.indices.tolist()}


def _tile(pixels: np.ndarray) -> np.ndarray:
    rows = -(-len(pixels) // PER_ROW)
    padded = np.zeros((rows * PER_ROW, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    padded[: len(pixels)] = pixels
    return (
        padded.reshape(rows, PER_ROW, IMAGE_SIZE, IMAGE_SIZE, 3)
        .transpose(0, 2, 1, 3, 4)
        .reshape(rows * IMAGE_SIZE, -1, 3)
    )
