"""Shared by tests of training: short settings, recording hooks and comparisons."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from roboreg_core.training.loop import EpochRecord, TrainingResult
from roboreg_core.training.spec import TrainSpec

SPEC = TrainSpec(recipe="test", epochs=3, batch_size=16, learning_rate=0.05, precision="float32", seed=5)
STEPS = 3  # 50 images; the last two would make a small batch


class SavedItem:
    """Hooks that keep every epoch's record and state."""

    def __init__(self) -> None:
        self.records: list[EpochRecord] = []
        self.states: list[bytes] = []

    def __call__(self, record: EpochRecord, state: Callable[[], bytes]) -> None:
        self.records.append(record)
        self.states.append(state())


def content(state: bytes) -> dict[str, Any]:
    return torch.load(io.BytesIO(state), weights_only=True)


def weights(state: bytes) -> dict[str, Tensor]:
    return content(state)["model"]


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


def without_times(fitted: TrainingResult) -> list[EpochRecord]:
    return [replace(record, seconds=0.0) for record in fitted.history]
