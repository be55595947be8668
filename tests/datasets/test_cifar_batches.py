from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10

from roboreg_core.datasets import cifar_batches
from roboreg_core.errors import DataError
from tests.datasets.conftest import Little


class CIFAR10WithoutSums(CIFAR10):
    """torchvision's own reader. It checks sums of whole files, and those hold the name of every picture, which the npm
    package does not carry; the pixels and labels are checked by `batches.read`.
    """

    train_list = tuple([name, None] for name, _ in CIFAR10.train_list)
    test_list = tuple([name, None] for name, _ in CIFAR10.test_list)
    meta = CIFAR10.meta | {"md5": None}


def test_written_files_are_read_back(little: Little, tmp_path: Path) -> None:
    assert not cifar_batches.present(tmp_path)
    little.write_full(tmp_path)
    assert cifar_batches.present(tmp_path)
    for split, (pixels, labels) in (("train", little.train), ("test", little.test)):
        images = cifar_batches.read(tmp_path, split)
        assert np.array_equal(images.pixels.numpy(), pixels)
        assert np.array_equal(images.labels.numpy(), labels)
        assert torch.equal(images.indices, torch.arange(len(labels)))
        assert images.pixels.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("train", [True, False])
def test_torchvision_reads_what_we_write(little: Little, tmp_path: Path, train: bool) -> None:
    little.write_full(tmp_path)
    theirs = CIFAR10WithoutSums(tmp_path, train=train)
    pixels, labels = little.train if train else little.test
    assert np.array_equal(theirs.data, pixels.transpose(0, 2, 3, 1))
    assert theirs.targets == labels.tolist()
    assert theirs.classes == list(cifar_batches.CLASSES)


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.write_text, (self.target, "taken over"))


@pytest.mark.parametrize("where", ["whole", "data", "labels"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_executes_nothing(little: Little, tmp_path: Path, where: str, protocol: int) -> None:
    little.write_full(tmp_path)
    target = tmp_path / "taken"
    bad = Malicious(target)
    content = bad if where == "whole" else {"data": little.test[0], "labels": little.test[1].tolist(), where: bad}
    dangerous = pickle.dumps(content, protocol=protocol)
    (tmp_path / cifar_batches.FOLDER / "test_batch").write_bytes(dangerous)
    with pytest.raises(DataError, match="is not allowed") as caught:
        cifar_batches.read(tmp_path, "test")
    assert not target.exists()
    assert "test_batch" in str(caught.value)
    pickle.loads(dangerous)
    assert target.exists(), "the pickle is dangerous indeed"


@pytest.mark.parametrize("opcodes", [b"cos\nsystem\n(S'true'\ntR.", b"cbuiltins\neval\n(S'1'\ntR.", b"cnumpy\nload\n."])
def test_no_other_name_can_be_reached(little: Little, tmp_path: Path, opcodes: bytes) -> None:
    little.write_full(tmp_path)
    (tmp_path / cifar_batches.FOLDER / "test_batch").write_bytes(opcodes)
    with pytest.raises(DataError, match="is not allowed"):
        cifar_batches.read(tmp_path, "test")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x04N.", pickle.dumps({"data": [1, 2], "labels": []})])
def test_a_damaged_file_is_named_with_its_remedy(little: Little, tmp_path: Path, content: bytes) -> None:
    little.write_full(tmp_path)
    (tmp_path / cifar_batches.FOLDER / "data_batch_3").write_bytes(content)
    with pytest.raises(
        DataError, match=r"data_batch_3 must be a batch file .*python -m roboreg_core data fetch"
    ) as caught:
        cifar_batches.read(tmp_path, "train")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(little: Little, tmp_path: Path) -> None:
    little.write_full(tmp_path)
    (tmp_path / cifar_batches.FOLDER / "data_batch_5").unlink()
    assert not cifar_batches.present(tmp_path)
    with pytest.raises(DataError, match="data_batch_5"):
        cifar_batches.read(tmp_path, "train")


def test_other_images_are_refused(little: Little, tmp_path: Path) -> None:
    pixels, labels = little.test[0].copy(), little.test[1]
    pixels[7, 1, 3, 3] ^= 1
    cifar_batches.write(tmp_path, little.train, (pixels, labels))
    with pytest.raises(DataError, match="must hold the original CIFAR-10 test images"):
        cifar_batches.read(tmp_path, "test")


def test_labels_and_images_must_have_equal_length(little: Little, tmp_path: Path) -> None:
    cifar_batches.write(tmp_path, little.train, (little.test[0], little.test[1][:-1]))
    with pytest.raises(DataError, match="as many labels as images, got 49 and 50"):
        cifar_batches.read(tmp_path, "test")


def test_the_checksum_covers_pixels_and_labels_in_the_original_order() -> None:
    pixels, labels = np.arange(3072, dtype=np.uint8).reshape(1, 3, 32, 32), np.array([4])
    expected = hashlib.sha256(bytes(value % 256 for value in range(3072)) + bytes([4])).hexdigest()
    assert cifar_batches.content_sha256(pixels, labels) == expected
    same_values = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert cifar_batches.content_sha256(same_values, labels) == expected
