"""The verbs `networks list`, `add`, `rename`, `delete` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roboreg_core.cli.common import (
    Deleted,
    Json,
    Normalisation,
    print_damage,
    print_notes,
    print_result,
    print_undo,
    progress_bar,
    stderr,
)
from roboreg_core.datasets.dataset import CIFAR10
from roboreg_core.models.cards import read_card
from roboreg_core.models.file_formats import SUFFIX, read_weights
from roboreg_core.models.normalisation import AUTO
from roboreg_core.networks import management
from roboreg_core.networks.registry import SHIPPED, dense_networks, find, of_record
from roboreg_core.networks.spec import UploadSpec
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.networks.registry import DenseNetwork

Network = Annotated[str, typer.Argument(metavar="NETWORK", help="Name, or first digits of the SHA-256.")]


def networks_list(deleted: Deleted = False, as_json: Json = False) -> None:
    """List dense networks: example, trained and uploaded."""
    store = open_store()
    found = [of_record(each.record) for each in management.deleted(store)] if deleted else dense_networks(store)
    print_damage(store)
    lines = "\n".join(map(_line, found)) or "no deleted networks"
    print_result(as_json, {"networks": [each.to_json() for each in found]}, lines)


def networks_add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Weights: a safetensors or PyTorch file.")],
    name: Annotated[str | None, typer.Option(help="Name; the file's name if omitted.")] = None,
    normalisation: Normalisation = AUTO,
    data: Annotated[str, typer.Option("--data", metavar="NAME", help="Data set; that of its card, or CIFAR-10.")] = "",
    as_json: Json = False,
) -> None:
    """Check, evaluate and store a dense network from a weights file. No code in the file is executed."""
    from roboreg_core.networks.start import existing, make

    store, content = open_store(), read_weights(file)
    chosen = management.unused_name(store, file.stem[:LONGEST_NAME]) if name is None else name
    spec = UploadSpec.of(content, file.name, chosen, normalisation, _training_set(file, data))
    known = existing(store, spec)
    if known is not None:
        stderr.print(f"note: this network already exists as {known.name!r}", markup=False)
    with progress_bar(f"adding {file.name}") as advance:
        made = make(store, spec, content, on_report=lambda report: advance(report["fraction"], report["stage"]))
    print_notes(made.notes)
    print_result(as_json, made.to_json(), _line(made))


def _training_set(file: Path, data: str) -> str:
    """The data set named by the option, or by the card beside the file; empty for CIFAR-10."""
    from roboreg_core.datasets.library import find_dataset

    if not data:
        return str(read_card(file).get("training_set") or "") if file.suffix.lower() == SUFFIX else ""
    found = find_dataset(data)
    return "" if found.id == CIFAR10.id else found.id


def networks_rename(
    network: Network, name: Annotated[str, typer.Argument(metavar="NAME", help="New name.")], as_json: Json = False
) -> None:
    """Rename a trained or uploaded network."""
    store = open_store()
    renamed = management.rename(store, find(store, network), name)
    print_result(as_json, renamed.to_json(), f"renamed: {_line(renamed)}")


def networks_delete(network: Network, as_json: Json = False) -> None:
    """Delete a trained or uploaded network, which `networks restore` undoes for 30 days. Its runs are kept."""
    store = open_store()
    found = find(store, network)
    management.delete(store, found)
    print_undo(f"networks restore {found.to_json()['id']}")
    print_result(as_json, {**found.to_json(), "deleted": True}, f"deleted: {_line(found)}")


def networks_restore(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name or id of a deleted network.")],
    as_json: Json = False,
) -> None:
    """Restore a deleted network."""
    store = open_store()
    restored = management.restore(store, management.find_deleted(store, network).id)
    print_result(as_json, restored.to_json(), f"restored: {_line(restored)}")


def _line(network: DenseNetwork) -> str:
    facts = [
        f"{network.name:<20}",
        f"{network.sha256[:12]}",
        f"{'example' if network.origin == SHIPPED else network.origin:<8}",
    ]
    if network.accuracy is not None:
        facts.append(f"{network.accuracy:.2%} on {network.images:,} test images")
    if network.recipe:
        facts.append(f"recipe {network.recipe}, {network.epochs} epochs, seed {network.seed}, {network.training_set}")
    return "  ".join(facts)
