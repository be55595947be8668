"""The verb `evaluate`."""

from typing import Annotated

import typer

from roboreg_core.cli.common import (
    Data,
    Device,
    Json,
    Normalisation,
    chosen_images,
    load_network,
    measure,
    print_notes,
    print_result,
)
from roboreg_core.errors import SpecError
from roboreg_core.models.normalisation import AUTO

PRECISIONS = ("float32", "bfloat16")


def evaluate_verb(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Network: a weights file, name or SHA-256.")],
    precision: Annotated[str, typer.Option(help=f"{' or '.join(PRECISIONS)}.")] = PRECISIONS[0],
    data: Data = "",
    normalisation: Normalisation = AUTO,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Evaluate a network on the test images: accuracy, confusion matrix and per-class metrics."""
    from roboreg_core.device import choose_device, environment
    from roboreg_core.evaluation.guessing import guessing_notes

    if precision not in PRECISIONS:
        raise SpecError(f"precision must be {' or '.join(PRECISIONS)}, got {precision!r}")
    chosen = choose_device(device)
    loaded = load_network(checkpoint, normalisation, data)
    report, seconds = measure(loaded.model, chosen, chosen_images(data, network=loaded), precision)
    doubts = guessing_notes(report["accuracy"], report["images"], loaded.model.architecture.n_classes)
    notes = (*doubts, *loaded.notes)
    print_notes(notes)
    values = {
        "checkpoint": loaded.name,
        "sha256": loaded.sha256,
        **loaded.model.schedule.stored(),
        **report,
        "card_accuracy": loaded.card.get("accuracy", {}).get("test"),
        "notes": list(notes),
        **({} if loaded.source is None else {"source": loaded.source}),
        "precision": precision,
        "seconds": seconds,
        "environment": environment(chosen),
    }
    text = f"{loaded.name}: accuracy {report['accuracy']:.2%} on {report['images']:,} test images ({precision})"
    print_result(as_json, values, text)
