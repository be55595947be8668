from __future__ import annotations

import ctypes
import resource
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from roboreg_core import device
from roboreg_core.device import (
    choose_device,
    computed_in,
    give_back_memory,
    has_bfloat16,
    keep_freed_memory,
    working_on,
)
from roboreg_core.errors import SpecError
from roboreg_core.paths import PROJECT


@pytest.mark.skipif(not device.CPU_LIST.exists(), reason="this system has no list of what its CPU can do")
def test_what_linux_says_of_bfloat16_is_what_torch_says() -> None:
    assert device.cpu_has_bfloat16() == has_bfloat16(torch.device("cpu"))


@pytest.mark.parametrize(
    ("listed", "can"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512dq avx512bw avx512vl\n", True),
        ("flags\t\t: fpu avx2 avx512f\n", False),
        ("Features\t: fp asimd bf16\n", True),
        ("processor\t: 0\n", False),
        (None, False),
    ],
)
def test_bfloat16_by_what_linux_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str | None, can: bool
) -> None:
    file = tmp_path / "cpuinfo"
    if listed is not None:
        file.write_text(f"processor\t: 0\n{listed}\n")
    monkeypatch.setattr(device, "CPU_LIST", file)
    assert device.cpu_has_bfloat16.__wrapped__() == can


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


def test_a_cpu_needs_no_settings_but_huge_pages_for_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    before, asked = torch.backends.cudnn.benchmark, []
    monkeypatch.setattr(device, "reserve_huge_pages", lambda: asked.append(True))
    with working_on(torch.device("cpu")):
        assert not asked
    with working_on(torch.device("cpu"), same_shapes=True):
        assert torch.backends.cudnn.benchmark == before
    assert asked == [True]


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


def test_a_training_works_on_huge_pages() -> None:
    told = """
import torch
from roboreg_core.device import RESERVED, give_back_memory, keep_freed_memory, reserve_huge_pages
def asked():  # bytes for which huge pages were asked for
    areas, sizes = open("/proc/self/smaps").read().split("VmFlags:"), []
    for area, following in zip(areas, areas[1:]):
        size = next(line for line in area.splitlines() if line.startswith("Size:"))
        sizes.append(int(size.split()[1]) * 1024 if " hg" in following.splitlines()[0] else 0)
    return sum(sizes)
keep_freed_memory()
del (much := [torch.ones(2**22) for _ in range(64)])[:]  # a gigabyte that lies free
reserved = reserve_huge_pages()
held = [torch.ones(2**20) for _ in range(64)]
behind = torch.ones(2**20)  # what is freed before it stays with malloc, in between
del held
first = asked()
give_back_memory()
print(reserved, first >= RESERVED - 2**21, asked() < RESERVED / 2, reserve_huge_pages(), asked() >= RESERVED - 2**21)
"""
    if not Path("/sys/kernel/mm/transparent_hugepage").exists() or not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("no glibc, or a system without huge pages")
    answer = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert answer.stdout.split() == ["True"] * 5


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
