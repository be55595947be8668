"""Settings, images, machine and versions of a run as text."""

from typing import Any

from roboreg_core.store.records import Record
from roboreg_core.wording import fmt, run_facts


def settings_of(record: Record) -> dict[str, str]:
    """Map labels such as `batch size` to the settings, images, machine and versions of a run, as text."""
    spec = record.spec
    rows = {
        "schedule": str(run_facts.schedule_of(record)),
        "method": spec["method"],
        "batch norm recalibrated": "yes" if spec["recalibrate"] else "no",
        "calibration images": f"{spec.get('calibration', 1_000):,}",
        "fine-tuning epochs": spec["epochs"],
        "fine-tuning": _tuning_words(spec),
        "learning rate": f"{spec['learning_rate']:g}",
        "batch size": spec["batch_size"],
        "seed": spec["seed"],
        "training images": record.result["images"]["training"],
        "test images": record.result["images"]["test"],
        "dense network": f"{run_facts.dense_name(spec)} ({spec['dense_sha256'][:12]})",
        "duration": fmt.duration(record.result["seconds"]["total"]),
        **record.result["environment"],
    }
    return {name: str(value) for name, value in rows.items()}


def _tuning_words(spec: dict[str, Any]) -> str:
    """Preset and targets; older runs have neither key and were trained on labels."""
    targets = "distilled" if spec.get("distil", False) else "labels only"
    return f"{spec['preset']}, {targets}" if "preset" in spec else targets
