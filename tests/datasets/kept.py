"""Data sets of random pixels, stored without an import."""

from __future__ import annotations

import numpy as np

from roboreg_core import paths
from roboreg_core.datasets import library, own_images
from roboreg_core.datasets.dataset import PREFIX, Dataset


def keep_dataset(name: str, n_classes: int, per_class: int = 4, size: int = 16, seed: int = 0) -> Dataset:
    """Keep a data set with so many pictures per class in each split."""
    generator = np.random.default_rng(seed)
    folder = paths.datasets() / "new"
    folder.mkdir(parents=True)
    labels = np.repeat(np.arange(n_classes, dtype=np.uint8), per_class)
    for split in own_images.SPLITS:
        pixels = generator.integers(0, 256, (len(labels), size, size, 3), dtype=np.uint8)
        np.save(own_images.pixels_path(folder, split), pixels)
        np.save(own_images.labels_path(folder, split), labels)
    classes = tuple(f"kind {number:03}" for number in range(n_classes))
    sha256 = own_images.content_sha256(folder, classes, size)
    dataset = Dataset(
        id=f"{PREFIX}{sha256[:16]}",
        name=name,
        classes=classes,
        image_size=size,
        training=len(labels),
        validation=len(labels),
        test=len(labels),
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        origin=f"ZIP {name}.zip",
        sha256=sha256,
        created="2026-01-01T00:00:00+00:00",
        report={
            "counts": dict.fromkeys(own_images.SPLITS, [per_class] * n_classes),
            "lines": [f"{3 * len(labels)} pictures of {n_classes} classes."],
            "unreadable": [],
            "pairs": [],
        },
    )
    library.write_manifest(folder, dataset)
    folder.rename(paths.datasets() / dataset.id)
    return dataset
