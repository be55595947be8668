"""Shared fixtures: small networks and images, and an empty `ROBOREG_HOME` per test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch import nn

from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images, first_of_each_class
from roboreg_core.models.resnet import ResNet, initialise
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from roboreg_core.seeding import torch_generator
from tests.command_line import CommandLine

# For tiny networks one thread is as fast as many, and independent of the machine's load.
torch.set_num_threads(1)
DENSE = dense_schedule()
# Reproducible examples.
settings.register_profile("roboreg", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("roboreg")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `ROBOREG_HOME`, so that no test uses the user's."""
    folder = tmp_path / "roboreg-home"
    monkeypatch.setenv("ROBOREG_HOME", str(folder))
    for name in ("ROBOREG_DATA", "ROBOREG_SCHEDULER", "ROBOREG_INSECURE", "ROBOREG_HOSTS", "ROBOREG_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(scope="session")
def images() -> Images:
    """300 bundled training images, 30 per class; read-only."""
    bundled = sources.training_images("bundled")
    return bundled.take(first_of_each_class(bundled.labels.numpy(), 30), "300 training images")


@pytest.fixture(scope="session")
def few_images(images: Images) -> Images:
    """50 of them, five per class; read-only."""
    return images.take(first_of_each_class(images.labels.numpy(), 5), "50 training images")


@pytest.fixture(scope="session")
def make_network() -> Callable[..., ResNet]:
    """`make_network(schedule, seed=0)`: random weights and batch-norm tensors, in eval mode."""
    return random_network


@pytest.fixture
def network() -> ResNet:
    """Small network with random weights, schedule `aggressive`."""
    return random_network(presets()["aggressive"])


@pytest.fixture
def roboreg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def random_network(schedule: Schedule = DENSE, seed: int = 0) -> ResNet:
    model = ResNet(schedule)
    generator = torch_generator(seed, "test network")
    initialise(model, generator)
    with torch.no_grad():
        for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.bias.normal_(0, 0.2, generator=generator)
            norm.running_mean.normal_(0, 0.2, generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
    return model.eval()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files with slow tests first, so that parallel processes end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
