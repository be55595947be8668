"""Files made from a finished run: the card of its weights, and its network as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roboreg_core.datasets.dataset import images_fact
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    from roboreg_core.evaluation.onnx_export import OnnxExport
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

STAGES = ("dense", "pruned", "tuned")
# Parts of a run's result that lists, charts and estimates of many runs need; see `RecordStore.list_records`.
LISTED = (
    "schedule",
    *(f"{cost}.{count}" for cost in ("cost", "dense_cost") for count in ("parameters", "macs", "size_bytes")),
    *(f"stages.{stage}.accuracy" for stage in STAGES),
    *(f"latency.{network}_batch_1.median" for network in ("dense", "final")),
    "speed",
)


def kept_schedule(record: Record) -> Schedule:
    """The schedule of a run's network, which may keep fewer filters than requested."""
    return Schedule.from_json(record.result["schedule"], Schedule.from_stored(record.spec).architecture)


def card_for(record: Record, content: bytes) -> dict[str, Any]:
    """Model card (a JSON object) of a run's final network; `content` is the network as safetensors bytes."""
    from roboreg_core.models import checkpoints

    model = checkpoints.from_bytes(content).model
    report = report_of(record, final_stage(record))
    return checkpoints.make_card(
        model,
        content,
        name=f"run-{record.id}",
        run=record.id,
        spec=record.spec,
        **images_fact(record.spec["training_set"]),
        images=record.result["images"],
        accuracy={"test": report["accuracy"], "images": report["images"], "precision": "float32"},
        history=record.result["history"],
        reproduce=record.result["command"],
        environment=record.result["environment"],
        created=record.created,
    )


def onnx_for(record: Record, store: Store) -> OnnxExport:
    """Export a run's network as ONNX and check its outputs on test images; about two seconds on one core.

    Raises `CheckpointError`: the outputs differ from torch's.
    """
    from roboreg_core.datasets.sources import test_images
    from roboreg_core.evaluation.onnx_export import checked_images, export_onnx
    from roboreg_core.models import checkpoints

    digest = record.result["artifacts"]["weights"]
    model = checkpoints.from_bytes(store.artifacts.get(digest)).model
    report = report_of(record, final_stage(record))
    facts = {
        "run": record.id,
        "weights_sha256": digest,
        "test_accuracy": report["accuracy"],
        "test_images": report["images"],
        "reproduce": record.result["command"],
    }
    return export_onnx(model, checked_images(test_images(record.spec["training_set"])), **facts)


def final_stage(record: Record) -> str:
    """The run's last stage: `tuned` if it was fine-tuned, else `pruned`."""
    return "tuned" if "tuned" in record.result["stages"] else "pruned"


def report_of(record: Record, stage: str) -> dict[str, Any]:
    """The `evaluation.metrics.Report`, as JSON, of a run's stage: `dense`, `pruned` or `tuned`."""
    report: dict[str, Any] = record.result["stages"][stage]
    return report
