"""The verb `export`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roboreg_core.cli.common import Json, find_run, load_network, print_notes, print_result, write_file
from roboreg_core.errors import StoreError
from roboreg_core.files import check_writable
from roboreg_core.user_input import existing, is_file
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.evaluation.onnx_export import OnnxExport


def export_verb(
    network: Annotated[
        str, typer.Argument(metavar="RUN|CHECKPOINT", help="A run's id or its first digits, a weights file, or a name.")
    ],
    onnx: Annotated[Path, typer.Option("--onnx", metavar="FILE", help="ONNX file to write.")],
    as_json: Json = False,
) -> None:
    """Export a network as ONNX, after comparing onnxruntime's logits with PyTorch's on test images."""
    check_writable(onnx)
    made = _export(network)
    write_file(onnx, made.content)
    values = {
        "file": str(onnx),
        "bytes": len(made.content),
        "sha256": hashlib.sha256(made.content).hexdigest(),
        "largest_difference": made.difference,
        "compared_on": f"{made.images:,} test images",
    }
    text = (
        f"{onnx}: {len(made.content):,} bytes; logits differ from PyTorch's by at most {made.difference:.1e} "
        f"on {made.images:,} test images"
    )
    print_result(as_json, values, text)


def _export(network: str) -> OnnxExport:
    from roboreg_core.datasets.dataset import AUTO
    from roboreg_core.datasets.sources import test_images
    from roboreg_core.evaluation.onnx_export import checked_images, export_onnx
    from roboreg_core.models import checkpoints
    from roboreg_core.runs.results import onnx_for

    if is_file(network) or network in checkpoints.names():
        loaded = load_network(network)
        print_notes(loaded.notes)
        images = checked_images(test_images(loaded.card.get("training_set") or AUTO))
        return export_onnx(loaded.model, images, checkpoint=loaded.name, weights_sha256=loaded.sha256)
    store = open_store()
    try:
        record = find_run(store, network)
    except StoreError as error:
        if existing(network):  # a folder, pipe or device
            checkpoints.load(network)
        known = ", ".join(checkpoints.names())
        raise StoreError(f"{error}; or name a weights file, or a checkpoint ({known})") from None
    return onnx_for(record, store)
