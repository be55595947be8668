"""Verbs that write files for others: a network as ONNX, a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roboreg_core.cli.common import DENSE, Baseline, Json, answer, find_run, open_store, say_notes
from roboreg_core.errors import RoboRegError, StoreError

if TYPE_CHECKING:
    from roboreg_core.evaluation.onnx_export import OnnxExport


def export_verb(
    network: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CHECKPOINT", help="A run's id or its first digits; a weights file, or a name in checkpoints/."
        ),
    ],
    onnx: Annotated[Path, typer.Option("--onnx", metavar="FILE", help="The ONNX file to write.")],
    as_json: Json = False,
) -> None:
    """Write a network as an ONNX file, after onnxruntime gave the same logits on 1,000 test images."""
    import hashlib

    made = _export(network)
    write_file(onnx, made.content)
    answer(
        as_json,
        {
            "file": str(onnx),
            "bytes": len(made.content),
            "sha256": hashlib.sha256(made.content).hexdigest(),
            "largest_difference": made.difference,
            "compared_on": f"{made.images:,} test images",
        },
        f"{onnx}: {len(made.content):,} bytes; logits within {made.difference:.1e} of ours on {made.images:,} images",
    )


def report_verb(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of one to 16 runs, or their first digits.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The HTML file to write.")],
    baseline: Baseline = DENSE,
    as_json: Json = False,
) -> None:
    """Write a report: one HTML file, readable offline, with every change against a baseline."""
    from roboreg_core.report.html_report import report_html

    store = open_store()
    records = [find_run(store, each) for each in runs]
    against = None if baseline == DENSE else find_run(store, baseline)
    content = report_html(records, store, against).encode()
    write_file(out, content)
    answer(
        as_json,
        {
            "file": str(out),
            "bytes": len(content),
            "runs": [record.id for record in records],
            "baseline": against.id if against else DENSE,
        },
        f"{out}: {len(content):,} bytes",
    )


def write_file(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; raises `RoboRegError` where that cannot be done."""
    from roboreg_core.models.checkpoints import write_whole

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise RoboRegError(f"{path} must be writable, got {error.strerror}; choose another file") from None


def _export(network: str) -> OnnxExport:
    from roboreg_core.datasets.sources import test_images
    from roboreg_core.evaluation.onnx_export import checked_images, export_onnx
    from roboreg_core.models import checkpoints
    from roboreg_core.runs.results import onnx_for

    if Path(network).is_file() or network in checkpoints.names():
        loaded = checkpoints.load(network)
        say_notes(loaded.notes)
        images = checked_images(test_images())
        return export_onnx(loaded.model, images, checkpoint=loaded.name, weights_sha256=loaded.sha256)
    store = open_store()
    try:
        record = find_run(store, network)
    except StoreError as error:
        known = ", ".join(checkpoints.names())
        raise StoreError(f"{error}; or name a weights file, or a checkpoint ({known})") from None
    return onnx_for(record, store)
