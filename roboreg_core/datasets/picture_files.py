"""Picture files in a folder or a ZIP, by class and split: `class/picture.jpg`, or `train/class/...` with `test/`.

A ZIP comes from anywhere: it is refused as a whole if an entry could reach outside, is a link, an archive or encrypted,
or if its content exceeds the limits. Nothing is unpacked to disk.
"""

import os
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from roboreg_core.datasets.image_report import MOST_PICTURES
from roboreg_core.datasets.pictures import MOST_BYTES, UnreadablePictureError
from roboreg_core.errors import DataError
from roboreg_core.store.names import clean_name
from roboreg_core.user_input import read_file

MOST_UNPACKED = 2 * 2**30
# Central directory of a ZIP of `MOST_PICTURES` long names, read into memory as a whole.
_MOST_DIRECTORY = 64 * 2**20
_TRAINING, _VALIDATION, _TEST = "training", "validation", "test"
# Folders of splits, by name.
SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training"), _TRAINING),
    **dict.fromkeys(("val", "valid", "validation"), _VALIDATION),
    "test": _TEST,
}
_LAYOUT = "class/picture.jpg, or train/class/picture.jpg with test/ and optionally val/"
_ARCHIVES = {".7z", ".bz2", ".gz", ".lzma", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst"}
_ZIP_MAGIC = b"PK\x03\x04"
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Written by operating systems.
_JUNK = {"__MACOSX", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True, kw_only=True)
class PictureFile:
    """A file that should be a picture.

    Attributes:
        name: path in the source, with slashes.
        label: name of its class.
        split: `training`, `validation` or `test`; empty if the source has no splits.
    """

    name: str
    label: str
    split: str


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSource:
    """An open folder or ZIP.

    Attributes:
        origin: kind and name of the source, e.g. `ZIP digits.zip`.
        files: paths of all files, with slashes, sorted.
        read: returns the bytes of the file with this path; raises `UnreadablePictureError`.
    """

    origin: str
    files: tuple[str, ...]
    read: Callable[[str], bytes]


@contextmanager
def open_source(source: Path | BinaryIO, name: str = "") -> Iterator[PictureSource]:
    """Context manager that opens a folder or ZIP of pictures.

    Args:
        source: a folder, a ZIP file, or an open ZIP.
        name: file name of an open ZIP, for messages.

    Raises `DataError`: the source is neither, exceeds a limit, or is an unsafe ZIP.
    """
    if isinstance(source, Path) and source.is_dir():
        yield _open_folder(source)
        return
    if isinstance(source, Path) and not source.is_file():
        raise DataError(f"images must be in a folder or a ZIP file, got {str(source)!r:.200}: name an existing one")
    name = source.name if isinstance(source, Path) else name
    try:
        _check_directory(source, name)
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{name} must be a folder or an intact ZIP, got {_short(error)}: save it again") from None
    with archive:
        yield _open_zip(archive, name)


def arrange(files: Sequence[str]) -> tuple[list[PictureFile], list[str]]:
    """Derive class and split of each file from its folders; folders that enclose all others are ignored.

    Args:
        files: paths in the source, with slashes.

    Returns:
        The files in folders of classes, and the paths of those outside. Hidden files and those that operating systems
        create are in neither.

    Raises `DataError`: there is no folder of a class, `train` or `test` is missing, or a class's name is invalid.
    """
    parts = {name: PurePosixPath(name).parts for name in files}
    parts = {name: each for name, each in parts.items() if not any(_is_junk(part) for part in each)}
    depth = 0
    while _is_wrapped([each[depth:] for each in parts.values()]):
        depth += 1
    below = {name: each[depth:] for name, each in parts.items()}
    tops = {each[0] for each in below.values() if len(each) > 1}
    splits = {top: SPLIT_FOLDERS.get(top.casefold(), "") for top in tops}
    has_splits = bool(tops) and all(splits.values())
    if has_splits and not {_TRAINING, _TEST} <= set(splits.values()):
        raise DataError(
            f"a folder with splits must have train/ and test/, got {', '.join(sorted(tops))}: the layout is {_LAYOUT}"
        )
    found, outside = [], []
    labels: dict[str, str] = {}
    for name, each in sorted(below.items()):
        inner = each[1:] if has_splits else each
        if len(inner) < 2:
            outside.append(name)
            continue
        if inner[0] not in labels:
            labels[inner[0]] = clean_name(inner[0], "a class's name", error=DataError)
        found.append(PictureFile(name=name, label=labels[inner[0]], split=splits[each[0]] if has_splits else ""))
    if not found:
        raise DataError(f"images must be in one folder per class, found none: the layout is {_LAYOUT}")
    return found, outside


def _is_junk(part: str) -> bool:
    return part.startswith(".") or part in _JUNK


def _is_wrapped(parts: Sequence[Sequence[str]]) -> bool:
    """True if all folders are inside one, which cannot be a class since there is no other."""
    folders = [each for each in parts if len(each) > 1]
    return len({each[0] for each in folders}) == 1 and any(len(each) > 2 for each in folders)


def _open_folder(root: Path) -> PictureSource:
    files, size = [], 0
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                files.append(path.relative_to(root).as_posix())
                size += path.stat().st_size
        _check_amount(root.name, len(files), size)
    if not files:
        raise DataError(f"{str(root)!r:.200} must hold images, found no files: the layout is {_LAYOUT}")

    def read(name: str) -> bytes:
        try:
            return read_file(root / name, "a picture", MOST_BYTES, DataError)
        except DataError as error:
            raise UnreadablePictureError(str(error)) from None

    return PictureSource(origin=f"folder {root.resolve().name}", files=tuple(sorted(files)), read=read)


def _open_zip(archive: zipfile.ZipFile, name: str) -> PictureSource:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    _check_amount(name, len(entries), sum(entry.file_size for entry in entries))
    for entry in archive.infolist():
        _check_entry(entry, name)
    by_name = {entry.filename: entry for entry in entries}
    if len(by_name) < len(entries):
        raise DataError(f"{name} must name each file once, got a name twice: pack it again")

    def read(file: str) -> bytes:
        entry = by_name[file]
        if entry.file_size > MOST_BYTES:
            raise UnreadablePictureError(f"larger than {MOST_BYTES >> 20} MB")
        try:
            with archive.open(entry) as stream:
                content = stream.read(MOST_BYTES + 1)
        except Exception as error:  # a damaged entry raises various errors
            raise UnreadablePictureError(_short(error)) from None
        if content.startswith(_ZIP_MAGIC):
            raise DataError(f"{name} must not contain archives, got {file!r:.200}: pack the pictures themselves")
        return content

    return PictureSource(origin=f"ZIP {name}", files=tuple(sorted(by_name)), read=read)


def _check_directory(source: Path | BinaryIO, name: str) -> None:
    """Check the size of a ZIP's central directory, since `ZipFile` reads all of it."""
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    size = end[zipfile._ECD_SIZE] if end else 0  # type: ignore[attr-defined]
    if size > _MOST_DIRECTORY:
        raise DataError(f"{name} must list at most {MOST_PICTURES:,} files, got more: use fewer pictures")


def _check_entry(entry: zipfile.ZipInfo, name: str) -> None:
    """Refuse a ZIP by one of its entries."""
    path, shown = PurePosixPath(entry.filename), f"{entry.filename!r:.200}"
    outside = path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename
    mode = entry.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if outside:
        raise DataError(f"{name} must contain paths inside itself only, got {shown}: pack it again")
    if kind and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError(f"{name} must contain files and folders only, got the link or device {shown}: pack it again")
    if entry.flag_bits & 0x1:
        raise DataError(f"{name} must not be encrypted, got {shown}: pack it without a password")
    if entry.compress_type not in _COMPRESSIONS:
        raise DataError(f"{name} must be packed by the usual method, deflate, got {shown}: pack it again")
    if path.suffix.lower() in _ARCHIVES:
        raise DataError(f"{name} must not contain archives, got {shown}: pack the pictures themselves")


def _check_amount(name: str, files: int, size: int) -> None:
    if files > MOST_PICTURES:
        raise DataError(f"{name} must hold at most {MOST_PICTURES:,} files, got more: use fewer pictures")
    if size > MOST_UNPACKED:
        raise DataError(
            f"{name} must be at most {MOST_UNPACKED >> 30} GB unpacked, got {size / 2**30:,.1f} GB: use fewer or "
            "smaller pictures"
        )


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:120]
