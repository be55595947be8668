from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch

from roboreg_core import paths
from roboreg_core.datasets import image_inspection, library, own_images, sources, true_classes
from roboreg_core.datasets.dataset import Dataset, dataset_of
from roboreg_core.datasets.image_import import import_images
from roboreg_core.datasets.image_inspection import ImportStopped, discard, inspect_source
from roboreg_core.datasets.pictures import decode
from roboreg_core.errors import ArchitectureError, DataError
from tests.datasets.made_images import classes, png, write, zipped

N_CLASSES, PER_CLASS = 2, 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "defects", classes(N_CLASSES, PER_CLASS))


def imported(source: Path, size: int = 16, name: str = "") -> Dataset:
    return import_images(inspect_source(source, size), name)


def test_a_folder_becomes_a_data_set(folder: Path) -> None:
    dataset = imported(folder)
    assert (dataset.name, dataset.classes, dataset.image_size) == ("defects", ("class 0", "class 1"), 16)
    assert (dataset.training, dataset.validation, dataset.test) == (42, 6, 12)
    assert dataset.origin == "folder defects"
    assert dataset_of(dataset.id) == dataset
    assert [path.name for path in paths.datasets().iterdir()] == [dataset.id]


def test_its_images_are_the_pictures(folder: Path) -> None:
    dataset = imported(folder)
    sets = [each(dataset.id) for each in (sources.training_images, sources.validation_images, sources.test_images)]
    assert [len(each) for each in sets] == [42, 6, 12]
    assert sets[0].name == f"42 training images ({dataset.id})"
    assert sets[2].classes == dataset.classes
    assert np.array_equal(true_classes.test_labels(dataset.id), sets[2].labels.numpy())
    pixels = {each.tobytes(): int(label) for images in sets for each, label in rows(images)}
    for path in folder.rglob("*.png"):
        image = decode(path.read_bytes(), 16)
        assert dataset.classes[pixels.pop(image.tobytes())] == path.parent.name
    assert not pixels
    assert sets[0].pixels.is_contiguous(memory_format=torch.channels_last)


def rows(images: sources.Images) -> list[tuple[np.ndarray, int]]:
    pixels = np.ascontiguousarray(images.pixels.permute(0, 2, 3, 1).numpy())
    return list(zip(pixels, images.labels.tolist(), strict=True))


def test_pixels_are_mapped_and_a_change_in_memory_does_not_reach_the_file(folder: Path) -> None:
    dataset = imported(folder)
    pixels, _ = own_images.read(dataset, "training")
    assert isinstance(pixels, np.memmap)
    pixels[:] = 0
    assert own_images.verify(dataset) == []


def test_the_normalisation_is_that_of_the_training_images(folder: Path) -> None:
    dataset = imported(folder)
    pixels = own_images.read(dataset, "training")[0].reshape(-1, 3) / 255
    assert dataset.mean == pytest.approx(pixels.mean(0), abs=1e-4)
    assert dataset.std == pytest.approx(pixels.std(0), abs=1e-4)


def test_a_zip_gives_the_same_data_set_and_only_one_is_kept(folder: Path, tmp_path: Path) -> None:
    dataset = imported(folder)
    archive = zipped(tmp_path / "again.zip", classes(N_CLASSES, PER_CLASS))
    with pytest.raises(DataError, match="are the data set 'defects' already"):
        import_images(inspect_source(io.BytesIO(archive.read_bytes()), 16, name="again.zip"))
    library.delete_dataset(dataset)
    again = imported(archive)
    assert (again.id, again.name, again.origin) == (dataset.id, "again", "ZIP again.zip")
    assert library.deleted_datasets() == []


def test_size_and_content_are_part_of_the_id(folder: Path) -> None:
    ids = {imported(folder, size).id for size in (16, 20, 32)}
    (folder / "class 0" / "0.png").write_bytes(png(10**6))
    ids.add(imported(folder).id)
    assert len(ids) == 4
    assert [each.name for each in library.own_datasets()] == ["defects", "defects (2)", "defects (3)", "defects (4)"]


def test_a_damaged_file_is_found(folder: Path) -> None:
    dataset = imported(folder)
    path = own_images.pixels_path(paths.datasets() / dataset.id, "test")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "content hash" in own_images.verify(dataset)[0]
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="delete the data set"):
        own_images.read(dataset, "test")


def test_unreadable_files_are_named_and_left_out(folder: Path) -> None:
    write(folder, {f"class 1/bad {number}.jpg": b"bad" for number in range(300)})
    report = inspect_source(folder, 16).report
    assert report.n_unreadable == len(report.unreadable) == 300
    assert report.unreadable[0][0] == "class 1/bad 0.jpg"
    assert report.n_pictures == N_CLASSES * PER_CLASS
    assert not report.problems
    assert "Unreadable files, left out: 300" in " ".join(report.lines)


def test_names_in_the_report_hold_no_control_characters(tmp_path: Path) -> None:
    files = {**classes(2, 30), "class 0/\x1b[31m\u202ebad.png": b"bad"}
    report = inspect_source(zipped(tmp_path / "made.zip", files), 16).report
    assert report.unreadable[0][0] == "class 0/\ufffd[31m\ufffdbad.png"


