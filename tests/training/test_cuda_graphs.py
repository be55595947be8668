"""Capture and replay as far as a CPU can run them: all but the CUDA calls of `cuda_graph` and `warm_up`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from roboreg_core.datasets.augmentation_settings import CROP_FLIP, SIX, Augmentation
from roboreg_core.datasets.images import Images
from roboreg_core.evaluation.logits import logits
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import presets
from roboreg_core.training import cuda_graphs, loop
from roboreg_core.training.cuda_graphs import WARM_UP, RepeatedStep
from roboreg_core.training.loop import StepProgress, TrainingHooks, fit
from tests.training.helpers import SPEC, same, without_times

# Operations that read from the device, have data-dependent shapes or copy a constant there: each synchronises CPU and
# GPU, and none may be in a capture.
WAITS = (
    "_local_scalar_dense",
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
    "repeat_interleave",
    "lift_fresh",
)


class Waiting(TorchDispatchMode):
    """Records operations that would stall a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.on = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        masked = name.startswith(("index", "_index")) and any(
            isinstance(part, Tensor) and part.dtype in (torch.bool, torch.uint8)
            for arg in args[1:2]
            if isinstance(arg, list | tuple)
            for part in arg
        )
        if self.on and (masked or name in WAITS):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


class Recorder:
    """Stand-in for `cuda_graph`: records the capture and returns a function that runs the work."""

    def __init__(self) -> None:
        self.recordings = self.replays = 0

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        self.recordings += 1

        def replay() -> None:
            self.replays += 1
            work()

        return replay


def refuses(work: Callable[[], None]) -> Callable[[], None]:
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


@pytest.fixture(scope="module")
def start(make_network: Callable[..., ResNet]) -> ResNet:
    return make_network(presets()["aggressive"])


@pytest.fixture(scope="module")
def teacher(make_network: Callable[..., ResNet]) -> ResNet:
    return make_network(presets()["quarter"], seed=1)


FULL = replace(SPEC, distil_weight=0.9, average=0.9, clip=0.5, label_smoothing=0.1)


def test_every_call_does_its_work_once() -> None:
    recorder, total = Recorder(), torch.zeros(2)
    repeated = RepeatedStep(total.add_, capture=recorder)
    for number in range(10):
        repeated(torch.full((2,), float(number)))
        assert recorder.recordings == (number >= WARM_UP)
    assert total.tolist() == [45.0, 45.0]
    assert recorder.replays == 10 - WARM_UP


def test_inputs_of_another_shape_are_passed_directly() -> None:
    recorder, total = Recorder(), torch.zeros(())
    repeated = RepeatedStep(lambda value: total.add_(value.sum()), capture=recorder)
    for size in (2, 2, 3, 2, 2, 1, 2):
        repeated(torch.ones(size))
    repeated(torch.ones(2, dtype=torch.long))
    assert (total.item(), recorder.replays, repeated.failure) == (16.0, 2, None)


def test_a_failed_capture_is_reported_and_work_continues() -> None:
    total = torch.zeros(())
    repeated = RepeatedStep(total.add_, capture=refuses)
    for _ in range(6):
        repeated(torch.ones(()))
    assert total.item() == 6
    assert repeated.failure == "operation not permitted when stream is capturing"


def test_inputs_keep_their_order_in_memory() -> None:
    seen: list[bool] = []
    repeated = RepeatedStep(
        lambda pixels: seen.append(pixels.is_contiguous(memory_format=torch.channels_last)), capture=Recorder()
    )
    repeated(torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last))
    assert seen == [True]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_replayed_training_is_the_same(
    start: ResNet, teacher: ResNet, few_images: Images, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    spec = replace(FULL, precision=precision)
    plain = fit(start, few_images, spec, validation=few_images, teacher=teacher)
    recorder = Recorder()
    monkeypatch.setattr(loop, "capture_for", lambda device: recorder)
    replayed = fit(start, few_images, spec, validation=few_images, teacher=teacher)
    assert (recorder.recordings, recorder.replays) == (1, 6)
    assert same(replayed.model.state_dict(), plain.model.state_dict())
    assert without_times(replayed) == without_times(plain)
    fit(start, few_images, spec, teacher=teacher, capture=False)
    assert recorder.recordings == 1


def test_with_a_failed_capture_the_training_is_the_same_and_warns(
    start: ResNet, few_images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = fit(start, few_images, SPEC)
    monkeypatch.setattr(loop, "capture_for", lambda device: refuses)
    with pytest.warns(RuntimeWarning, match="training steps were launched one by one: operation not permitted"):
        again = fit(start, few_images, SPEC)
    assert same(again.model.state_dict(), plain.model.state_dict())


def test_only_a_gpu_captures() -> None:
    assert cuda_graphs.capture_for(torch.device("cpu")) is None
    assert cuda_graphs.capture_for(torch.device("cuda")) is cuda_graphs.cuda_graph


@pytest.mark.parametrize(
    "augmentation", [CROP_FLIP, SIX, replace(CROP_FLIP, reflect=False)], ids=["crop", "six", "black"]
)
def test_no_step_waits_for_the_device(
    start: ResNet, teacher: ResNet, few_images: Images, augmentation: Augmentation
) -> None:
    spec = replace(FULL, augmentation=augmentation)
    waiting = Waiting()
    steps: list[StepProgress] = []

    def within(progress: StepProgress) -> None:
        # The first step creates cached constants; between epochs totals are read and the network is validated.
        steps.append(progress)
        waiting.on = progress.step < progress.steps

    hooks = TrainingHooks(on_step=within)
    with waiting:
        waiting.on = False
        fit(start, few_images, spec, teacher=teacher, keep_zeros=True, hooks=hooks)
    assert len(steps) == 9
    assert waiting.found == []


def test_device_synchronisation_is_detected() -> None:
    waiting = Waiting()
    values = torch.arange(4.0)
    with waiting:
        values[values > 1]
        values.sum().item()
        torch.tensor([1.0])
        values.nonzero()
    assert {"_local_scalar_dense", "lift_fresh", "nonzero"} <= set(waiting.found)
    assert any(name.startswith("index") for name in waiting.found)


def test_an_evaluation_waits_for_nothing_before_its_end(start: ResNet, few_images: Images) -> None:
    # In bfloat16: float32 runs in onnxruntime on a CPU.
    logits(start, few_images, precision="bfloat16")
    waiting, shares = Waiting(), []
    with waiting:
        logits(start, few_images, precision="bfloat16", batch_size=20, on_batch=shares.append)
    assert shares == pytest.approx([0.4, 0.8, 1.0])
    assert waiting.found == []
