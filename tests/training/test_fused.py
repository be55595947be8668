from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roboreg_core import convolution
from roboreg_core.data.images import Images
from roboreg_core.device import Precision
from roboreg_core.model.resnet import ResNet20
from roboreg_core.paths import PROJECT
from roboreg_core.pruning import blend
from roboreg_core.schedule import PRESETS, Schedule
from roboreg_core.training import fused, loop
from tests.training.helpers import SPEC

pytestmark = pytest.mark.skipif(fused.kernels() is None, reason="no numba, or a torch without its own OpenMP library")

# bfloat16 has eight bits, float32 24; sums over many numbers lose some of them.
ROUNDING = {torch.bfloat16: 2**-8, torch.float32: 2**-17}
TYPES = pytest.mark.parametrize("dtype", ROUNDING)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def draw(*shape: int, seed: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    return values.to(memory_format=torch.channels_last)


def a_norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for part in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert part is not None
            part.uniform_(0.5, 1.5, generator=generator)
    return norm.train()


def relative(value: Tensor, expected: Tensor) -> float:
    return ((value.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-12)).item()


@TYPES
@pytest.mark.parametrize("channels", [1, 3, 12, 16, 64])
@pytest.mark.parametrize("with_residual", [False, True])
@pytest.mark.parametrize("stride", [None, 1, 2])
def test_outputs_and_gradients_are_torchs(
    threads: int, channels: int, with_residual: bool, stride: int | None, dtype: torch.dtype
) -> None:
    x, residual, *upstream = (draw(6, channels, 8, 8, seed=seed, dtype=dtype) for seed in (2, 3, 4, 5))
    x = 3 + 2 * x
    residual = residual if with_residual else None
    upstream[1] = upstream[1][:, :, :: stride or 1, :: stride or 1]
    norm, exact = a_norm(channels), a_norm(channels).double()
    inputs = [part.clone().requires_grad_() for part in (x, residual) if part is not None]
    exact_inputs = [part.detach().double().requires_grad_() for part in inputs]

    whole, some = fused.batch_norm_relu(inputs[0], norm, *inputs[1:], stride=stride or 1)
    loss = (whole * upstream[0]).sum() + (0 if stride is None else (some * upstream[1]).sum())
    loss.backward()
    out = exact(exact_inputs[0]) + (exact_inputs[1] if with_residual else 0)
    # The same side of the ReLU as the rounded output has, so that a tie there does not count.
    expected = out * (whole.detach() > 0)
    loss = (expected * upstream[0]).sum()
    if stride is not None:
        loss = loss + (expected[:, :, ::stride, ::stride] * upstream[1]).sum()
    loss.backward()

    assert whole.dtype == dtype
    assert relative(whole, F.relu(out.detach())) < ROUNDING[dtype]
    assert torch.equal(some, whole[:, :, :: stride or 1, :: stride or 1])
    for mine, theirs in zip(inputs, exact_inputs, strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert relative(mine.grad, theirs.grad) < ROUNDING[dtype]
    for mine, theirs in zip(norm.parameters(), exact.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert relative(mine.grad, theirs.grad) < ROUNDING[dtype]
    for mine, theirs in zip(norm.buffers(), exact.buffers(), strict=True):
        assert relative(mine, theirs) < 1e-5


def test_statistics_survive_a_mean_far_from_zero() -> None:
    x = (draw(16, 4, 16, 16, seed=6).float() * 0.25 + 100).bfloat16()
    norm, exact = a_norm(4), a_norm(4).double()
    with torch.no_grad():
        norm.running_mean.fill_(99.0)
        exact.running_mean.fill_(99.0)
    fused.batch_norm_relu(x, norm)
    exact(x.double())
    assert relative(norm.running_var, exact.running_var) < 1e-4


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_more_threads_than_rows_or_cores_leave_nothing_out(threads: int) -> None:
    before = torch.get_num_threads()
    x = draw(1, 2, 8, 8, seed=7)
    try:
        torch.set_num_threads(threads)
        out, _ = fused.batch_norm_relu(x, a_norm(2))
    finally:
        torch.set_num_threads(before)
    assert relative(out, F.relu(a_norm(2)(x.float()))) < ROUNDING[torch.bfloat16]


@pytest.mark.parametrize(
    "schedule", [PRESETS["dense"], PRESETS["aggressive"], Schedule((1, 3, 5, 7, 9, 11, 13, 15, 17))]
)
def test_a_network_learns_as_with_torchs_own_operations(
    make_network: Callable[..., ResNet20], few_images: Images, schedule: Schedule
) -> None:
    exact = gradients(make_network(schedule), few_images, "float32")
    plain = gradients(make_network(schedule), few_images, "bfloat16")
    mine = gradients(make_network(schedule), few_images, "bfloat16", fuse=True)
    assert relative(mine["logits"], exact["logits"]) < 2 * ROUNDING[torch.bfloat16]
    # Gradients of deep layers pass many roundings: as near to float32's as torch's own way.
    assert relative(mine["gradients"], exact["gradients"]) < 1.5 * relative(plain["gradients"], exact["gradients"])


@pytest.mark.parametrize("schedule", [PRESETS["dense"], Schedule((1, 3, 5, 7, 9, 11, 13, 15, 17))])
def test_in_float32_a_network_learns_as_nearly_right_as_with_torchs_own_operations(
    make_network: Callable[..., ResNet20], few_images: Images, schedule: Schedule
) -> None:
    exact = gradients(make_network(schedule).double(), few_images, "float32")
    plain, mine = (gradients(make_network(schedule), few_images, "float32", fuse=fuse) for fuse in (False, True))
    assert relative(mine["logits"], exact["logits"]) < 1e-5
    assert relative(mine["gradients"], exact["gradients"]) < 1.5 * relative(plain["gradients"], exact["gradients"])


def gradients(model: ResNet20, images: Images, precision: Precision, *, fuse: bool = False) -> dict[str, Tensor]:
    model = copy.deepcopy(model).to(memory_format=torch.channels_last).train()
    inputs = model.prepare(images.pixels, model.linear.weight.dtype)
    if fuse:
        logits = fused.forward(model, inputs, precision)
    else:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = model(inputs)
    F.cross_entropy(logits if logits.dtype is torch.float64 else logits.float(), images.labels).backward()
    found = [part.grad.flatten() for part in model.parameters() if part.grad is not None]
    assert len(found) == len(list(model.parameters()))
    return {"gradients": torch.cat(found), "logits": logits.detach()}


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_training_goes_on_without_the_kernels(
    make_network: Callable[..., ResNet20], few_images: Images, monkeypatch: pytest.MonkeyPatch, precision: Precision
) -> None:
    monkeypatch.setattr("roboreg_core.training.steps.computed_in", lambda asked, device: asked)
    spec = replace(SPEC, precision=precision, epochs=1)
    start = make_network(PRESETS["aggressive"])
    with_kernels = loop.fit(start, few_images, spec).history[0].loss
    monkeypatch.setattr(fused, "kernels", lambda: None)
    assert loop.fit(start, few_images, spec).history[0].loss == pytest.approx(with_kernels, rel=0.02)


def test_another_process_finds_the_kernels_compiled() -> None:
    compiled = fused.kernels()
    assert compiled is not None
    assert blend._kernels() is not None
    assert convolution._kernels() is not None
    compiled.of(torch.float32)
    told = """
import torch
from roboreg_core import winograd
from roboreg_core.pruning import kernels as pruning
from roboreg_core.training import kernels
others = pruning.gather, pruning.combine, pruning.pull, pruning.attempt, winograd.convolve
print(*(kernel.cache_hits for kernel in (*kernels.of(torch.float32), *others)))
"""
    answer = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert answer.stdout.split() == ["1"] * 9
