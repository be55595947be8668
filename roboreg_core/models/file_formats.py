"""Formats and limits of weights files. Without torch."""

from pathlib import Path

from roboreg_core.errors import CheckpointError
from roboreg_core.user_input import read_file

SUFFIX = ".safetensors"
# A ResNet-20 takes 1.1 MB, with optimiser state 3.3 MB; a ResNet-110 7 MB, with optimiser state 21 MB.
MAX_BYTES = 64 * 2**20
# A ResNet-20 has 116 tensors of 270,000 elements in all, a ResNet-302 1,808 of 4,900,000; masks double the elements. No
# more elements than fit in `MAX_BYTES`.
MAX_TENSORS = 5_000
MAX_ELEMENTS = MAX_BYTES // 4

ZIP_MAGIC, LEGACY_MAGIC = b"PK\x03\x04", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_PAGES = (b"<!doctype", b"<html", b"<?xml")
# First bytes of files that are mistaken for weights.
_OTHERS = {
    b"version https://git-lfs": "a Git LFS pointer: fetch the file itself with git lfs pull",
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"BZh": "a bzip2 file: unpack it first",
    b"\xfd7zXZ": "an xz file: unpack it first",
    b"\x89HDF": "an HDF5 file, as Keras writes it: save the weights from PyTorch",
    b"\x93NUMPY": "a numpy array: save a PyTorch state dict",
}


def read_weights(path: Path) -> bytes:
    """Read a weights file. Raises `CheckpointError`: it is empty, too large, or not a readable regular file."""
    content = read_file(path, "a weights file", MAX_BYTES, CheckpointError)
    check_size(len(content))
    return content


def check_size(size: int) -> None:
    """Raise `CheckpointError` if `size`, in bytes, is 0 or exceeds `MAX_BYTES`."""
    if size > MAX_BYTES:
        raise CheckpointError(
            f"a weights file must be at most {MAX_BYTES >> 20} MB, got {size / 2**20:,.0f} MB: save the weights alone"
        )
    if size <= 0:
        raise CheckpointError("a weights file must hold weights, got an empty one: download it again")


def is_safetensors(content: bytes, name: str) -> bool:
    """True if the bytes `content` are a safetensors file, False for a PyTorch file; `name` is for error messages.

    Raises `CheckpointError`: it is another kind of file.
    """
    if content.startswith((ZIP_MAGIC, LEGACY_MAGIC)):
        return False
    if content[8:9] == b"{":
        return True
    found = next((words for magic, words in _OTHERS.items() if content.startswith(magic)), None)
    if content[:512].lstrip().lower().startswith(_PAGES):
        found = "a web page: download the file itself, as raw data"
    raise CheckpointError(
        f"{name} must be a safetensors file or a PyTorch state dict, readable with weights_only=True, got "
        f"{found or 'something else than tensors; save it with torch.save(model.state_dict(), file)'}"
    )
