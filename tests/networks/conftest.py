"""A handful of images in the place of every set, and a store: what is tested is what becomes of networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet
from roboreg_core.networks.registry import DenseNetwork
from roboreg_core.store.store import Store
from tests.conftest import random_network
from tests.networks.helpers import keep_network


@pytest.fixture(autouse=True)
def small_sets(few_images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "training_images", lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "validation_images", lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "test_images", lambda choice="auto": few_images)


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


@pytest.fixture(scope="session")
def dense() -> ResNet:
    """A dense network with random weights; read-only."""
    return random_network(seed=7)


@pytest.fixture(scope="session")
def trained() -> ResNet:
    """The example network, trained with ImageNet's normalisation; read-only."""
    return checkpoints.load("dense").model


@pytest.fixture
def put(store: Store) -> Callable[..., DenseNetwork]:
    """`put("name", seed=1)` keeps an uploaded network without measuring it."""
    return partial(keep_network, store)
