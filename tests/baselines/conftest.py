"""A handful of images in the place of every set, and a store: what is tested is what becomes of networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from roboreg_core.baselines.known import Baseline, of_record
from roboreg_core.baselines.spec import UploadSpec
from roboreg_core.data import sources
from roboreg_core.data.images import Images
from roboreg_core.model import checkpoints
from roboreg_core.model.resnet import ResNet20
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from tests.conftest import random_network


@pytest.fixture(autouse=True)
def small_sets(few_images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "training_images", lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "validation_images", lambda: few_images)
    monkeypatch.setattr(sources, "test_images", lambda: few_images)


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


@pytest.fixture(scope="session")
def dense() -> ResNet20:
    """A dense network with random weights; read-only."""
    return random_network(seed=7)


@pytest.fixture
def put(store: Store) -> Callable[..., Baseline]:
    """`put("name", seed=1)` keeps an uploaded network without measuring it."""

    def kept(name: str, seed: int = 1, created: str = "2026-01-01T00:00:00+00:00") -> Baseline:
        content = checkpoints.to_bytes(random_network(seed=seed))
        spec = UploadSpec.of(content, "net.safetensors", name)
        digest = store.artifacts.put(content)
        result = {
            "accuracy": 0.5,
            "images": 50,
            "per_class": [],
            "history": [],
            "recipe": "",
            "training_set": "",
            "seed": None,
            "seconds": 1.0,
            "notes": ["ImageNet normalisation assumed"],
            "environment": {},
            "weights": digest,
            "artifacts": {"weights": digest},
        }
        record = Record(kind="network", id=spec.id, created=created, spec=spec.to_json(), result=result)
        store.put_record(record)
        return of_record(record)

    return kept
