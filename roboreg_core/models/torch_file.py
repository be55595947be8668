"""Reading of PyTorch files with `torch.load(weights_only=True)`, which runs no code but bounds neither memory nor time.

The checks before it disassemble the pickle in a file and do not load it.
"""

import io
import pickletools
import re
import zipfile
from typing import Any

import torch

from roboreg_core.errors import CheckpointError
from roboreg_core.models.file_formats import MAX_BYTES, MAX_TENSORS

ZIP_MAGIC, LEGACY_MAGIC = b"PK\x03\x04", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
# Pickles of a legacy file: magic number, protocol, system, state dict, storage keys.
_LEGACY_PICKLES = 5
# A ResNet-20 takes 14 kB, with optimiser and scheduler 20 kB.
_MAX_PICKLE = 128 * 2**10
_MAX_TUPLE = 16
# Containers may be copied from others, which multiplies memory; a scheduler needs one copy.
_MAX_COPIES = 16
_BUILDERS = {f"torch._utils {name}" for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")}
_CONTAINERS = {"collections OrderedDict", "collections Counter"}
_STORAGE = re.compile(r"torch(\.cuda)? \w+Storage")


class _Refused(Exception):
    """Reason for which a file is refused."""


def load(content: bytes, name: str) -> Any:
    """Load the content of a file that `torch.save` wrote, as zip archive or in the legacy format.

    Raises `CheckpointError`: it is damaged, holds other than tensors and plain containers, or exceeds a limit.
    """
    try:
        return torch.load(_checked(content), map_location="cpu", weights_only=True)
    except _Refused as refused:
        reason = str(refused)
    except Exception as error:  # torch raises various errors for damaged files
        reason = _reason(error)
    raise CheckpointError(
        f"{name} must be a plain PyTorch state dict, readable with weights_only=True, got {reason}; "
        "save it with torch.save(model.state_dict(), file)"
    )


def _reason(error: Exception) -> str:
    """Cause of a load error; torch's own message is long and recommends unsafe loading."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if "PytorchStreamReader" in text or "negative seek" in text:
        return "a damaged or cut-off file"
    return "something else than tensors" if "Weights only load failed" in text else text[:160]


def _checked(content: bytes) -> io.BytesIO:
    if content.startswith(ZIP_MAGIC):
        return _checked_archive(content)
    if not content.startswith(LEGACY_MAGIC):
        raise _Refused("something else than tensors")
    head = io.BytesIO(content[:_MAX_PICKLE])
    for _ in range(_LEGACY_PICKLES):
        _check_pickle(head)
    return io.BytesIO(content)


def _checked_archive(content: bytes) -> io.BytesIO:
    """Copy of a zip archive, so that torch reads exactly the entries that were checked."""
    if content.count(b"PK\x01\x02") > 2 * MAX_TENSORS:
        raise _Refused(f"an archive of over {2 * MAX_TENSORS:,} entries")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _copied(archive)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OSError) as error:
        raise _Refused(f"a damaged or cut-off file ({error})") from None


def _copied(archive: zipfile.ZipFile) -> io.BytesIO:
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_BYTES:
        raise _Refused(f"an archive that must unpack to at most {MAX_BYTES >> 20} MB, got {unpacked >> 20:,} MB")
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise _Refused("an archive that has two entries of one name")
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as target:
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED:
                raise _Refused("a compressed archive, which torch.save never writes")
            data = archive.read(entry)
            if entry.filename.lower().endswith("data.pkl"):  # torch ignores case
                _check_pickle(io.BytesIO(data))
            target.writestr(entry.filename, data)
    copy.seek(0)
    return copy


def _check_pickle(stream: io.BytesIO) -> None:
    """Follow the stack of a pickle up to its end; each item is the name of its opcode or global.

    Raises `_Refused`: it is damaged, too long, or uses other constructors or larger containers than a state dict has.
    """
    if stream.getbuffer().nbytes > _MAX_PICKLE:
        raise _Refused(f"a pickle of over {_MAX_PICKLE >> 10} kB")
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    copies = 0
    try:
        for opcode, value, _ in pickletools.genops(stream):
            if opcode.name in ("BINPUT", "LONG_BINPUT"):
                memo[value] = stack[-1]
                continue
            copies += opcode.name == "BUILD" or (opcode.name == "REDUCE" and _copies(*stack[-2:]))
            _pop(stack, opcode)
            if opcode.name == "GLOBAL":
                _check_global(str(value))
                stack.append(value)
            elif opcode.name in ("BINGET", "LONG_BINGET"):
                stack.append(memo[value])
            else:
                stack += [opcode.name] * len(opcode.stack_after)
    except (IndexError, KeyError, TypeError, ValueError):
        raise _Refused("a damaged or cut-off file") from None
    if copies > _MAX_COPIES:
        raise _Refused(f"a pickle that copies {copies:,} containers, of at most {_MAX_COPIES}")


def _pop(stack: list[str], opcode: Any) -> None:
    before = opcode.stack_before
    if pickletools.markobject in before:
        end = len(stack)
        while stack.pop() != "MARK":
            pass
        if opcode.name == "TUPLE" and end - len(stack) - 1 > _MAX_TUPLE:
            raise _Refused(f"a pickle with a tuple of {end - len(stack) - 1:,} items, of at most {_MAX_TUPLE}")
        before = before[: before.index(pickletools.markobject)]
    for _ in before:
        stack.pop()


def _copies(function: str, arguments: str) -> bool:
    """True for a call that may copy its arguments."""
    return function not in _BUILDERS and arguments != "EMPTY_TUPLE"


def _check_global(name: str) -> None:
    if name in _BUILDERS | _CONTAINERS or _STORAGE.fullmatch(name):
        return
    shown = name.replace(" ", ".")[:80]
    if name.startswith("torch"):
        raise _Refused(f"a tensor that is not dense or not real ({shown})")
    raise _Refused(f"one that asks for code ({shown}), which is never run")
