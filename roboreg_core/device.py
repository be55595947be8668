"""Which device work runs on, and what a record says about the machine."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from roboreg_core import __version__
from roboreg_core.errors import SpecError

if TYPE_CHECKING:
    import torch

Precision = Literal["bfloat16", "float32"]

CPU_LIST = Path("/proc/cpuinfo")

# Parameters of glibc's mallopt(3) and the largest values that it accepts.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_TRIM, LARGEST_MMAP = 2**31 - 1, 2**25


def choose_device(name: str = "auto") -> torch.device:
    """`auto` takes a CUDA device where there is one, else the CPU; any other name is torch's own.

    Raises `SpecError` where the device is unknown or absent.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SpecError(f"device must be auto, cpu or cuda, got {name!r}") from None
    if device.type not in ("cpu", "cuda"):
        raise SpecError(f"device must be auto, cpu or cuda, got {name!r}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SpecError(f"device {name} must be present, found no CUDA device; use --device cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SpecError(
            f"device {name} must be present, found {torch.cuda.device_count()} that this process may see, counted "
            f"from cuda:0; see CUDA_VISIBLE_DEVICES"
        )
    return device


@contextmanager
def working_on(device: torch.device, *, same_shapes: bool = False) -> Iterator[None]:
    """Context with the settings for work on `device`.

    On a CPU freed memory is kept for later allocations. On a GPU float32 convolutions do not use TF32, since figures
    are reported as float32; with `same_shapes` cuDNN benchmarks its kernels at the first batch and keeps the fastest.
    """
    import torch

    if device.type == "cpu":
        keep_freed_memory()
        yield
        return
    with torch.cuda.device(device), torch.backends.cudnn.flags(enabled=True, benchmark=same_shapes, allow_tf32=False):
        yield


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Set glibc's malloc to keep freed memory for later allocations; return whether it is set (glibc alone has it).

    A forward pass frees and allocates the same few hundred MB at every batch. Returned to the system in between, each
    page of them is a page fault of the next batch: a tenth of a sweep's time on two cores.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, LARGEST_TRIM)) and bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP))


def give_back_memory() -> bool:
    """Return freed memory that malloc kept to the system; return whether there was any."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is computed natively on `device`; elsewhere it is emulated, on a CPU 10 to 20 times slower."""
    if device.type == "cuda":
        import torch

        return torch.cuda.is_bf16_supported(including_emulation=False)
    return cpu_has_bfloat16()


@lru_cache(maxsize=1)
def cpu_has_bfloat16() -> bool:
    """Whether this CPU has bfloat16 instructions: AVX-512's, AMX's or Arm's bfloat16 extension.

    With plain AVX-512 oneDNN converts to float32 and back, at half of float32's speed. Read from Linux's list of CPU
    features, without torch; False on systems without that list, and where `ATEN_CPU_CAPABILITY` or
    `ONEDNN_MAX_CPU_ISA` limits the instruction set.
    """
    if os.environ.get("ATEN_CPU_CAPABILITY", "").lower() in ("default", "avx2") or "ONEDNN_MAX_CPU_ISA" in os.environ:
        return False
    try:
        listed = re.search(r"^(?:flags|Features)\s*:(.*)$", CPU_LIST.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return False
    features = set(listed[1].split()) if listed else set()
    return not features.isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})


def computed_in(precision: Precision, device: torch.device) -> Precision:
    """The precision in which work that may be done in `precision` is done: float32 where bfloat16 would be slower."""
    return "bfloat16" if precision == "bfloat16" and has_bfloat16(device) else "float32"


def environment(device: torch.device) -> dict[str, Any]:
    """What a measured figure depends on beside its own settings: device, threads, versions."""
    import torch

    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "roboreg": __version__,
    }


def device_name(device: torch.device | str) -> str:
    """A name for people: the card's, or `CPU`."""
    import torch

    device = torch.device(device)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
