"""Which device work runs on, and what a record says about the machine."""

from __future__ import annotations

import ctypes
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

# glibc's names for its own limits (mallopt(3)), the largest values that it takes, and one that it has by itself.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
LARGEST_TRIM, LARGEST_MMAP, USUAL_PAD = 2**31 - 1, 2**25, 2**17
# Asked of the system at once, to lie on pages of 2 MB (madvise(2)). Less than what malloc would hand back.
RESERVED = 3 * 2**29
MADV_HUGEPAGE, HUGE_PAGE = 14, 2**21


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
    """Settings that work on `device` wants while it lasts.

    A CPU keeps the memory that it frees. On a GPU float32 convolutions are float32, not TF32 as torch has it, since
    figures call themselves so. With `same_shapes`, for the same work many times over, memory of a CPU lies on huge
    pages, and cuDNN tries its kernels at the first batch and keeps the fastest.
    """
    import torch

    if device.type == "cpu":
        keep_freed_memory()
        if same_shapes:
            reserve_huge_pages()
        yield
        return
    with torch.cuda.device(device), torch.backends.cudnn.flags(enabled=True, benchmark=same_shapes, allow_tf32=False):
        yield


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Tell glibc's malloc to keep what this process frees; returns whether it will (False with another C library).

    A training step frees and asks for the same few hundred MB again and again. Handed back to the system in between,
    every page of them is a page fault in the next step: 10 to 15 % of its time on two CPU cores.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, LARGEST_TRIM)) and bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP))


@lru_cache(maxsize=1)
def reserve_huge_pages() -> bool:
    """Have malloc take `RESERVED` bytes of addresses at once, to lie on pages of 2 MB; returns whether they will.

    A training step goes through the same few hundred MB again and again, and on small pages their addresses do not
    stay in the processor's table: 6 to 9 % of its time. Work that goes once through much memory is better off without,
    since a huge page is cleared whole. Threads have a share where malloc has one arena for all.
    """
    libc = ctypes.CDLL(None)
    needed = ("malloc", "free", "malloc_trim", "sbrk", "madvise")
    if not (keep_freed_memory() and all(hasattr(libc, name) for name in needed)):
        return False
    libc.sbrk.restype, libc.sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    # What was kept so far lies on small pages and would be handed out first, and both together handed back.
    libc.malloc_trim(0)
    libc.mallopt(M_TOP_PAD, RESERVED)
    start, block = libc.sbrk(0), LARGEST_MMAP // 2
    held: list[int | None] = []
    # What lies free in between is handed out first.
    while libc.sbrk(0) == start and len(held) * block < LARGEST_TRIM:
        held.append(libc.malloc(block))
    for each in held:
        libc.free(each)
    end = libc.sbrk(0)
    libc.mallopt(M_TOP_PAD, USUAL_PAD)
    first = -(-start // HUGE_PAGE) * HUGE_PAGE
    return end > first and libc.madvise(first, end - first, MADV_HUGEPAGE) == 0


def give_back_memory() -> bool:
    """Hand what malloc kept for later to the system, where this process is done with it; returns whether it could."""
    reserve_huge_pages.cache_clear()  # for the next work: what was reserved goes as well
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))


def has_bfloat16(device: torch.device) -> bool:
    """Whether work in bfloat16 is fast on `device`; elsewhere it is emulated, on a CPU ten to twenty times slower.

    A CPU needs kernels of oneDNN's for it, which want AVX-512 or Arm's extension; a GPU an Ampere or newer.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    told = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return torch.backends.mkldnn.is_available() and told is not None and bool(told())


@lru_cache(maxsize=1)
def cpu_has_bfloat16() -> bool:
    """The same of the CPU, without torch: by what Linux says that it can do. False where there is no such list."""
    try:
        listed = re.search(r"^(?:flags|Features)\s*:(.*)$", CPU_LIST.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return False
    able = set(listed[1].split()) if listed else set()
    return able >= {"avx512f", "avx512bw", "avx512dq", "avx512vl"} or "bf16" in able


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
