"""Verbs about dense networks to start from: list them, add one's own, rename, delete and restore those."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import Json, answer, open_store, progress_bar, say, say_notes

if TYPE_CHECKING:
    from roboreg_core.networks.registry import DenseNetwork

Network = Annotated[str, typer.Argument(metavar="NETWORK", help="Its name, or the first digits of its SHA-256.")]


def networks_list(
    deleted: Annotated[bool, typer.Option(help="Those that were deleted and can be restored.")] = False,
    as_json: Json = False,
) -> None:
    """The dense networks that runs may start from: shipped, trained and uploaded ones."""
    from roboreg_core.networks import management
    from roboreg_core.networks.registry import baselines, of_record

    store = open_store()
    found = [of_record(each.record) for each in management.deleted(store)] if deleted else baselines(store)
    lines = "\n".join(map(_line, found)) or "no deleted networks"
    answer(as_json, {"networks": [each.to_json() for each in found]}, lines)


def networks_add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Weights: .safetensors, .pt, .pth or .th.")],
    name: Annotated[str | None, typer.Option(help="What to call it; the file's name where none is given.")] = None,
    as_json: Json = False,
) -> None:
    """Check and measure a dense network in a file, and keep it; nothing in the file is ever run."""
    from roboreg_core.networks.management import unused_name
    from roboreg_core.networks.spec import UploadSpec
    from roboreg_core.networks.start import existing, make

    store, content = open_store(), _content(file)
    spec = UploadSpec.of(content, file.name, unused_name(store, file.stem) if name is None else name)
    known = existing(store, spec)
    if known is not None:
        say.print(f"note: it is there already, as {known.name!r}", markup=False)
    with progress_bar(f"adding {file.name}") as advance:
        made = make(store, spec, content, on_report=lambda told: advance(told["fraction"], told["stage"]))
    say_notes(made.notes)
    answer(as_json, made.to_json(), _line(made))


def networks_rename(
    network: Network,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it from now on.")],
    as_json: Json = False,
) -> None:
    """Give an own network another name."""
    from roboreg_core.networks import management
    from roboreg_core.networks.registry import find

    store = open_store()
    renamed = management.rename(store, find(store, network), name)
    answer(as_json, renamed.to_json(), f"renamed: {_line(renamed)}")


def networks_delete(network: Network, as_json: Json = False) -> None:
    """Delete an own network; `networks restore` brings it back within 30 days. Its runs stay whole."""
    from roboreg_core.networks import management
    from roboreg_core.networks.registry import find

    store = open_store()
    found = find(store, network)
    management.delete(store, found)
    say.print(f"undo: python -m roboreg_core networks restore {found.to_json()['id']}", markup=False)
    answer(as_json, {**found.to_json(), "deleted": True}, f"deleted: {_line(found)}")


def networks_restore(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="The deleted one's name, or its id.")],
    as_json: Json = False,
) -> None:
    """Undo a deletion."""
    from roboreg_core.networks import management

    store = open_store()
    restored = management.restore(store, management.find_deleted(store, network).id)
    answer(as_json, restored.to_json(), f"restored: {_line(restored)}")


def _content(file: Path) -> bytes:
    """The file's bytes; its size is looked at before they are read."""
    from roboreg_core.errors import CheckpointError
    from roboreg_core.networks.uploaded_weights import check_size, check_suffix

    try:
        check_suffix(file.name)
        check_size(file.stat().st_size)
        return file.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {file} ({error.strerror}): name another file") from error


def _line(network: DenseNetwork) -> str:
    facts: list[Any] = [f"{network.name:<20}", f"{network.sha256[:12]}", f"{network.origin:<8}"]
    if network.accuracy is not None:
        facts.append(f"{network.accuracy:.2%} of {network.images:,} test images")
    if network.recipe:
        facts.append(f"recipe {network.recipe}, {network.epochs} epochs, seed {network.seed}, {network.training_set}")
    return "  ".join(facts)
