"""Networks in what a weights file holds: a state dict, or mappings around it with epoch, accuracy and optimiser."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from roboreg_core.errors import CheckpointError

_MAX_DEPTH, _MAX_CANDIDATES = 4, 16
_CONVOLUTION_DIMENSIONS = 4
# Names under which training scripts store the accuracy of their checkpoint, best ones first.
_ACCURACY_NAMES = (
    "best_prec1",
    "best_prec",
    "best_acc1",
    "best_acc",
    "best_accuracy",
    "best_top1",
    "prec1",
    "acc1",
    "top1",
    "test_acc",
    "test_accuracy",
    "val_acc",
    "accuracy",
    "acc",
)
# Keys of a mapping, the mappings around it, nearest first, and itself.
_Nested = tuple[tuple[str, ...], tuple[dict[Any, Any], ...], dict[Any, Any]]


@dataclass(frozen=True, kw_only=True)
class RecordedAccuracy:
    """Accuracy (0..1) that a weights file records, and the name of its entry, e.g. `best_prec1`."""

    accuracy: float
    name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class StateDictCandidate:
    """A mapping in a weights file that may be the state dict of a network.

    Attributes:
        place: keys that lead to it in the file, joined by dots; empty if it is the whole file.
        entries: the mapping of names to tensors, unchecked.
        recorded: the accuracy stored beside it; None if there is none.
    """

    place: str
    entries: Mapping[str, Any]
    recorded: RecordedAccuracy | None


def candidates(loaded: Any, name: str) -> list[StateDictCandidate]:
    """Find the mappings with weights of convolutions in the loaded content of a file, averaged weights (EMA) first.

    `name` is for error messages. Raises `CheckpointError`: there is none, or there are too many.
    """
    if not isinstance(loaded, dict) or not loaded:
        raise CheckpointError(f"{name} must hold a state dict, got {type(loaded).__name__}")
    found = [
        StateDictCandidate(place=".".join(keys), entries=mapping, recorded=_recorded(outer))
        for keys, outer, mapping in _mappings(loaded)
        if any(isinstance(value, Tensor) and value.ndim == _CONVOLUTION_DIMENSIONS for value in mapping.values())
    ]
    if len(found) > _MAX_CANDIDATES:
        raise CheckpointError(
            f"{name} must hold at most {_MAX_CANDIDATES} networks, got {len(found):,}: save one alone"
        )
    if not found:
        key, value = next(iter(loaded.items()))
        raise CheckpointError(
            f"{name} must map names to tensors, with convolutions among them, got {key!r:.80}: {type(value).__name__}"
        )
    return sorted(found, key=lambda each: "ema" not in each.place.lower())


def choice_notes(found: list[StateDictCandidate], taken: StateDictCandidate) -> list[str]:
    """A sentence that names the network `taken` from several `found` in a file; empty if it is the only one."""
    if len(found) == 1:
        return []
    places = ", ".join(f"{each.place or 'the file itself'}" for each in found)
    return [f"the file holds {len(found)} networks ({places:.300}): {taken.place or 'the file itself'} is taken"]


def _mappings(loaded: dict[Any, Any]) -> Iterator[_Nested]:
    """Each mapping once, with its keys and the mappings around it; under keys other than texts are optimiser states."""
    waiting: deque[_Nested] = deque([((), (), loaded)])
    seen = set()
    while waiting:
        keys, outer, mapping = waiting.popleft()
        if id(mapping) in seen:
            continue
        seen.add(id(mapping))
        yield keys, outer, mapping
        inner = [(key, value) for key, value in mapping.items() if isinstance(key, str) and isinstance(value, dict)]
        if len(keys) < _MAX_DEPTH:
            waiting += [((*keys, key), (mapping, *outer), value) for key, value in inner]


def _recorded(outer: tuple[dict[Any, Any], ...]) -> RecordedAccuracy | None:
    """The first accuracy in the mappings around a network, nearest first; percentages become shares."""
    for mapping in outer:
        for name in _ACCURACY_NAMES:
            value = mapping.get(name)
            if isinstance(value, Tensor) and value.numel() == 1 and value.device.type == "cpu":
                value = value.item()
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 100:
                return RecordedAccuracy(accuracy=value / 100 if value > 1 else float(value), name=name)
    return None
