"""Import of inspected pictures as a data set. Without torch."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from roboreg_core import paths
from roboreg_core.datasets import library, own_images
from roboreg_core.datasets.dataset import PREFIX, Channels, Dataset, read_dataset
from roboreg_core.datasets.image_inspection import REMEDY, ImportStopped, Inspection, discard
from roboreg_core.datasets.own_images import SPLITS
from roboreg_core.datasets.progress import OnProgress, ShouldStop
from roboreg_core.errors import DataError
from roboreg_core.files import writing

# Pictures that are written at a time.
_ROWS = 4_096


def import_images(
    inspection: Inspection,
    name: str = "",
    *,
    on_progress: OnProgress = lambda done, total, words: None,
    should_stop: ShouldStop = lambda: False,
) -> Dataset:
    """Store inspected pictures as a new data set, and remove the inspection's files.

    Args:
        inspection: from `inspect_source`.
        name: name of the data set; by default that of the source, with a number if it is taken.
        on_progress: called with splits written, splits in all, and a description of the step.
        should_stop: called repeatedly; True stops.

    Raises `DataError`: the report has problems, the name is invalid or taken, a data set has the same images, or the
    disk is full; `ImportStopped`: `should_stop` returned True. The inspection's files then remain.
    """
    report = inspection.report
    if report.problems:
        raise DataError(report.problems[0])
    name = library.check_name(name) if name else library.unused_name(_suggested(report.origin))
    folder = inspection.folder / "new"
    try:
        with writing(folder, DataError, remedy=REMEDY):
            folder.mkdir(exist_ok=True)
            for number, split in enumerate(SPLITS):
                on_progress(number, len(SPLITS), f"Writing the {split} images")
                _write_split(inspection, number, folder, should_stop)
        sha256 = own_images.content_sha256(folder, report.classes, report.image_size)
        dataset = _dataset(inspection, folder, name, sha256)
        _keep(folder, dataset)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    discard(inspection)
    return dataset


def _write_split(inspection: Inspection, number: int, folder: Path, should_stop: ShouldStop) -> None:
    rows, pixels = np.flatnonzero(inspection.splits == number), inspection.pixels
    np.save(own_images.labels_path(folder, SPLITS[number]), inspection.labels[rows].astype(np.uint8))
    with own_images.pixels_path(folder, SPLITS[number]).open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *pixels.shape[1:])}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(rows), _ROWS):
            if should_stop():
                raise ImportStopped
            file.write(pixels[rows[start : start + _ROWS]].tobytes())


def _dataset(inspection: Inspection, folder: Path, name: str, sha256: str) -> Dataset:
    report = inspection.report
    mean, std = _channels(np.load(own_images.pixels_path(folder, "training"), mmap_mode="r"))
    return Dataset(
        id=f"{PREFIX}{sha256[:16]}",
        name=name,
        classes=report.classes,
        image_size=report.image_size,
        training=sum(report.counts["training"]),
        validation=sum(report.counts["validation"]),
        test=sum(report.counts["test"]),
        mean=mean,
        std=std,
        origin=report.origin,
        sha256=sha256,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        report=report.to_json(),
    )


def _channels(pixels: np.ndarray) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each channel of pixels (n, size, size, 3), of RGB / 255, with four decimals."""
    total, squares, count = np.zeros(3), np.zeros(3), 0
    for start in range(0, len(pixels), _ROWS):
        part = pixels[start : start + _ROWS].reshape(-1, 3).astype(np.float64) / 255
        total, squares, count = total + part.sum(0), squares + (part**2).sum(0), count + len(part)
    mean = total / count
    # A channel may be constant.
    std = np.sqrt(np.maximum(squares / count - mean**2, 1 / 255**2))
    red, green, blue = ((round(float(m), 4), round(float(s), 4)) for m, s in zip(mean, std, strict=True))
    return (red[0], green[0], blue[0]), (red[1], green[1], blue[1])


def _keep(folder: Path, dataset: Dataset) -> None:
    target = paths.datasets() / dataset.id
    if target.exists():
        raise DataError(f"these images are the data set {read_dataset(target).name!r} already: use that one")
    library.write_manifest(folder, dataset)
    with writing(target, DataError, remedy=REMEDY):
        folder.rename(target)
    library.forget_deleted(dataset.id)


def _suggested(origin: str) -> str:
    """Name for a data set from its source: `digits` for `ZIP digits.zip`."""
    return Path(origin.partition(" ")[2]).stem or "images"
