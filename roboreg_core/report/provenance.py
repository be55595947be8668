"""What tells a reader of a report that the figures are of these weights and these images, and how to get them again."""

from __future__ import annotations

import hashlib

from roboreg_core import paths
from roboreg_core.charts import facts, settings
from roboreg_core.data.manifest import MANIFEST
from roboreg_core.report.document import Command, Prose, Section, Table
from roboreg_core.runs.summary import DENSE
from roboreg_core.store.records import Record

OWN_WEIGHTS = "weights of this network (.safetensors)"
SUMS = (
    "An image set's sum is over its pixels, image by image, then its labels; the manifest holds a sum of "
    "every file of the bundled part."
)


def made_with(record: Record) -> Section:
    """Every setting, version and checksum of a run."""
    return Section(
        title="What it was made with",
        blocks=[
            Table(
                caption="Settings and versions",
                columns=["setting", "value"],
                rows=list(settings.settings_of(record).items()),
            ),
            Table(caption="SHA-256", columns=["of", "sum"], rows=list(checksums(record).items())),
            Prose(text=SUMS, kind="note"),
        ],
    )


def again(record: Record, baseline: str = DENSE) -> Section:
    """The commands that repeat a run and print its figures against `baseline`, `dense` or a run's id."""
    return Section(
        title="To get these figures again",
        blocks=[
            Command(purpose="Repeat the run, or show it where it is in the store:", line=record.result["command"]),
            Command(
                purpose="Print every figure of it:",
                line=f"python -m roboreg_core runs show {record.id}{option(baseline)} --json",
            ),
            Command(
                purpose="Write this report:",
                line=f"python -m roboreg_core report {record.id}{option(baseline)} --out roboreg-{record.id}.html",
            ),
        ],
    )


def option(baseline: str) -> str:
    """What names a baseline on the command line; nothing for the dense network."""
    return "" if baseline == DENSE else f" --baseline {baseline}"


def checksums(record: Record) -> dict[str, str]:
    """SHA-256 sums by what they are of: weights, images, logits."""
    from roboreg_core.data.batches import CONTENT_SHA256  # brings torch, which no page waits for

    artifacts = record.result["artifacts"]
    training = (
        ("all 50,000 training images", CONTENT_SHA256["train"])
        if record.spec["training_set"] == "full"
        else ("manifest of the bundled images", _manifest_sha256())
    )
    logits = {
        f"logits, {name.removeprefix('logits_')} (.npy)": digest
        for name, digest in artifacts.items()
        if name.startswith("logits_")
    }
    return {
        OWN_WEIGHTS: artifacts.get("weights", "none kept"),
        f"weights of the dense network, {facts.dense_name(record.spec)}": record.spec["dense_sha256"],
        "10,000 test images": CONTENT_SHA256["test"],
        training[0]: training[1],
        **logits,
    }


def _manifest_sha256() -> str:
    return hashlib.sha256((paths.bundled_data() / MANIFEST).read_bytes()).hexdigest()
