"""Registry of the dense networks: their facts and weights. Importing this module does not import torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets.cifar10 import TRAINING_COUNTS
from roboreg_core.datasets.dataset import images_fact
from roboreg_core.errors import ArchitectureError, CheckpointError
from roboreg_core.models.cards import read_card
from roboreg_core.networks.spec import NETWORK, TRAINED, TrainingSpec
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from roboreg_core.store.names import folded, free_name
from roboreg_core.store.records import Record

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.store.artifacts import Artifacts
    from roboreg_core.store.store import Store

SHIPPED = "shipped"
# Shortest prefix of a SHA-256 that identifies a network.
FEWEST_DIGITS = 6
_NAMES_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class DenseNetwork:
    """A dense network that runs may start from.

    Attributes:
        name: unique, case-insensitive.
        sha256: SHA-256 of its weights as a safetensors file.
        origin: `shipped`, `trained` or `uploaded`.
        architecture: its depth, width, shortcut, classes and image size.
        pruned: its filters per block if it is pruned already; None if it has all, or an older version stored it.
        accuracy: test accuracy, 0..1; None if unknown.
        images: number of test images.
        recipe, epochs, training_set, seed: settings of its training; empty or None if unknown.
        created: UTC, ISO 8601; empty if unknown.
        notes: texts for the user, e.g. on an assumed normalisation.
        record: None for an example network.
    """

    name: str
    sha256: str
    origin: str
    architecture: Architecture = RESNET20
    pruned: Schedule | None = None
    accuracy: float | None = None
    images: int = 0
    recipe: str = ""
    epochs: int | None = None
    training_set: str = ""
    seed: int | None = None
    created: str = ""
    notes: tuple[str, ...] = ()
    record: Record | None = None

    @property
    def filters(self) -> Schedule:
        """Its filters per block, the most that a run can keep."""
        return self.pruned or dense_schedule(self.architecture)

    def to_json(self) -> dict[str, Any]:
        """All attributes as a JSON object, except `record` and `pruned`.

        `id` is the id of the record, None for an example network; `architecture` is left out if it is the default.
        """
        plain = {name: value for name, value in vars(self).items() if name not in ("record", "architecture", "pruned")}
        own = {"notes": list(self.notes), "id": self.record.id if self.record else None}
        return {**plain, **own, **self.architecture.stored()}


def dense_networks(store: Store) -> list[DenseNetwork]:
    """All dense networks: example networks, then your own, newest first.

    If two have the same name, e.g. from two trainings, ` (2)` is appended to the newer one's.
    """
    shipped = _in(paths.checkpoints())
    own = [of_record(record) for record in store.list_records(NETWORK)]
    return [*shipped, *_with_unique_names(own, shipped)]


def of_record(record: Record) -> DenseNetwork:
    """Dense network described by a record of kind `NETWORK`."""
    spec, result = record.spec, record.result
    return DenseNetwork(
        name=spec["name"],
        sha256=result["artifacts"]["weights"],
        origin=spec["origin"],
        architecture=Architecture.from_json(result.get("architecture")),
        pruned=Schedule.from_stored(result) if "schedule" in result else None,
        accuracy=result["accuracy"],
        images=result["images"],
        recipe=result["recipe"],
        epochs=spec.get("epochs"),
        training_set=result["training_set"],
        seed=result["seed"],
        created=record.created,
        notes=tuple(result["notes"]),
        record=record,
    )


def find(store: Store, text: str) -> DenseNetwork:
    """Find a network by its name (case-insensitive), or by the first digits of its SHA-256, at least `FEWEST_DIGITS`.

    If no listed network matches, the further example networks in `checkpoints/others/` are searched.

    Raises `CheckpointError`: no network matches, or several.
    """
    known = dense_networks(store)
    found = _matching(known, text) or _matching(_in(paths.others()), text)
    if len({each.sha256 for each in found}) > 1:
        names = _some_names(found)
        raise CheckpointError(f"{len(found)} networks' SHA-256 begin with {text!r} ({names}): give more digits")
    if not found:
        shown = f"{text[:80]!r}{'...' if len(text) > 80 else ''}"
        raise CheckpointError(f"no network has the name or SHA-256 {shown}: there are {_some_names(known)}")
    return found[0]


@lru_cache(maxsize=64)
def other_name(digest: str) -> str:
    """Name of the example network in `checkpoints/others/` with this SHA-256; empty if there is none."""
    return next((each.name for each in _in(paths.others()) if each.sha256 == digest), "")


def _matching(known: Sequence[DenseNetwork], text: str) -> list[DenseNetwork]:
    found = [each for each in known if folded(each.name) == folded(text)]
    if not found and len(text) >= FEWEST_DIGITS:
        found = [each for each in known if each.sha256.startswith(text.lower())]
    return found


def checkpoint_of(network: DenseNetwork, store: Store) -> Checkpoint:
    """Weights and card of a network; shared between callers, do not change the model.

    Raises `CheckpointError`: an example file is damaged or missing; `StoreError`: the artefact is damaged or missing.
    """
    if network.record is None:
        return _shipped_checkpoint(network.name, network.sha256)
    from roboreg_core.models.checkpoints import make_card

    loaded = _own_checkpoint(store.artifacts, network.sha256)
    card = make_card(loaded.model, loaded.content, **_card_facts(network, network.record))
    return replace(loaded, name=network.name, card=card, notes=network.notes)


@lru_cache(maxsize=4)
def _shipped_checkpoint(name: str, sha256: str) -> Checkpoint:
    from roboreg_core.models import checkpoints

    del sha256  # part of the cache's key only
    return checkpoints.load(name)


@lru_cache(maxsize=4)
def _own_checkpoint(artifacts: Artifacts, sha256: str) -> Checkpoint:
    from roboreg_core.models import checkpoints

    return checkpoints.from_bytes(artifacts.get(sha256))


def command_of(record: Record) -> str:
    """The command line that repeats the training of the network in a record."""
    spec = TrainingSpec.from_json(record.spec)
    return spec.command(record.result.get("teacher", {}).get("sha256", ""))


def _card_facts(network: DenseNetwork, record: Record) -> dict[str, Any]:
    """Fields of the card, the same as the verb `train` writes."""
    spec, result = record.spec, record.result
    facts: dict[str, Any] = {
        "name": network.name,
        **(images_fact(network.training_set) if network.training_set else {}),
        "accuracy": {"test": network.accuracy, "images": network.images, "precision": "float32", "epoch": "last"},
        "environment": result["environment"],
        "created": network.created,
        "notes": list(network.notes),
    }
    if network.origin != TRAINED:
        return {**facts, "uploaded": {"file_name": spec["file_name"], **result.get("source", {})}}
    recipe = TrainingSpec.from_json(spec).training().to_json()
    trained: dict[str, Any] = {"recipe": recipe, "reproduce": command_of(record)}
    trained |= {"teacher": result["teacher"]} if "teacher" in result else {}
    return {**facts, **trained, "seed": network.seed, "images": network.training_set, "history": result["history"]}


def _in(folder: Path) -> list[DenseNetwork]:
    """The networks in a folder with the facts on their cards."""
    files = sorted(folder.glob("*.safetensors"))
    return [_of_file(path, _stamp(path), _stamp(path.with_suffix(".json"))) for path in files]


@lru_cache(maxsize=16)
def _of_file(path: Path, weights: tuple[int, int] | None, card_stamp: tuple[int, int] | None) -> DenseNetwork:
    del weights, card_stamp  # part of the cache's key only
    try:
        card = read_card(path)
        architecture = Architecture.from_json(card.get("architecture"))
    except (CheckpointError, ArchitectureError):
        card, architecture = {}, RESNET20
    recipe, accuracy = card.get("recipe") or {}, card.get("accuracy") or {}
    images = str(card.get("images", ""))
    return DenseNetwork(
        name=path.stem,
        sha256=card.get("sha256") or hashlib.sha256(path.read_bytes()).hexdigest(),
        origin=SHIPPED,
        architecture=architecture,
        accuracy=accuracy.get("test"),
        images=accuracy.get("images", 0),
        recipe=recipe.get("recipe", ""),
        epochs=recipe.get("epochs"),
        training_set=card.get("training_set") or next((part for part in TRAINING_COUNTS if f"({part})" in images), ""),
        seed=card.get("seed"),
        created=card.get("created", ""),
    )


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _with_unique_names(own: Sequence[DenseNetwork], shipped: Iterable[DenseNetwork]) -> list[DenseNetwork]:
    taken = {folded(each.name) for each in shipped}
    found = []
    for each in reversed(own):
        name = free_name(each.name, taken.__contains__)
        taken.add(folded(name))
        found.append(replace(each, name=name))
    return found[::-1]


def _some_names(known: Sequence[DenseNetwork]) -> str:
    shown = ", ".join(repr(each.name) for each in known[:_NAMES_SHOWN]) or "none"
    return shown + (" and more" if len(known) > _NAMES_SHOWN else "")
