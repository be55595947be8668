"""Winograd's transforms give what a convolution gives, to rounding; what they do not suit is torch's."""

from __future__ import annotations

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roboreg_core import convolution
from roboreg_core.convolution import Convolution
from roboreg_core.openmp import sgemm

needs_kernels = pytest.mark.skipif(
    convolution._kernels() is None or sgemm() is None,
    reason="no numba, or a torch without its own OpenMP library or an sgemm to call",
)


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(inputs: int, outputs: int, size: int, n: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images, weight, bias, residual."""
    weight = draw(outputs, inputs, 3, 3, seed=1) / (3 * inputs**0.5)
    x = draw(n, inputs, size, size, seed=0).to(memory_format=torch.channels_last)
    return x, weight, draw(outputs, seed=2), draw(n, outputs, size, size, seed=3)


def expected(
    x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, *, relu: bool, stride: int = 1
) -> Tensor:
    out = F.conv2d(x.double(), weight.double(), bias.double(), stride=stride, padding=1)
    out = out if residual is None else out + residual.double()
    return (out.relu() if relu else out).float()


@needs_kernels
@pytest.mark.parametrize(
    ("inputs", "outputs", "size"), [(64, 64, 8), (37, 61, 8), (16, 64, 8), (33, 32, 16), (47, 17, 4), (16, 16, 32)]
)
@pytest.mark.parametrize("with_residual", [False, True])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_tiles_give_the_convolution(
    inputs: int, outputs: int, size: int, with_residual: bool, relu: bool, threads: int
) -> None:
    x, weight, bias, residual = drawn(inputs, outputs, size)
    conv = Convolution(weight, bias)
    assert conv._by_tiles(x)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = conv(x, residual if with_residual else None, relu=relu)
    finally:
        torch.set_num_threads(before)
    wanted = expected(x, weight, bias, residual if with_residual else None, relu=relu)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)


@needs_kernels
def test_images_in_turns_and_laid_out_otherwise_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias, residual = drawn(40, 48, 8, n=11)
    conv = Convolution(weight, bias)
    whole = conv(x, residual, relu=True)
    monkeypatch.setattr(convolution, "SCRATCH", 3 * 36 * 4 * (40 + 48))
    torch.testing.assert_close(conv(x.contiguous(), residual, relu=True), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(conv(x[3:5], residual[3:5], relu=True), whole[3:5], atol=1e-5, rtol=0)


@needs_kernels
def test_what_is_no_number_stays_none() -> None:
    x, weight, bias, _ = drawn(64, 64, 8)
    x[1, 5, 2, 2] = float("nan")
    found = Convolution(weight, bias)(x, relu=True)
    assert found[1, :, 1:4, 1:4].isnan().all()
    assert not found[[0, 2, 3, 4]].isnan().any()


@needs_kernels
def test_modes_and_threads_do_not_disturb_each_other() -> None:
    x, weight, bias, _ = drawn(64, 48, 8)
    conv, found = Convolution(weight, bias), []
    with torch.inference_mode():
        wanted = conv(x).clone()
    x.requires_grad_()

    def work() -> None:
        found.extend(conv(x) for _ in range(20))

    several = [threading.Thread(target=work) for _ in range(3)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    assert len(found) == 60
    assert all(torch.equal(each, wanted) and not each.requires_grad for each in found)


@pytest.mark.parametrize(
    ("inputs", "outputs", "size", "stride"),
    [(12, 64, 8, 1), (64, 15, 8, 1), (64, 64, 6, 1), (64, 64, 8, 2)],
)
def test_what_tiles_do_not_suit_is_computed_by_torch(inputs: int, outputs: int, size: int, stride: int) -> None:
    x, weight, bias, _ = drawn(inputs, outputs, size)
    conv = Convolution(weight, bias, stride)
    assert not conv._by_tiles(x)
    wanted = expected(x, weight, bias, None, relu=True, stride=stride)
    torch.testing.assert_close(conv(x, relu=True), wanted, atol=1e-5, rtol=1e-5)


def test_other_types_and_machines_without_the_kernels_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias, residual = drawn(64, 64, 8)
    double = Convolution(weight.double(), bias.double())(x.double(), residual.double())
    assert double.dtype is torch.float64
    for missing in ("_kernels", "sgemm"):
        with monkeypatch.context() as without:
            without.setattr(convolution, missing, lambda: None)
            found = Convolution(weight, bias)(x, residual)
        torch.testing.assert_close(found, double.float(), atol=1e-5, rtol=1e-5)


def test_a_layer_gives_its_convolution() -> None:
    layer = nn.Conv2d(32, 48, 3, stride=2, padding=1)
    x = draw(2, 32, 8, 8, seed=0)
    torch.testing.assert_close(Convolution.of(layer)(x), layer(x).detach(), atol=1e-5, rtol=1e-5)


@needs_kernels
def test_torchs_profiler_hears_of_kernels() -> None:
    x, weight, bias, _ = drawn(16, 16, 8)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
        Convolution(weight, bias)(x)
    assert "kernel convolve" in {event.key for event in found.key_averages()}
