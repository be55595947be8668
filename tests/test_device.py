from __future__ import annotations

import resource
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from roboreg_core import device
from roboreg_core.device import (
    choose_device,
    computed_in,
    has_bfloat16,
    keep_freed_memory,
    release_memory,
    working_on,
)
from roboreg_core.errors import SpecError


@pytest.mark.parametrize(
    ("listed", "can"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512dq avx512bw avx512vl avx512_bf16\n", True),
        ("flags\t\t: fpu avx2 avx512f avx512dq avx512bw avx512vl\n", False),
        ("Features\t: fp asimd bf16\n", True),
        ("processor\t: 0\n", False),
        (None, False),
    ],
)
def test_bfloat16_by_what_linux_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str | None, can: bool
) -> None:
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    file = tmp_path / "cpuinfo"
    if listed is not None:
        file.write_text(f"processor\t: 0\n{listed}\n")
    monkeypatch.setattr(device, "CPU_LIST", file)
    assert device.cpu_has_bfloat16.__wrapped__() == can
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    assert not device.cpu_has_bfloat16.__wrapped__()


def seen(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("count", "name", "expected"),
    [(0, "auto", "cpu"), (1, "auto", "cuda"), (1, "cuda", "cuda"), (2, "cuda:1", "cuda:1"), (2, "cpu", "cpu")],
)
def test_a_present_device_is_chosen(monkeypatch: pytest.MonkeyPatch, count: int, name: str, expected: str) -> None:
    seen(monkeypatch, count)
    assert choose_device(name) == torch.device(expected)


@pytest.mark.parametrize(
    ("count", "name", "reason"),
    [
        (0, "cuda", "found no CUDA device; use --device cpu"),
        (1, "cuda:1", "found 1 visible, numbered from cuda:0; see CUDA_VISIBLE_DEVICES"),
        (1, "mps", "device must be auto, cpu or cuda, got 'mps'"),
        (1, "nonsense", "device must be auto, cpu or cuda, got 'nonsense'"),
    ],
)
def test_an_absent_device_is_refused(monkeypatch: pytest.MonkeyPatch, count: int, name: str, reason: str) -> None:
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


def test_a_cpu_needs_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.backends.cudnn.benchmark
    with working_on(torch.device("cpu"), same_shapes=True):
        assert torch.backends.cudnn.benchmark == before


@pytest.mark.parametrize("fast", [True, False])
def test_bfloat16_is_used_if_it_is_native(monkeypatch: pytest.MonkeyPatch, *, fast: bool) -> None:
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: fast)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast and not including_emulation)
    for name in ("cpu", "cuda"):
        on = torch.device(name)
        assert has_bfloat16(on) == fast
        assert computed_in("bfloat16", on) == ("bfloat16" if fast else "float32")
        assert computed_in("float32", on) == "float32"


def test_kept_memory_is_returned_to_the_system() -> None:
    keep_freed_memory()
    held = [torch.ones(2**20) for _ in range(64)]  # 4 MB each: malloc keeps them all when they are freed
    del held
    before = resident()
    release_memory()
    assert before - resident() > 100e6


def resident() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
