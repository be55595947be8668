"""Manifest of the bundled images: files, checksums, labels and indices. Without torch."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from roboreg_core import paths
from roboreg_core.errors import DataError

MANIFEST = "manifest.json"
FORMAT = 1
REMEDY = "restore the data/ folder of the repository (git checkout -- data)"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Manifest of the bundled images in `folder`: files, checksums, labels and indices by split.

    Raises `DataError`: it is unreadable or of another format.
    """
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"bundled images need a readable {path}, got {type(error).__name__}; {REMEDY}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DataError(f"{path} must be a manifest of format {FORMAT}, got another; {REMEDY}")
    return manifest


def test_labels() -> np.ndarray:
    """True classes of CIFAR-10's test images in the order of `sources.test_images`, int64 (n,), read-only."""
    return _labels(paths.bundled_data())


@lru_cache(maxsize=2)
def _labels(folder: Path) -> np.ndarray:
    labels = np.array(read_manifest(folder)["splits"]["test"]["labels"], dtype=np.int64)
    labels.setflags(write=False)
    return labels
