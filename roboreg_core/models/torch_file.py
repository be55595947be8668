"""Reading of PyTorch files with `torch.load(weights_only=True)`, which runs no code but bounds neither memory nor time.

The checks before it disassemble the pickle in a file and do not load it.
"""

import io
import pickletools
import re
import threading
import zipfile
from typing import Any

import torch

from roboreg_core.errors import CheckpointError
from roboreg_core.models.file_formats import MAX_BYTES, MAX_TENSORS, ZIP_MAGIC
from roboreg_core.models.numpy_stand_ins import STAND_INS

# Pickles of a legacy file: magic number, protocol, system, state dict, storage keys.
_LEGACY_PICKLES = 5
# A ResNet-20 takes 14 kB, a ResNet-110 73 kB, with averaged weights, optimiser and scheduler 204 kB.
_MAX_PICKLE = 512 * 2**10
# Averaged weights and an optimiser have each tensor once or twice more.
_MAX_ENTRIES = 2 * MAX_TENSORS
_MAX_TUPLE = 16
# Containers may be copied from others, which multiplies memory; a scheduler needs one copy.
_MAX_COPIES = 16
_BUILDERS = {f"torch._utils {name}" for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")}
_CONTAINERS = {"collections OrderedDict", "collections Counter"}
_STORAGE = re.compile(r"torch(\.cuda)? \w+Storage")
# Pickles spell bytes as an encoded text; other encodings are slow or expand.
_ENCODE, _ENCODING = "_codecs encode", "latin1"
_NUMPY_OBJECT = "numpy object"
_NUMPY = {" ".join(name.rsplit(".", 1)) for name in STAND_INS}
_CONVERSION = "model = torch.load(file, weights_only=False); torch.save(model.state_dict(), 'weights.pt')"
# torch keeps the allowed names for all threads.
_LOCK = threading.Lock()


class _Refused(Exception):
    """Reason for which a file is refused, and the remedy."""

    def __init__(self, reason: str, remedy: str = "save it with torch.save(model.state_dict(), file)") -> None:
        super().__init__(f"{reason}; {remedy}")


def load(content: bytes, name: str) -> Any:
    """Load the bytes of a file that `torch.save` wrote, as zip archive or in the legacy format; run no code from it.

    `name` is for error messages.

    Raises `CheckpointError`: the file is damaged, holds other than tensors and plain containers, or exceeds a limit.
    """
    try:
        checked = _checked(content)
        with _LOCK, torch.serialization.safe_globals([(made, name) for name, made in STAND_INS.items()]):
            return torch.load(checked, map_location="cpu", weights_only=True)
    except _Refused as refused:
        reason = refused
    except Exception as error:  # torch raises various errors for damaged files
        reason = _reason(error)
    raise CheckpointError(f"{name} must be a plain PyTorch state dict, readable with weights_only=True, got {reason}")


def _reason(error: Exception) -> _Refused:
    """Cause of a load error; torch's own message is long and recommends unsafe loading."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if "PytorchStreamReader" in text or "negative seek" in text:
        return _damaged()
    return _Refused("something else than tensors" if "Weights only load failed" in text else text[:160])


def _damaged(detail: object = "") -> _Refused:
    return _Refused(f"a damaged or cut-off file{f' ({detail})' if detail else ''}", "download or save it again")


def _checked(content: bytes) -> io.BytesIO:
    if content.startswith(ZIP_MAGIC):
        return _checked_archive(content)
    head = io.BytesIO(content[:_MAX_PICKLE])
    for _ in range(_LEGACY_PICKLES):
        _check_pickle(head)
    return io.BytesIO(content)


def _checked_archive(content: bytes) -> io.BytesIO:
    """Copy of a zip archive, so that torch reads exactly the entries that were checked."""
    if content.count(b"PK\x01\x02") > _MAX_ENTRIES:
        raise _Refused(f"an archive of over {_MAX_ENTRIES:,} entries")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _copied(archive)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OSError) as error:
        raise _damaged(error) from None


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
    """Follow the stack of a pickle up to its end.

    Each item is the name of its opcode or global, `_NUMPY_OBJECT` for the result of one of numpy's functions, or a
    tuple of one text or two.

    Raises `_Refused`: it is damaged, too long, or uses other constructors or larger containers than a state dict has.
    """
    if stream.getbuffer().nbytes > _MAX_PICKLE:
        raise _Refused(f"a pickle of over {_MAX_PICKLE >> 10} kB")
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    copies = encoded = 0
    try:
        for opcode, value, _ in pickletools.genops(stream):
            if opcode.name in ("BINPUT", "LONG_BINPUT"):
                memo[value] = stack[-1]
                continue
            top = stack[-2:]
            if opcode.name in ("BUILD", "REDUCE"):
                copies += _copies(opcode.name, *top)
                encoded += _encoded(*top)
            _pop(stack, opcode)
            if opcode.name == "GLOBAL":
                _check_global(str(value), stream.getbuffer())
            stack += _pushed(opcode, value, top, memo)
    except (IndexError, KeyError, TypeError, ValueError):
        raise _damaged() from None
    if copies > _MAX_COPIES:
        raise _Refused(f"a pickle that copies {copies:,} containers, of at most {_MAX_COPIES}")
    if encoded > _MAX_PICKLE:
        raise _Refused(f"a pickle that encodes texts of {encoded:,} characters, of at most {_MAX_PICKLE:,}")


def _pushed(opcode: Any, value: Any, top: list[Any], memo: dict[Any, Any]) -> list[Any]:
    """Items that an opcode puts on the stack; `top` are the two topmost items before it."""
    if opcode.name == "GLOBAL":
        return [str(value)]
    if opcode.name in ("BINGET", "LONG_BINGET"):
        return [memo[value]]
    if opcode.name == "BINUNICODE":
        return [(value,)]
    if opcode.name == "TUPLE2" and all(isinstance(each, tuple) and len(each) == 1 for each in top):
        return [top[0] + top[1]]
    if opcode.name == "REDUCE" and top[0] in _NUMPY:
        return [_NUMPY_OBJECT]
    if opcode.name == "BUILD":
        return top[:1]
    return [opcode.name] * len(opcode.stack_after)


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


def _copies(opcode: str, target: Any, arguments: Any) -> bool:
    """True for a call that may copy its arguments, and for a state that is copied into an object."""
    if opcode == "BUILD":
        return target != _NUMPY_OBJECT
    return target not in _BUILDERS | _NUMPY | {_ENCODE} and arguments != "EMPTY_TUPLE"


def _encoded(function: Any, arguments: Any) -> int:
    """Number of characters that a call encodes. Raises `_Refused`: it uses another encoding than a state dict does."""
    if function != _ENCODE:
        return 0
    if not isinstance(arguments, tuple) or arguments[1:] != (_ENCODING,):
        raise _Refused("a pickle with encoded texts")
    return len(arguments[0])


def _check_global(name: str, pickled: memoryview) -> None:
    if name in _BUILDERS | _CONTAINERS | _NUMPY | {_ENCODE} or _STORAGE.fullmatch(name):
        return
    shown = name.replace(" ", ".")[:80]
    if b"_parameters" in bytes(pickled):
        raise _Refused(
            f"a whole pickled module, which needs code ({shown}) that is never run",
            f"convert it where that code is: {_CONVERSION}",
        )
    if name.startswith("torch"):
        raise _Refused(f"a tensor that is not dense or not real ({shown})")
    raise _Refused(f"one that asks for code ({shown}), which is never run")
