"""Inspection of a folder or ZIP of pictures before it becomes a data set. Without torch.

`inspect_source` decodes every picture once into a folder beside the data sets, from which `image_import.import_images`
makes the data set or `discard` removes it. Memory holds a few pictures at a time.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from roboreg_core import paths
from roboreg_core.architecture import Architecture
from roboreg_core.datasets.dataset import CIFAR10
from roboreg_core.datasets.image_report import MOST_CLASSES, MOST_SHOWN, ImageReport
from roboreg_core.datasets.own_images import SPLITS
from roboreg_core.datasets.picture_files import PictureFile, PictureSource, arrange, open_source
from roboreg_core.datasets.pictures import UnreadablePictureError, decode
from roboreg_core.datasets.progress import OnProgress, ShouldStop
from roboreg_core.datasets.splits import Assignment, assign
from roboreg_core.errors import DataError
from roboreg_core.files import writing

# Folders of inspections that were neither kept nor discarded are removed after a day.
STALE_SECONDS = 86_400
REMEDY = "set ROBOREG_HOME to another folder"
_INSPECTED = ".inspected-"
_PIXELS = "pixels.raw"
# Pictures and bytes that are read before they are decoded in parallel; more would need more memory.
_BATCH, _BATCH_BYTES = 64, 32 * 2**20
_THREADS = 2


class ImportStopped(Exception):
    """The import was stopped by its caller and left nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Inspection:
    """Decoded pictures of a source, which can become a data set.

    Attributes:
        report: counts, unreadable files, duplicates and problems.
        folder: folder with the decoded pixels.
        labels: index into `report.classes` of each picture, int64 (n,).
        splits: index into `own_images.SPLITS` of each picture, -1 for removed duplicates, int (n,).
    """

    report: ImageReport
    folder: Path
    labels: np.ndarray
    splits: np.ndarray

    @property
    def pixels(self) -> np.ndarray:
        """Pixels of all readable pictures, uint8 (n, size, size, 3), memory-mapped."""
        size = self.report.image_size
        return np.memmap(self.folder / _PIXELS, np.uint8, mode="r", shape=(len(self.labels), size, size, 3))

    def samples(self, label: int, count: int) -> np.ndarray:
        """The first pictures, at most `count`, of the class with index `label`, uint8 (n, size, size, 3).

        Removed duplicates are left out.
        """
        rows = np.flatnonzero((self.labels == label) & (self.splits >= 0))[:count]
        return np.asarray(self.pixels[rows])


def inspect_source(
    source: Path | BinaryIO,
    image_size: int = CIFAR10.image_size,
    *,
    name: str = "",
    on_progress: OnProgress = lambda done, total, words: None,
    should_stop: ShouldStop = lambda: False,
) -> Inspection:
    """Decode all pictures of a folder or ZIP and report on them.

    Args:
        source: a folder, a ZIP file, or an open ZIP.
        image_size: height and width of the stored images in pixels, one that an `Architecture` supports.
        name: file name of an open ZIP.
        on_progress: called with files read, files in all, and a description of the step.
        should_stop: called per file; True stops.

    Raises `ArchitectureError`: the size is not supported; `DataError`: the source is invalid, a limit is exceeded, or
    the disk is full; `ImportStopped`: `should_stop` returned True.
    """
    Architecture(image_size=image_size)
    with open_source(source, name) as opened:
        files, outside = arrange(opened.files)
        classes = tuple(sorted({file.label for file in files}))
        if len(classes) > MOST_CLASSES:
            raise DataError(f"a data set must have at most {MOST_CLASSES} classes, got {len(classes):,} folders")
        folder = _new_folder(len(files), image_size)
        try:
            found = _decode_all(opened, files, folder, image_size, on_progress, should_stop)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return _inspection(opened.origin, classes, image_size, folder, found, len(outside))


