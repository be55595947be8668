from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from roboreg_core import paths
from roboreg_core.datasets import bundled
from roboreg_core.datasets.manifest import MANIFEST
from roboreg_core.errors import DataError
from tests.datasets.conftest import BUNDLED_PER_CLASS, Little


def test_shipped_files_are_complete() -> None:
    assert bundled.verify(paths.bundled_data()) == []


def test_shipped_files_are_small() -> None:
    assert sum(path.stat().st_size for path in paths.bundled_data().iterdir()) < 60 * 2**20


@pytest.mark.parametrize(("split", "per_class"), [("train", 1_200), ("test", 1_000)])
def test_the_shipped_images(split: str, per_class: int) -> None:
    images = bundled.read(paths.bundled_data(), split)
    assert images.pixels.shape == (10 * per_class, 3, 32, 32)
    assert images.pixels.dtype == torch.uint8
    assert images.pixels.is_contiguous(memory_format=torch.channels_last)
    assert torch.bincount(images.labels).tolist() == [per_class] * 10
    assert (images.indices.diff() > 0).all()
    assert images.indices.max() < (50_000 if split == "train" else 10_000)


def test_the_shipped_test_images_are_the_originals() -> None:
    # The checksum of the original data set.
    images = bundled.read(paths.bundled_data(), "test")
    digest = hashlib.sha256(images.pixels.contiguous().numpy().tobytes())
    digest.update(images.labels.to(torch.uint8).numpy().tobytes())
    assert digest.hexdigest() == "9a4c74f5c8b6f2c4e13d3a1dfb43a5a8cda8a9da515e99fd620d2013a1a6287a"


def test_written_images_come_back_to_the_bit(little: Little, tmp_path: Path) -> None:
    folder = little.write_bundle(tmp_path / "bundle")
    assert bundled.verify(folder) == []
    test = bundled.read(folder, "test")
    assert np.array_equal(test.pixels.numpy(), little.test[0])
    assert np.array_equal(test.labels.numpy(), little.test[1])
    train = bundled.read(folder, "train")
    assert torch.bincount(train.labels).tolist() == [BUNDLED_PER_CLASS] * 10
    assert np.array_equal(train.pixels.numpy(), little.train[0][train.indices.numpy()])
    assert np.array_equal(train.labels.numpy(), little.train[1][train.indices.numpy()])


def test_a_damaged_file_is_named_with_its_remedy(little: Little, tmp_path: Path) -> None:
    folder = little.write_bundle(tmp_path / "bundle")
    damaged = folder / "test-00.webp"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(DataError) as caught:
        bundled.read(folder, "test")
    assert str(damaged) in str(caught.value)
    assert "SHA-256" in str(caught.value)
    assert bundled.REMEDY in str(caught.value)
    assert bundled.verify(folder) == [str(caught.value)]
    assert len(bundled.read(folder, "train")) == 10 * BUNDLED_PER_CLASS


def test_a_missing_file_is_named(little: Little, tmp_path: Path) -> None:
    folder = little.write_bundle(tmp_path / "bundle")
    (folder / "train-00.webp").unlink()
    with pytest.raises(DataError, match=r"train-00\.webp, which cannot be read; restore the data/ folder"):
        bundled.read(folder, "train")


@pytest.mark.parametrize("manifest", [None, "{", "[]", '{"format": 2, "splits": {}}'])
def test_a_manifest_that_cannot_be_used(little: Little, tmp_path: Path, manifest: str | None) -> None:
    folder = little.write_bundle(tmp_path / "bundle")
    if manifest is None:
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_text(manifest)
    with pytest.raises(DataError, match=r"manifest\.json"):
        bundled.read(folder, "test")
    assert len(bundled.verify(folder)) == 1


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="git checkout -- data"):
        bundled.read(tmp_path, "test")
    shutil.rmtree(tmp_path)
    assert len(bundled.verify(tmp_path)) == 1


def test_the_manifest_lists_just_the_files_that_are_there() -> None:
    folder = paths.bundled_data()
    manifest = json.loads((folder / MANIFEST).read_text())
    listed = {part["file"] for split in manifest["splits"].values() for part in split["files"]}
    assert listed == {path.name for path in folder.glob("*.webp")}
