"""Folders and ZIPs of made pictures."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: int = 16) -> Image.Image:
    """A picture of random pixels, another one for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png(seed: int, size: int = 16) -> bytes:
    """The file of `picture`."""
    return encoded(picture(seed, size))


def encoded(image: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def classes(n_classes: int, per_class: int, *, prefix: str = "", first: int = 0) -> dict[str, bytes]:
    """Files `<prefix><class>/<number>.png`, all different."""
    return {
        f"{prefix}class {label}/{number}.png": png(first + label * per_class + number)
        for label in range(n_classes)
        for number in range(per_class)
    }
