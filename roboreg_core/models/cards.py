"""Cards: JSON objects beside weights files that describe their networks. Without torch."""

from pathlib import Path
from typing import Any

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import CheckpointError
from roboreg_core.user_input import parse_json, read_file

MAX_BYTES = 4 * 2**20
# Type of each field that is read from cards; a field may be absent or null.
_NUMBER = (int, float)
_TYPES: dict[tuple[str, ...], type | tuple[type, ...]] = {
    ("sha256",): str,
    ("created",): str,
    ("seed",): int,
    ("training_set",): str,
    ("recipe", "recipe"): str,
    ("recipe", "epochs"): int,
    ("accuracy", "test"): _NUMBER,
    ("accuracy", "images"): int,
}


def network_text(architecture: Architecture) -> str:
    """Description of a network for cards and file headers, e.g. `ResNet-20 option A, CIFAR-10`."""
    kind = f"ResNet-{architecture.depth} option {architecture.shortcut}"
    if architecture == RESNET20:
        return f"{kind}, CIFAR-10"
    size = architecture.image_size
    width = "" if architecture.base_width == RESNET20.base_width else f", base width {architecture.base_width}"
    return f"{kind}{width}, {architecture.n_classes} classes, {size} x {size} pixels"


def card_path(path: Path) -> Path:
    """Path of a weights file's card, the JSON file that describes it."""
    return path.with_suffix(".json")


def read_card(path: Path) -> dict[str, Any]:
    """Read the card of a weights file; {} if there is none.

    Raises `CheckpointError`: the card is not a readable JSON object, or a field has the wrong type.
    """
    file = card_path(path)
    if not file.exists():
        return {}
    card = parse_json(read_file(file, "a card", MAX_BYTES, CheckpointError), f"the card {file}", CheckpointError)
    for fields, kind in _TYPES.items():
        _check(card, fields, kind, file)
    accuracy = (card.get("accuracy") or {}).get("test")
    if accuracy is not None and not 0 <= accuracy <= 1:
        raise CheckpointError(f"accuracy.test of the card {file} must be 0..1, got {accuracy}; correct or remove it")
    return dict(card)


def _check(card: Any, fields: tuple[str, ...], kind: type | tuple[type, ...], file: Path) -> None:
    value, place = card, "the card"
    for field in fields:
        if not isinstance(value, dict):
            raise CheckpointError(f"{place} {file} must be a JSON object, got {value!r:.60}; correct or remove it")
        value, place = value.get(field), f"{field} of the card"
        if value is None:
            return
    if not isinstance(value, kind) or isinstance(value, bool):
        words = {str: "a text", int: "an integer"}.get(kind, "a number")  # type: ignore[arg-type]
        raise CheckpointError(
            f"{'.'.join(fields)} of the card {file} must be {words}, got {value!r:.60}; correct or remove it"
        )