def discard(inspection: Inspection) -> None:
    """Delete the decoded pictures of an inspection; the inspection cannot be used afterwards."""
    shutil.rmtree(inspection.folder, ignore_errors=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Decoded:
    """Readable files with the digests of their pixels, and (name, reason) of the others."""

    files: Sequence[PictureFile]
    digests: Sequence[bytes]
    unreadable: Sequence[tuple[str, str]]


def _new_folder(n_files: int, image_size: int) -> Path:
    """An empty folder for decoded pixels; stale ones are removed, and the disk space is checked."""
    root = paths.datasets()
    with writing(root, DataError, remedy=REMEDY):
        root.mkdir(parents=True, exist_ok=True)
        for stale in root.glob(f"{_INSPECTED}*"):
            if time.time() - stale.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(stale, ignore_errors=True)
        # Decoded once, and copied by split.
        needed, free = 2 * n_files * image_size**2 * 3, shutil.disk_usage(root).free
        if free < needed:
            raise DataError(
                f"these images need {needed / 1e6:,.0f} MB in {root}, got {free / 1e6:,.0f} MB; free some space, or "
                f"{REMEDY}"
            )
        return Path(tempfile.mkdtemp(prefix=_INSPECTED, dir=root))


def _decode_all(
    source: PictureSource,
    files: Sequence[PictureFile],
    folder: Path,
    size: int,
    on_progress: OnProgress,
    should_stop: ShouldStop,
) -> _Decoded:
    kept: list[PictureFile] = []
    digests: list[bytes] = []
    unreadable: list[tuple[str, str]] = []
    done = 0
    with (
        writing(folder, DataError, remedy=REMEDY),
        (folder / _PIXELS).open("wb") as out,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        for batch in _batches(source, files, should_stop):
            decoded = pool.map(lambda each: _decoded(each[1], size), batch)
            for (file, _), pixels in zip(batch, decoded, strict=True):
                if isinstance(pixels, str):
                    unreadable.append((file.name, pixels))
                    continue
                out.write(pixels.tobytes())
                kept.append(file)
                digests.append(hashlib.sha256(pixels.data).digest())
            done += len(batch)
            on_progress(done, len(files), "Reading pictures")
    return _Decoded(files=kept, digests=digests, unreadable=unreadable)


def _batches(
    source: PictureSource, files: Sequence[PictureFile], should_stop: ShouldStop
) -> Iterator[list[tuple[PictureFile, bytes | str]]]:
    """Files with their content, or the reason why they are unreadable."""
    batch: list[tuple[PictureFile, bytes | str]] = []
    size = 0
    for file in files:
        if should_stop():
            raise ImportStopped
        content: bytes | str
        try:
            content = source.read(file.name)
        except UnreadablePictureError as error:
            content = str(error)
        batch.append((file, content))
        size += len(content)
        if len(batch) == _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _decoded(content: bytes | str, size: int) -> np.ndarray | str:
    if isinstance(content, str):
        return content
    try:
        return np.ascontiguousarray(decode(content, size))
    except UnreadablePictureError as error:
        return str(error)


def _inspection(
    origin: str, classes: tuple[str, ...], image_size: int, folder: Path, found: _Decoded, n_outside: int
) -> Inspection:
    labels = np.array([classes.index(file.label) for file in found.files], dtype=np.int64)
    source_splits = np.array([SPLITS.index(file.split) if file.split else -1 for file in found.files])
    assigned = assign(labels, source_splits if (source_splits >= 0).any() else None, found.digests)
    return Inspection(
        report=_report(origin, classes, image_size, found, labels, assigned, n_outside),
        folder=folder,
        labels=labels,
        splits=assigned.splits,
    )


def _report(
    origin: str,
    classes: tuple[str, ...],
    image_size: int,
    found: _Decoded,
    labels: np.ndarray,
    assigned: Assignment,
    n_outside: int,
) -> ImageReport:
    names = [file.name for file in found.files]
    counts = {
        split: tuple(np.bincount(labels[assigned.splits == number], minlength=len(classes)).tolist())
        for number, split in enumerate(SPLITS)
    }
    return ImageReport(
        origin=origin,
        image_size=image_size,
        classes=classes,
        counts=counts,
        drawn=assigned.drawn,
        unreadable=tuple((_shown(name), _shown(reason)) for name, reason in found.unreadable[:MOST_SHOWN]),
        n_unreadable=len(found.unreadable),
        n_outside=n_outside,
        duplicates=assigned.duplicates,
        pairs=tuple((_shown(names[one]), _shown(names[other])) for one, other in assigned.pairs[:MOST_SHOWN]),
        n_conflicting=sum(int(labels[one] != labels[other]) for one, other in assigned.pairs),
    )


def _shown(text: str) -> str:
    """Text from a file without what a terminal would interpret: control characters and marks of direction."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
