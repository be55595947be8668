from __future__ import annotations

import resource
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from roboreg_core.device import (
    choose_device,
    computed_in,
    give_back_memory,
    has_bfloat16,
    keep_freed_memory,
    working_on,
)
from roboreg_core.errors import SpecError


def seen(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("count", "name", "expected"),
    [(0, "auto", "cpu"), (1, "auto", "cuda"), (1, "cuda", "cuda"), (2, "cuda:1", "cuda:1"), (2, "cpu", "cpu")],
)
def test_a_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch, count: int, name: str, expected: str) -> None:
    seen(monkeypatch, count)
    assert choose_device(name) == torch.device(expected)


@pytest.mark.parametrize(
    ("count", "name", "reason"),
    [
        (0, "cuda", "found no CUDA device; use --device cpu"),
        (1, "cuda:1", "found 1 that this process may see, counted from cuda:0; see CUDA_VISIBLE_DEVICES"),
        (1, "mps", "device must be auto, cpu or cuda, got 'mps'"),
        (1, "nonsense", "device must be auto, cpu or cuda, got 'nonsense'"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, count: int, name: str, reason: str
) -> None:
    seen(monkeypatch, count)
    with pytest.raises(SpecError, match=reason):
        choose_device(name)


def test_settings_of_a_gpu_end_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    before = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32
    with working_on(torch.device("cuda"), same_shapes=True):
        assert torch.backends.cudnn.benchmark
        assert not torch.backends.cudnn.allow_tf32
    assert (torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32) == before


def test_a_cpu_needs_no_settings() -> None:
    before = torch.backends.cudnn.benchmark
    with working_on(torch.device("cpu"), same_shapes=True):
        assert torch.backends.cudnn.benchmark == before


@pytest.mark.parametrize("fast", [True, False])
def test_bfloat16_is_computed_in_where_it_is_fast(monkeypatch: pytest.MonkeyPatch, *, fast: bool) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: fast)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast and not including_emulation)
    for name in ("cpu", "cuda"):
        device = torch.device(name)
        assert has_bfloat16(device) == fast
        assert computed_in("bfloat16", device) == ("bfloat16" if fast else "float32")
        assert computed_in("float32", device) == "float32"


def test_memory_that_was_kept_is_given_back() -> None:
    keep_freed_memory()
    held = [torch.ones(2**20) for _ in range(64)]  # 4 MB each: malloc keeps them all when they are freed
    del held
    before = resident()
    give_back_memory()
    assert before - resident() > 100e6


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
