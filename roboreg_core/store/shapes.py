"""Check of the keys and types of a JSON value."""

from typing import Any

# A type or several, an object with at least these keys, or a list of such values.
Shape = type | tuple[type, ...] | dict[str, "Shape"] | list["Shape"]
NUMBER = (int, float)


def check_shape(value: Any, shape: Shape, where: str = "") -> None:
    """Check the keys and types of a JSON value; other keys than those in `shape` are allowed.

    Example of a shape: `{"id": str, "accuracy": (int, float), "spec": {}, "tags": [str]}`, that is a string, a number,
    an object with any keys, and a list of strings.

    Raises `ValueError`: a key is missing or a type is wrong; the message names the path, which begins with `where`.
    """
    fault = _fault(value, shape)
    if fault is not None:
        place, problem = fault
        raise ValueError(f"{(where + place).lstrip('.')} {problem}")


def _fault(value: Any, shape: Shape) -> tuple[str, str] | None:
    """Place and description of the first fault. The place is written only if there is one: this runs for every row."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return "", _wrong_type(value, dict)
        for key, inner in shape.items():
            if key not in value:
                return f".{key}", "is missing"
            if (fault := _fault(value[key], inner)) is not None:
                return f".{key}{fault[0]}", fault[1]
        return None
    if isinstance(shape, list):
        if not isinstance(value, list):
            return "", _wrong_type(value, list)
        for number, each in enumerate(value):
            if (fault := _fault(each, shape[0])) is not None:
                return f"[{number}]{fault[0]}", fault[1]
        return None
    return None if isinstance(value, shape) else ("", _wrong_type(value, shape))


def _wrong_type(value: Any, kind: type | tuple[type, ...]) -> str:
    names = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
    return f"must be {names}, got {type(value).__name__}"
