from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core import paths
from roboreg_core.datasets import images, sources
from roboreg_core.errors import DataError
from tests.datasets.conftest import BUNDLED_PER_CLASS, TRAIN_PER_CLASS, VALIDATION_PER_CLASS, Little


def test_validation_has_200_images_a_class() -> None:
    validation = sources.validation_images()
    assert torch.bincount(validation.labels).tolist() == [200] * 10
    assert validation.name == "2,000 validation images"


def test_the_validation_split_is_pinned() -> None:
    # Digests of the first 200 images per class of the original training images.
    validation = sources.validation_images()
    indices = hashlib.sha256(validation.indices.numpy().tobytes()).hexdigest()
    pixels = hashlib.sha256(validation.pixels.permute(0, 2, 3, 1).contiguous().numpy().tobytes()).hexdigest()
    assert indices == "6ccf634314661ab99fbe0e7a8a6d39eceae3001eb086b6757f580337b174fec5"
    assert pixels == "4e5ac895e46a9b569a45d0220f845bd1c317a6bbb96ae905af26bf5b6ca10a16"


def test_training_and_validation_share_no_image() -> None:
    training, validation = sources.training_images("bundled"), sources.validation_images()
    assert len(training) == sources.TRAINING_COUNTS["bundled"] == 10_000
    assert torch.bincount(training.labels).tolist() == [1_000] * 10
    assert not set(training.indices.tolist()) & set(validation.indices.tolist())
    assert training.name == "10,000 training images (bundled)"


def test_test_images() -> None:
    test = sources.test_images()
    assert (len(test), test.name) == (10_000, "10,000 test images")
    assert torch.equal(test.indices, torch.arange(10_000))


def test_sets_are_read_once() -> None:
    assert sources.test_images() is sources.test_images()
    assert sources.training_images("bundled") is sources.training_images("auto")


@given(st.permutations(list(range(10)) * 6))
def test_bundled_and_full_labels_choose_the_same_validation_images(order: list[int]) -> None:
    labels = np.array(order)
    bundled = images.first_of_each_class(labels, 4)
    from_bundle = bundled[images.first_of_each_class(labels[bundled], 2)]
    assert np.array_equal(from_bundle, images.first_of_each_class(labels, 2))


def test_full_and_bundled_images_agree(little: Little, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = little.write_bundle(tmp_path / "bundle")
    monkeypatch.setattr(paths, "bundled_data", lambda: folder)
    assert not sources.full_is_present()
    assert sources.resolve_training_set("auto") == "bundled"
    small = (sources.training_images(), sources.validation_images(), sources.test_images())

    little.write_full(paths.local_data())
    assert sources.full_is_present()
    assert sources.resolve_training_set("auto") == "full"
    large = (sources.training_images(), sources.validation_images(), sources.test_images())

    for one, other in zip(small[1:], large[1:], strict=True):
        assert torch.equal(one.pixels, other.pixels)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.indices, other.indices)
    assert len(small[0]) == 10 * (BUNDLED_PER_CLASS - VALIDATION_PER_CLASS)
    assert len(large[0]) == 10 * (TRAIN_PER_CLASS - VALIDATION_PER_CLASS)
    assert set(small[0].indices.tolist()) < set(large[0].indices.tolist())
    assert not set(large[0].indices.tolist()) & set(large[1].indices.tolist())
    # The bundled images stay available by name.
    assert torch.equal(sources.training_images("bundled").pixels, small[0].pixels)


def test_the_users_folder_comes_first(little: Little, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOREG_DATA", str(little.write_full(tmp_path / "elsewhere")))
    assert sources.resolve_training_set("auto") == "full"
    assert len(sources.test_images()) == len(little.test[1])


def test_full_images_that_are_absent() -> None:
    with pytest.raises(DataError, match=r"which is absent; run: python -m roboreg_core data fetch"):
        sources.training_images("full")


def test_an_unknown_choice() -> None:
    with pytest.raises(DataError, match="must be one of auto, bundled, full, got 'half'"):
        sources.resolve_training_set("half")


def test_take_and_to_make_new_images(few_images: images.Images) -> None:
    before = few_images.pixels.clone()
    part = few_images.take(np.array([3, 1]), "two")
    assert (len(part), part.name) == (2, "two")
    assert torch.equal(part.indices, few_images.indices[[3, 1]])
    assert part.pixels.is_contiguous(memory_format=torch.channels_last)
    part.pixels.zero_()
    assert torch.equal(few_images.pixels, before)
    assert torch.equal(few_images.to("cpu").pixels, before)


def test_arrays_that_cannot_be_written_make_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    pixels.setflags(write=False)
    made = images.from_arrays("two", pixels, np.array([1, 2]))
    made.take(np.frombuffer(np.array([1, 0]).tobytes(), dtype=np.int64), "turned")
    assert not recwarn.list
    assert made.indices.tolist() == [0, 1]
