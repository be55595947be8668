"""Choice of the device and precision, memory settings, and the environment stored in records."""

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
    """The torch device `name`: `cpu`, `cuda`, `cuda:1` ..., or `auto` for a CUDA device if present, else the CPU.

    Raises `SpecError`: the device is unknown or absent.
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
            f"device {name} must be present, found {torch.cuda.device_count()} visible, numbered from cuda:0; see "
            "CUDA_VISIBLE_DEVICES"
        )
    return device


@contextmanager
def working_on(device: torch.device, *, same_shapes: bool = False) -> Iterator[None]:
    """Context manager with settings of torch for computation on `device`.

    On a CPU, freed memory is kept for later allocations, also after the context. On a GPU, float32 convolutions do not
    use TF32, because results are reported as float32; `same_shapes` (all batches have the same shape) enables cuDNN's
    benchmark mode.
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
    """Set glibc's malloc to keep freed memory for later allocations; return False without glibc.

    Each batch of a forward pass frees and allocates a few hundred MB. By default malloc returns this memory to the
    system; the page faults of the next allocation then take a tenth of a sweep's time on two cores.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, LARGEST_TRIM)) and bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP))


def release_memory() -> bool:
    """Return freed memory from malloc to the system; return False if there was none."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))


def has_bfloat16(device: torch.device) -> bool:
    """True if `device` computes bfloat16 natively; emulation on a CPU is 10 to 20 times slower."""
    if device.type == "cuda":
        import torch

        return torch.cuda.is_bf16_supported(including_emulation=False)
    return cpu_has_bfloat16()


@lru_cache(maxsize=1)
def cpu_has_bfloat16() -> bool:
    """True if this CPU has bfloat16 instructions (extensions of AVX-512, AMX or Arm) according to `/proc/cpuinfo`.

    False without that file, or if `ATEN_CPU_CAPABILITY` or `ONEDNN_MAX_CPU_ISA` limits the instruction set. With plain
    AVX-512 oneDNN converts to float32 and back, at half the speed of float32. Does not import torch.
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
    """The precision used on `device` if `precision` is requested: float32 where bfloat16 would be emulated."""
    return "bfloat16" if precision == "bfloat16" and has_bfloat16(device) else "float32"


def environment(device: torch.device) -> dict[str, Any]:
    """JSON object for records of measurements: names of device and machine, number of threads, and versions.

    Keys: `device`, `threads`, `machine`, `python`, `torch`, `roboreg`.
    """
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
    """Name of the GPU, or `CPU`."""
    import torch

    device = torch.device(device)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
