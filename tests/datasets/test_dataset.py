from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from roboreg_core import paths
from roboreg_core.datasets.dataset import (
    CIFAR10,
    CIFAR100,
    MANIFEST,
    Dataset,
    dataset_of,
    images_option,
    is_training_set,
    name_of,
)
from roboreg_core.errors import DataError

OWN = Dataset(
    id="images-0123456789abcdef",
    name="defects",
    classes=("crack", "dent"),
    image_size=64,
    training=30,
    validation=5,
    test=9,
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.2, 0.2),
)


def write(dataset: Dataset) -> Path:
    folder = paths.datasets() / dataset.id
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(json.dumps(dataset.to_json()))
    return folder


def test_cifar10_is_as_it_was() -> None:
    assert (CIFAR10.n_classes, CIFAR10.image_size, CIFAR10.validation, CIFAR10.test) == (10, 32, 2_000, 10_000)
    assert dataset_of("full") == CIFAR10
    assert dataset_of("bundled") == replace(CIFAR10, training=10_000)
    assert CIFAR10.training == 48_000
    assert CIFAR10.mean is None


def test_cifar100_has_twenty_groups_of_five_classes() -> None:
    assert (CIFAR100.n_classes, len(set(CIFAR100.groups)), len(CIFAR100.groups)) == (100, 20, 100)
    assert all(CIFAR100.groups.count(group) == 5 for group in set(CIFAR100.groups))
    assert list(CIFAR100.classes) == sorted(CIFAR100.classes)
    assert CIFAR100.groups[CIFAR100.classes.index("apple")] == "fruit_and_vegetables"
    assert (CIFAR100.training, CIFAR100.validation, CIFAR100.test) == (48_000, 2_000, 10_000)


def test_an_own_data_set_is_read_from_its_manifest() -> None:
    write(OWN)
    assert dataset_of(OWN.id) == OWN
    assert name_of(OWN.id) == "defects"
    assert OWN.is_own
    assert not CIFAR100.is_own


def test_a_rename_is_seen_although_manifests_are_cached() -> None:
    folder = write(OWN)
    assert dataset_of(OWN.id).name == "defects"
    (folder / MANIFEST).write_text(json.dumps(replace(OWN, name="other").to_json()))
    assert dataset_of(OWN.id).name == "other"


def test_an_absent_data_set_is_named_with_its_remedy() -> None:
    with pytest.raises(DataError, match="add its images again"):
        dataset_of(OWN.id)
    assert name_of(OWN.id) == OWN.id


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', json.dumps({**OWN.to_json(), "mean": 3})])
def test_a_damaged_manifest_is_an_error(content: str) -> None:
    (write(OWN) / MANIFEST).write_text(content)
    with pytest.raises(DataError, match="must be the manifest of a data set"):
        dataset_of(OWN.id)


@pytest.mark.parametrize(
    "text", ["", "auto", "half", "images-", "images-0123456789ABCDEF", "../bundled", "images-1/.."]
)
def test_other_strings_name_no_training_set(text: str) -> None:
    assert not is_training_set(text)
    with pytest.raises(DataError, match="a training set must be"):
        dataset_of(text)


def test_options_of_the_command_line() -> None:
    assert [images_option(each) for each in ("full", "cifar100", OWN.id)] == [
        "--images full",
        "--data cifar100",
        f"--data {OWN.id}",
    ]
