"""Stand-ins for the numpy objects beside weights, so that reading a file runs no code of numpy.

Pickled numpy objects are calls of numpy's functions, whose arguments a file chooses freely. These functions take their
places: scalars become Python numbers, arrays become empty objects.
"""

import struct
from typing import Any

# Format of `struct` for each numpy type of a scalar.
_FORMATS = {
    "b1": "?",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


class _Array:
    """A `numpy.ndarray` without its content."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _Dtype:
    """A `numpy.dtype`: its code, such as `f8`, and byte order."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        self.code, self.order = code, "<"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"


def _scalar(dtype: Any = None, data: Any = b"") -> float | None:
    """The number in the bytes of a numpy scalar; None for other types."""
    if not isinstance(dtype, _Dtype) or not isinstance(dtype.code, str) or not isinstance(data, bytes):
        return None
    form = dtype.order + _FORMATS.get(dtype.code, "x")
    return struct.unpack(form, data)[0] if dtype.code in _FORMATS and len(data) == struct.calcsize(form) else None


def _reconstruct(*_: Any) -> _Array:
    return _Array()


# Full name in a pickle and stand-in of each function.
STAND_INS: dict[str, Any] = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _Dtype,
    **{f"{module}.scalar": _scalar for module in _MODULES},
    **{f"{module}._reconstruct": _reconstruct for module in _MODULES},
}
