"""A network of one's own, made in no time."""

from __future__ import annotations

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.models import checkpoints
from roboreg_core.networks.registry import DenseNetwork, of_record
from roboreg_core.networks.spec import UploadSpec
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from tests.conftest import random_network


def keep_network(
    store: Store,
    name: str,
    seed: int = 1,
    created: str = "2026-01-01T00:00:00+00:00",
    architecture: Architecture = RESNET20,
    training_set: str = "",
    pruned: Schedule | None = None,
) -> DenseNetwork:
    """Keep an uploaded network with random weights, without measuring it; `pruned` if it has fewer filters."""
    content = checkpoints.to_bytes(random_network(pruned or dense_schedule(architecture), seed))
    spec = UploadSpec.of(content, "net.safetensors", name)
    digest = store.artifacts.put(content)
    result = {
        "accuracy": 0.5,
        "images": 50,
        "per_class": [],
        "history": [],
        "recipe": "",
        "training_set": training_set,
        **architecture.stored(),
        "seed": None,
        "seconds": 1.0,
        "notes": ["ImageNet normalisation assumed"],
        "environment": {},
        **(pruned.stored() if pruned else {}),
        "weights": digest,
        "artifacts": {"weights": digest},
    }
    record = Record(kind="network", id=spec.id, created=created, spec=spec.to_json(), result=result)
    store.put_record(record)
    return of_record(record)
