"""Check of the keys and types of a JSON value."""

from typing import Any

# A type or several, an object with at least these keys, or a list of such values.
Shape = type | tuple[type, ...] | dict[str, "Shape"] | list["Shape"]
NUMBER = (int, float)


def check_shape(value: Any, shape: Shape, where: str = "") -> None:
    """Check the keys and types of a JSON value; keys that `shape` lacks are allowed.

    Raises `ValueError`: a key is missing or a type is wrong; the message names the place, a path that begins with
    `where`.
    """
    if isinstance(shape, dict):
        _expect(value, dict, where)
        for key, inner in shape.items():
            place = f"{where}.{key}".lstrip(".")
            if key not in value:
                raise ValueError(f"{place} is missing")
            check_shape(value[key], inner, place)
    elif isinstance(shape, list):
        _expect(value, list, where)
        for number, each in enumerate(value):
            check_shape(each, shape[0], f"{where}[{number}]")
    else:
        _expect(value, shape, where)


def _expect(value: Any, kind: type | tuple[type, ...], where: str) -> None:
    if not isinstance(value, kind):
        names = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise ValueError(f"{where} must be {names}, got {type(value).__name__}")
