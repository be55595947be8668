"""Runs compiled kernels on the threads of torch's own OpenMP library: a second pool would fight it for the cores.

A kernel is a C function of one argument, an array of int64 that holds counts and addresses of tensors. Each thread runs
it whole and draws its parts with `intrinsics.following`.
"""

from __future__ import annotations

import ctypes
from contextlib import nullcontext
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd import profiler

N_ARGUMENTS = 20
# Places of a kernel's arguments: counts, then addresses. 0 stands for a tensor that is not there.
TICKET, DONE, PARTS, ROWS, LENGTH, CHANNELS = range(6)
POINTERS = 6
# float32 numbers in a page of memory. What threads keep writing lies this far apart: a core that writes takes the line
# from its neighbour, and cores fetch ahead up to the end of a page.
PAGE = 1024


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The OpenMP library that torch brings. Raises `OSError` where it brings none."""
    found = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libgomp.so.1"))
    found.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    found.GOMP_parallel.restype = None
    return found


@cache
def kernels(module: str) -> ModuleType | None:
    """A module of compiled kernels; None where numba or torch's OpenMP library is not there, and torch has to do."""
    try:
        library()
        return import_module(module)
    except (ImportError, OSError, RuntimeError):
        return None


@cache
def sgemm() -> int | None:
    """Where BLAS's float32 matrix product lies that torch computes with, for kernels; None where torch shows none.

    It is MKL's, which works on the one thread that calls it from within a kernel.
    """
    found = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    return ctypes.cast(found.SGEMM, ctypes.c_void_p).value if hasattr(found, "SGEMM") else None


def launch(kernel: Any, threads: int, rows: int, length: int, channels: int, *pointers: int) -> None:
    """Run a kernel on torch's threads and wait for it; what the counts stand for is the kernel's to say.

    Where torch's profiler listens, it hears of it by the kernel's name.
    """
    arguments = (ctypes.c_int64 * N_ARGUMENTS)(0, 0, threads, rows, length, channels, *pointers)
    listened = profiler._is_profiler_enabled
    with profiler.record_function(f"kernel {kernel.__name__}") if listened else nullcontext():
        library().GOMP_parallel(kernel.address, arguments, threads, 0)


def addresses(*tensors: Tensor | None) -> list[int]:
    """Where each begins in memory, 0 for one that is not there."""
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]
