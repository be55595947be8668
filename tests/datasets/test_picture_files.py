from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from roboreg_core.datasets import picture_files
from roboreg_core.datasets.picture_files import arrange, open_source
from roboreg_core.datasets.pictures import UnreadablePictureError
from roboreg_core.errors import DataError
from tests.datasets.made_images import png, write, zipped


def found(*names: str) -> list[tuple[str, str, str]]:
    return [(each.name, each.split, each.label) for each in arrange(names)[0]]


def test_a_folder_per_class() -> None:
    assert found("cat/1.png", "dog/2.png", "dog/deep/3.png") == [
        ("cat/1.png", "", "cat"),
        ("dog/2.png", "", "dog"),
        ("dog/deep/3.png", "", "dog"),
    ]


def test_splits() -> None:
    assert found("Train/cat/1.png", "test/dog/2.png", "val/cat/3.png") == [
        ("Train/cat/1.png", "training", "cat"),
        ("test/dog/2.png", "test", "dog"),
        ("val/cat/3.png", "validation", "cat"),
    ]


def test_a_class_may_be_called_train() -> None:
    assert found("train/1.png", "bus/2.png") == [("bus/2.png", "", "bus"), ("train/1.png", "", "train")]


def test_a_folder_around_all_is_left_out() -> None:
    assert found("photos/new/cat/1.png", "photos/new/dog/2.png", "photos/read me.txt") == [
        ("photos/new/cat/1.png", "", "cat"),
        ("photos/new/dog/2.png", "", "dog"),
    ]
    assert found("train/cat/1.png", "train/dog/2.png") == [
        ("train/cat/1.png", "", "cat"),
        ("train/dog/2.png", "", "dog"),
    ]


def test_files_of_operating_systems_are_no_pictures_and_files_outside_classes_are_told() -> None:
    names = ["cat/1.png", "dog/2.png", "cat/.DS_Store", "__MACOSX/cat/._1.png", "dog/Thumbs.db", "readme.txt"]
    files, outside = arrange(names)
    assert [each.name for each in files] == ["cat/1.png", "dog/2.png"]
    assert outside == ["readme.txt"]


@pytest.mark.parametrize(
    "names", [("1.png", "2.png"), ("train/cat/1.png", "val/cat/2.png"), ("a\x07b/1.png", "c/2.png")]
)
def test_other_layouts_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError):
        arrange(names)


def test_a_folder_and_its_zip_give_the_same(tmp_path: Path) -> None:
    files = {"cat/1.png": png(1), "dog/2.png": png(2)}
    folder, archive = write(tmp_path / "folder", files), zipped(tmp_path / "made.zip", files)
    for source in (folder, archive, io.BytesIO(archive.read_bytes())):
        with open_source(source, "made.zip") as opened:  # type: ignore[arg-type]
            assert {name: opened.read(name) for name in opened.files} == files


def entry(name: str, mode: int = stat.S_IFREG | 0o644, **fields: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    for field, value in fields.items():
        setattr(info, field, value)
    return info


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (entry("../cat/1.png"), "paths inside"),
        (entry("cat/../../1.png"), "paths inside"),
        (entry("/cat/1.png"), "paths inside"),
        (entry("C:/cat/1.png"), "paths inside"),
        (entry("cat\\1.png"), "paths inside"),
        (entry("cat/1.png", stat.S_IFLNK | 0o777), "link"),
        (entry("cat/1.png", stat.S_IFIFO | 0o644), "link or device"),
        (entry("cat/more.ZIP"), "archives"),
        (entry("cat/more.tar.gz"), "archives"),
        (entry("cat/1.png", compress_type=zipfile.ZIP_LZMA), "usual method"),
    ],
    ids=lambda value: value.filename if isinstance(value, zipfile.ZipInfo) else "",
)
def test_hostile_entries(tmp_path: Path, info: zipfile.ZipInfo, reason: str) -> None:
    path = zipped(tmp_path / "made.zip", {"cat/good.png": png(1)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, png(2), compress_type=info.compress_type)
    if "\\" in info.filename:  # zipfile itself writes slashes
        path.write_bytes(path.read_bytes().replace(b"cat/1.png", b"cat\\1.png"))
    with pytest.raises(DataError, match=reason), open_source(path):
        pass


def test_an_encrypted_entry(tmp_path: Path) -> None:
    path = zipped(tmp_path / "made.zip", {"cat/1.png": png(1)})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"), open_source(path):
        pass


def test_an_archive_called_a_picture(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"cat/1.png": png(1)}).read_bytes()
    path = zipped(tmp_path / "made.zip", {"cat/1.png": inner})
    with open_source(path) as opened, pytest.raises(DataError, match="archives"):
        opened.read("cat/1.png")


def test_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "MOST_UNPACKED", 1_000_000)
    path = zipped(tmp_path / "made.zip", {f"cat/{number}.png": bytes(100_000) for number in range(20)})
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match="unpacked"), open_source(path):
        pass


def test_an_entry_with_a_wrong_size_is_read_no_further(tmp_path: Path) -> None:
    path = zipped(tmp_path / "made.zip", {"cat/1.png": bytes(10_000_000)})
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 100)
    path.write_bytes(content)
    with open_source(path) as opened, pytest.raises(UnreadablePictureError):
        opened.read("cat/1.png")


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "MOST_PICTURES", 3)
    files = {f"cat/{number}.png": b"" for number in range(4)}
    for source in (write(tmp_path / "folder", files), zipped(tmp_path / "made.zip", files)):
        with pytest.raises(DataError, match="at most 3 files"), open_source(source):
            pass


def test_a_list_of_files_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "_MOST_DIRECTORY", 100)
    path = zipped(tmp_path / "made.zip", {"cat/1.png": b"", "cat/2.png": b""})
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *how: pytest.fail("read as a whole"))
    with pytest.raises(DataError, match="at most"), open_source(path):
        pass


def test_a_name_twice(tmp_path: Path) -> None:
    path = zipped(tmp_path / "made.zip", {"cat/1.png": png(1), "cat/2.png": png(2)})
    path.write_bytes(path.read_bytes().replace(b"cat/2.png", b"cat/1.png"))
    with pytest.raises(DataError, match="once"), open_source(path):
        pass


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_a_damaged_zip(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "made.zip"
    path.write_bytes(content)
    with pytest.raises(DataError), open_source(path) as opened:
        arrange(opened.files)


def test_what_is_neither_folder_nor_zip(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder or a ZIP"), open_source(tmp_path / "absent"):
        pass
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found no files"), open_source(tmp_path / "empty"):
        pass


def test_a_damaged_entry_is_one_unreadable_file(tmp_path: Path) -> None:
    path = zipped(tmp_path / "made.zip", {"cat/1.png": png(1), "cat/2.png": png(2)})
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with open_source(path) as opened:
        with pytest.raises(UnreadablePictureError):
            opened.read("cat/1.png")
        assert opened.read("cat/2.png") == png(2)


def test_links_of_a_folder_are_not_followed_in_circles(tmp_path: Path) -> None:
    folder = write(tmp_path / "folder", {"cat/1.png": png(1)})
    (folder / "cat" / "loop").symlink_to(folder)
    with open_source(folder) as opened:
        assert opened.files == ("cat/1.png",)
