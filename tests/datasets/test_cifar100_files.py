from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR100 as TORCHVISION

from roboreg_core import paths
from roboreg_core.datasets import cifar100, cifar100_files, cifar_pickles, download, sources, true_classes
from roboreg_core.datasets.dataset import CIFAR100
from roboreg_core.errors import DataError

PER_CLASS = {"train": 4, "test": 2}
COARSE = list(cifar100.COARSE_CLASSES)


class WithoutSums(TORCHVISION):
    """torchvision's own reader, without its sums of the original files."""

    train_list = (["train", None],)
    test_list = (["test", None],)
    meta = TORCHVISION.meta | {"md5": None}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small `cifar-100-python` of random images in the data folder."""
    monkeypatch.setattr(cifar100, "PER_CLASS", PER_CLASS)
    monkeypatch.setattr(cifar100, "VALIDATION_PER_CLASS", 1)
    monkeypatch.setenv("ROBOREG_DATA", str(tmp_path))
    write(tmp_path)
    return tmp_path


def write(root: Path) -> None:
    folder = root / cifar100_files.FOLDER
    folder.mkdir()
    for seed, (split, count) in enumerate(PER_CLASS.items()):
        random = np.random.default_rng(seed)
        fine = random.permutation(np.repeat(np.arange(100), count))
        pixels = random.integers(0, 256, (len(fine), 3, 32, 32), dtype=np.uint8)
        coarse = np.array([COARSE.index(cifar100.GROUPS[label]) for label in fine])
        cifar_pickles.write_file(folder / split, pixels, fine_labels=fine, coarse_labels=coarse)
    meta = {"fine_label_names": list(cifar100.CLASSES), "coarse_label_names": COARSE}
    (folder / "meta").write_bytes(pickle.dumps(meta))


def test_the_splits(root: Path) -> None:
    training, validation, test = (
        each("cifar100") for each in (sources.training_images, sources.validation_images, sources.test_images)
    )
    assert [len(each) for each in (training, validation, test)] == [300, 100, 200]
    assert torch.bincount(validation.labels).tolist() == [1] * 100
    assert not set(training.indices.tolist()) & set(validation.indices.tolist())
    assert test.classes == CIFAR100.classes
    assert test.name == "200 test images (cifar100)"
    assert np.array_equal(true_classes.test_labels("cifar100"), test.labels.numpy())
    assert test.pixels.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("train", [True, False])
def test_torchvision_reads_the_same(root: Path, train: bool) -> None:
    theirs = WithoutSums(root, train=train)
    pixels, labels = cifar100_files.read(root, "train" if train else "test")
    assert np.array_equal(theirs.data, pixels.transpose(0, 2, 3, 1))
    assert theirs.targets == labels.tolist()
    assert theirs.classes == list(CIFAR100.classes)


def test_without_files_the_error_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"put the files train and test of cifar-100-python.tar.gz into") as caught:
        sources.training_images("cifar100")
    assert str(paths.local_data() / "cifar-100-python") in str(caught.value)


def test_a_failed_download_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(download, "_cifar100_from_torchvision", fails)
    with pytest.raises(DataError, match=r"no route to host; connect to a network, or put the files train and test"):
        download.fetch_cifar100(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_download_is_kept(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_cifar100_from_torchvision", lambda place, *how: write(place))
    assert download.fetch_cifar100(tmp_path / "new") == "torchvision"
    assert cifar100_files.present(tmp_path / "new")
    assert download.fetch_cifar100(tmp_path / "new") == "already there"


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.write_text, (self.target, "taken over"))


def test_a_malicious_pickle_executes_nothing(root: Path) -> None:
    target = root / "taken"
    content = {"data": np.zeros((1, 3072), np.uint8), "fine_labels": Malicious(target), "coarse_labels": [0]}
    (root / cifar100_files.FOLDER / "test").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match="is not allowed"):
        cifar100_files.read(root, "test")
    assert not target.exists()


@pytest.mark.parametrize("change", ["count", "coarse", "range", "cifar-10"])
def test_other_images_are_refused(root: Path, change: str) -> None:
    pixels, fine = cifar100_files.read(root, "test")
    coarse = np.array([COARSE.index(cifar100.GROUPS[label]) for label in fine])
    labels = {"fine_labels": fine, "coarse_labels": coarse}
    if change == "count":
        pixels, labels = pixels[1:], {name: each[1:] for name, each in labels.items()}
    elif change == "coarse":
        coarse[0] = (coarse[0] + 1) % 20
    elif change == "range":
        fine[0] = 100
    else:
        labels = {"labels": fine}
    cifar_pickles.write_file(root / cifar100_files.FOLDER / "test", pixels, **labels)
    with pytest.raises(DataError, match="CIFAR-100"):
        cifar100_files.read(root, "test")