def test_duplicates_of_test_pictures_are_removed_from_training(tmp_path: Path) -> None:
    training, test = classes(2, 30, prefix="train/"), classes(2, 20, prefix="test/", first=1_000)
    source = write(tmp_path / "made", {**training, **test, "train/class 0/copy.png": test["test/class 0/0.png"]})
    inspection = inspect_source(source, 16)
    assert [(each.split, each.other, each.count, each.removed) for each in inspection.report.duplicates] == [
        ("training", "test", 1, True)
    ]
    assert inspection.report.pairs == (("train/class 0/copy.png", "test/class 0/0.png"),)
    assert import_images(inspection).test == 40


def test_everything_duplicated_in_test_is_refused_with_the_reason(tmp_path: Path) -> None:
    pictures = classes(2, 30)
    files = {f"{split}/{name}": content for split in ("train", "test") for name, content in pictures.items()}
    inspection = inspect_source(write(tmp_path / "made", files), 16)
    assert inspection.report.duplicates[0].count == 60
    with pytest.raises(DataError, match=r"each class must have a training picture.*60 exact duplicates were removed"):
        import_images(inspection)


def test_everything_twice_without_splits_is_kept_once(tmp_path: Path) -> None:
    pictures = classes(2, 30)
    twice = {name.replace(".png", " copy.png"): content for name, content in pictures.items()}
    report = inspect_source(write(tmp_path / "made", {**pictures, **twice}), 16).report
    assert report.n_pictures == 60
    assert report.duplicates[0].count == 60
    assert not report.problems


def test_the_same_picture_in_two_classes_is_told(tmp_path: Path) -> None:
    pictures = classes(2, 30)
    pictures["class 1/other.png"] = pictures["class 0/0.png"]
    assert inspect_source(write(tmp_path / "made", pictures), 16).report.n_conflicting == 1


def test_a_class_of_one_picture_is_kept_for_training(tmp_path: Path) -> None:
    source = write(tmp_path / "made", {**classes(2, 30), "rare/1.png": png(9_999)})
    inspection = inspect_source(source, 16)
    report = inspection.report
    assert report.few_test == ("class 0", "class 1", "rare")
    assert [report.counts[split][2] for split in own_images.SPLITS] == [1, 0, 0]
    assert import_images(inspection).classes == ("class 0", "class 1", "rare")


def test_a_hundred_classes(tmp_path: Path) -> None:
    dataset = imported(write(tmp_path / "made", classes(100, 4)))
    assert dataset.n_classes == 100
    assert (dataset.training, dataset.validation, dataset.test) == (200, 100, 100)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (classes(1, 60), "2 to 200 classes"),
        (classes(2, 10), "40 to 200,000 pictures"),
        (dict.fromkeys(classes(2, 30), b"bad"), "60 files are unreadable"),
        (classes(20, 2), "must have validation pictures"),
        ({**classes(2, 30, prefix="train/"), **classes(3, 5, prefix="test/", first=10_000)}, "got none of class 2"),
    ],
)
def test_problems(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    inspection = inspect_source(write(tmp_path / "made", files), 16)
    assert any(reason in problem for problem in inspection.report.problems)
    with pytest.raises(DataError):
        import_images(inspection)
    assert library.own_datasets() == []


def test_too_many_classes(tmp_path: Path) -> None:
    files = {f"{number}/1.png": b"" for number in range(201)}
    with pytest.raises(DataError, match="at most 200 classes, got 201"):
        inspect_source(write(tmp_path / "made", files))


@pytest.mark.parametrize("size", [0, 12, 30, 100, -32])
def test_sizes(folder: Path, size: int) -> None:
    with pytest.raises(ArchitectureError, match=r"multiple of 4, 16\.\.96"):
        inspect_source(folder, size)


def test_it_reports_progress_and_stops(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    inspection = inspect_source(folder, 16, on_progress=lambda done, total, words: seen.append((done, total)))
    assert seen[-1] == (60, 60)
    with pytest.raises(ImportStopped):
        import_images(inspection, should_stop=lambda: True)
    discard(inspection)
    with pytest.raises(ImportStopped):
        inspect_source(folder, 16, should_stop=iter([False] * 20 + [True]).__next__)
    assert list(paths.datasets().iterdir()) == []


def test_a_report_survives_json(folder: Path) -> None:
    dataset = imported(folder)
    assert dataset_of(dataset.id).report["counts"]["training"] == [21, 21]
    assert dataset.report["lines"]


def test_samples_for_a_contact_sheet(folder: Path) -> None:
    inspection = inspect_source(folder, 16)
    assert inspection.samples(1, 5).shape == (5, 16, 16, 3)


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = image_inspection.shutil.disk_usage(folder)
    monkeypatch.setattr(image_inspection.shutil, "disk_usage", lambda path: usage._replace(free=1_000))
    with pytest.raises(DataError, match="free some space"):
        inspect_source(folder)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most one batch of files is held at a time."""
    source = write(tmp_path / "made", classes(2, 100))
    monkeypatch.setattr(image_inspection, "_BATCH_BYTES", 5_000)
    sizes = []
    batches = image_inspection._batches

    def watched(*arguments: object) -> object:
        for batch in batches(*arguments):  # type: ignore[arg-type]
            sizes.append(sum(len(content) for _, content in batch))
            yield batch

    monkeypatch.setattr(image_inspection, "_batches", watched)
    inspect_source(source, 16)
    assert max(sizes) < 5_000 + 1_000
    assert len(sizes) > 20
