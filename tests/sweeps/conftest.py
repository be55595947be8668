"""A small dense network and small sets of images, for what is measured in the tests' own process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet
from roboreg_core.store.store import Store
from roboreg_core.sweeps import execute


@pytest.fixture
def small_sets(few_images: Images, images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "training_images", lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "validation_images", lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "test_images", lambda choice="auto": images)
    monkeypatch.setattr(execute, "_CACHE", execute._PrunerCache())


@pytest.fixture
def dense(make_network: Callable[..., ResNet]) -> checkpoints.Checkpoint:
    return checkpoints.from_bytes(checkpoints.to_bytes(make_network()), "small")


@pytest.fixture
def store(home) -> Store:
    return Store(home)
