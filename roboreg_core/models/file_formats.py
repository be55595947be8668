"""Suffixes and limits of weights files. Without torch."""

from pathlib import Path, PurePath

from roboreg_core.errors import CheckpointError
from roboreg_core.user_input import read_file

SUFFIX = ".safetensors"
FOREIGN_SUFFIXES = (".th", ".pt", ".pth")
SUFFIXES = (SUFFIX, *FOREIGN_SUFFIXES)
# A ResNet-20 takes 1.1 MB, with optimiser state 3.3 MB.
MAX_BYTES = 64 * 2**20
# A ResNet-20 has 116 tensors of 270,000 elements in all, a ResNet-302 1,808 of 4,900,000; optimisers keep one or two
# copies. No more elements than fit in `MAX_BYTES`.
MAX_TENSORS = 5_000
MAX_ELEMENTS = MAX_BYTES // 4


def read_weights(path: Path) -> bytes:
    """Read a weights file.

    Raises `CheckpointError`: its suffix or size is not allowed, or it is not a readable regular file.
    """
    check_suffix(path.name)
    content = read_file(path, "a weights file", MAX_BYTES, CheckpointError)
    check_size(len(content))
    return content


def check_size(size: int) -> None:
    """Raise `CheckpointError` on an empty or too large file."""
    if size > MAX_BYTES:
        raise CheckpointError(
            f"a weights file must be at most {MAX_BYTES >> 20} MB, got {size / 2**20:,.0f} MB: save the weights alone"
        )
    if size <= 0:
        raise CheckpointError("a weights file must hold weights, got an empty one: download it again")


def check_suffix(file_name: str) -> str:
    """The suffix in lower case. Raises `CheckpointError` where it is not one of `SUFFIXES`."""
    suffix = PurePath(file_name).suffix.lower()
    if suffix not in SUFFIXES:
        raise CheckpointError(
            f"a weights file must end in {', '.join(SUFFIXES)}, got {file_name[-80:]!r}: save its state dict as one"
        )
    return suffix
