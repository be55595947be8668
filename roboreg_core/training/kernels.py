"""Batch norm, ReLU and the residual sum as one pass over memory, for bfloat16 and float32 activations on a CPU.

Off a GPU a training step is bound by memory, and torch reads and writes each activation once for every one of these
operations. numba compiles the kernels; they run on torch's own OpenMP threads, since a second pool of threads would
fight the first for the cores.

Activations are seen as `rows` of `length` numbers, a whole number of pixels each: with channels last a number's place
in its row says its channel. bfloat16 is the upper half of a float32, so 16 bits are shifted up to be read.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

# Long enough that a compiled loop over a row runs at full speed, short enough that its sums stay in the cache.
MIN_LENGTH = 256
N_ARGUMENTS = 20
# Places of a kernel's arguments, all of them int64: counts, then addresses. 0 stands for a tensor that is not there.
TICKET, DONE, PARTS, ROWS, LENGTH, CHANNELS = range(6)
POINTERS = 6


@intrinsic
def _halves(context: Any, address: Any) -> Any:
    """An address as a pointer to 16-bit numbers."""
    return types.CPointer(types.uint16)(types.int64), _pointer(ir.IntType(16))


@intrinsic
def _floats(context: Any, address: Any) -> Any:
    """An address as a pointer to float32."""
    return types.CPointer(types.float32)(types.int64), _pointer(ir.FloatType())


@intrinsic
def _doubles(context: Any, address: Any) -> Any:
    """An address as a pointer to float64."""
    return types.CPointer(types.float64)(types.int64), _pointer(ir.DoubleType())


def _pointer(kind: Any) -> Any:
    return lambda context, builder, signature, values: builder.inttoptr(values[0], kind.as_pointer())


@intrinsic
def _next(context: Any, counter: Any, place: Any) -> Any:
    """Count one up atomically and return what was there: gives each thread its part, and tells which one was last."""

    def generate(c: Any, builder: Any, s: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", builder.gep(values[0], [values[1]]), ir.Constant(ir.IntType(64), 1), "acq_rel")

    return types.int64(types.CPointer(types.int64), types.int64), generate


@intrinsic
def _read(context: Any, stored: Any) -> Any:
    """A number as it lies in memory, float32 or the upper half of one, as a float."""

    def whole(c: Any, builder: Any, s: Any, values: Any) -> Any:
        return values[0]

    def half(c: Any, builder: Any, s: Any, values: Any) -> Any:
        bits = builder.shl(builder.zext(values[0], _BITS), _BITS(16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(stored), whole if isinstance(stored, types.Float) else half


@intrinsic
def _write(context: Any, value: Any, like: Any) -> Any:
    """A float as it is stored in an array that holds `like`: as it is, or the nearest bfloat16, ties to even."""

    def whole(c: Any, builder: Any, s: Any, values: Any) -> Any:
        return values[0]

    def half(c: Any, builder: Any, s: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], _BITS)
        odd = builder.and_(builder.lshr(bits, _BITS(16)), _BITS(1))
        rounded = builder.add(builder.add(bits, _BITS(0x7FFF)), odd)
        return builder.trunc(builder.lshr(rounded, _BITS(16)), ir.IntType(16))

    return like(types.float32, like), whole if isinstance(like, types.Float) else half


_BITS = ir.IntType(32)
_FAST = {"contract", "nsz", "reassoc"}
_kernel = cfunc(types.void(types.CPointer(types.int64)), fastmath=_FAST, cache=True)
_body = njit(fastmath=_FAST, cache=True)


@_body
def _forward_sums(args: Any, x: Any) -> None:
    """Statistics of a batch: 0 x, 1 sums, 2 gamma, 3 beta, 4 running mean, 5 running var, 6 settings, 7 out.

    `sums` (parts, 2, length) is scratch. `settings`, float64, holds momentum and eps. `out` (4, length) gets scale,
    shift, mean and inverse deviation of each number's channel; the running statistics move by momentum.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, length, channels = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    sums = carray(_floats(a[POINTERS + 1]), parts * 2 * length)
    running_mean = carray(_floats(a[POINTERS + 4]), channels)
    # Sums of squares lose digits where a channel's mean is far from zero; the running mean is near it.
    guess = np.empty(length, np.float32)
    for i in range(length):
        guess[i] = running_mean[i % channels]
    while True:
        part = _next(args, TICKET)
        if part >= parts:
            return
        first = sums[2 * part * length : (2 * part + 1) * length]
        second = sums[(2 * part + 1) * length : (2 * part + 2) * length]
        first[:] = 0
        second[:] = 0
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            x_row = x[row * length : (row + 1) * length]
            for i in range(length):
                value = _read(x_row[i]) - guess[i]
                first[i] += value
                second[i] += value * value
        if _next(args, DONE) == parts - 1:
            break
    gamma = carray(_floats(a[POINTERS + 2]), channels)
    beta = carray(_floats(a[POINTERS + 3]), channels)
    running_var = carray(_floats(a[POINTERS + 5]), channels)
    settings = carray(_doubles(a[POINTERS + 6]), 2)
    out = carray(_floats(a[POINTERS + 7]), 4 * length)
    count = rows * length // channels
    for channel in range(channels):
        total, squares = 0.0, 0.0
        for part in range(parts):
            for i in range(channel, length, channels):
                total += sums[2 * part * length + i]
                squares += sums[(2 * part + 1) * length + i]
        off = total / count
        mean = guess[channel] + off
        var = max(squares / count - off * off, 0.0)
        inverse = 1 / np.sqrt(var + settings[1])
        running_mean[channel] += settings[0] * (mean - running_mean[channel])
        running_var[channel] += settings[0] * (var * count / max(count - 1, 1) - running_var[channel])
        for i in range(channel, length, channels):
            out[i] = gamma[channel] * inverse
            out[length + i] = beta[channel] - mean * gamma[channel] * inverse
            out[2 * length + i] = mean
            out[3 * length + i] = inverse


@_body
def _forward_apply(args: Any, x: Any, residual: Any, y: Any) -> None:
    """y = relu(scale * x + shift + residual): 0 x, 1 what `forward_sums` gave, 2 residual or 0, 3 y."""
    a = carray(args, N_ARGUMENTS)
    parts, rows, length = a[PARTS], a[ROWS], a[LENGTH]
    scale = carray(_floats(a[POINTERS + 1]), 2 * length)[:length]
    shift = carray(_floats(a[POINTERS + 1]), 2 * length)[length:]
    zero = np.float32(0)
    while True:
        part = _next(args, TICKET)
        if part >= parts:
            return
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            x_row = x[row * length : (row + 1) * length]
            y_row = y[row * length : (row + 1) * length]
            if a[POINTERS + 2] == 0:
                for i in range(length):
                    y_row[i] = _write(max(_read(x_row[i]) * scale[i] + shift[i], zero), y_row[i])
            else:
                residual_row = residual[row * length : (row + 1) * length]
                for i in range(length):
                    total = _read(x_row[i]) * scale[i] + shift[i] + _read(residual_row[i])
                    y_row[i] = _write(max(total, zero), y_row[i])


@_body
def _backward_sums(args: Any, x: Any, y: Any, dy: Any, second_dy: Any) -> None:
    """Gradients of gamma and beta: 0 x, 1 y or 0, 2 dy, 3 second dy or 0, 4 sums, 5 out of `forward_sums`, 6 out, 7 d.

    dy is changed in place into the gradient behind the ReLU. Without y, as may be where no residual and no second dy
    is, it is left alone and the ReLU done again. `out` (3, length) gets what `backward_apply` needs, `d` (2, channels)
    the gradients of gamma and beta.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, length, channels = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    sums = carray(_floats(a[POINTERS + 4]), parts * 2 * length)
    known = carray(_floats(a[POINTERS + 5]), 4 * length)
    scale, shift, mean = known[:length], known[length : 2 * length], known[2 * length : 3 * length]
    while True:
        part = _next(args, TICKET)
        if part >= parts:
            return
        first = sums[2 * part * length : (2 * part + 1) * length]
        second = sums[(2 * part + 1) * length : (2 * part + 2) * length]
        first[:] = 0
        second[:] = 0
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            x_row = x[row * length : (row + 1) * length]
            dy_row = dy[row * length : (row + 1) * length]
            if a[POINTERS + 1] == 0:
                for i in range(length):
                    value = _read(x_row[i])
                    gradient = _read(dy_row[i]) if value * scale[i] + shift[i] > 0 else np.float32(0)
                    first[i] += gradient
                    second[i] += gradient * (value - mean[i])
                continue
            y_row = y[row * length : (row + 1) * length]
            if a[POINTERS + 3] == 0:
                for i in range(length):
                    dy_row[i] = dy_row[i] if y_row[i] != 0 else _write(np.float32(0), dy_row[i])
            else:
                second_row = second_dy[row * length : (row + 1) * length]
                for i in range(length):
                    both = _read(dy_row[i]) + _read(second_row[i])
                    dy_row[i] = _write(both if y_row[i] != 0 else np.float32(0), dy_row[i])
            for i in range(length):
                gradient = _read(dy_row[i])
                first[i] += gradient
                second[i] += gradient * (_read(x_row[i]) - mean[i])
        if _next(args, DONE) == parts - 1:
            break
    out = carray(_floats(a[POINTERS + 6]), 3 * length)
    d = carray(_floats(a[POINTERS + 7]), 2 * channels)
    count = rows * length // channels
    for channel in range(channels):
        d_beta, with_x = 0.0, 0.0
        for part in range(parts):
            for i in range(channel, length, channels):
                d_beta += sums[2 * part * length + i]
                with_x += sums[(2 * part + 1) * length + i]
        inverse = np.float64(known[3 * length + channel])
        d_gamma = with_x * inverse
        d[channel] = d_gamma
        d[channels + channel] = d_beta
        # dx = scale * (g - mean of g - normalised x * mean of g with normalised x), as a sum of three terms.
        factor = np.float64(known[channel])
        slope = -factor * inverse * d_gamma / count
        for i in range(channel, length, channels):
            out[i] = factor
            out[length + i] = slope
            out[2 * length + i] = -factor * d_beta / count - slope * known[2 * length + channel]


@_body
def _backward_apply(args: Any, x: Any, g: Any, dx: Any) -> None:
    """dx = first * g + second * x + third: 0 x, 1 g, 2 what `backward_sums` gave, 3 dx or 0, 4 out of `forward_sums`.

    dx is other memory than g. Without it, dx takes the place of g, which is dy itself: the ReLU is done again.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, length = a[PARTS], a[ROWS], a[LENGTH]
    terms = carray(_floats(a[POINTERS + 2]), 3 * length)
    first, second, third = terms[:length], terms[length : 2 * length], terms[2 * length :]
    known = carray(_floats(a[POINTERS + 4]), 4 * length)
    scale, shift = known[:length], known[length : 2 * length]
    while True:
        part = _next(args, TICKET)
        if part >= parts:
            return
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            x_row = x[row * length : (row + 1) * length]
            g_row = g[row * length : (row + 1) * length]
            if a[POINTERS + 3] != 0:
                dx_row = dx[row * length : (row + 1) * length]
                for i in range(length):
                    value = _read(g_row[i]) * first[i] + _read(x_row[i]) * second[i] + third[i]
                    dx_row[i] = _write(value, dx_row[i])
            else:
                for i in range(length):
                    value = _read(x_row[i])
                    gradient = _read(g_row[i]) if value * scale[i] + shift[i] > 0 else np.float32(0)
                    g_row[i] = _write(gradient * first[i] + value * second[i] + third[i], g_row[i])


class Kernels(NamedTuple):
    """The four kernels for activations of one type."""

    forward_sums: Any
    forward_apply: Any
    backward_sums: Any
    backward_apply: Any


@lru_cache(maxsize=2)
def of(dtype: torch.dtype) -> Kernels:
    """The bodies above for activations of `dtype`, bfloat16 or float32; compiled when first asked for."""
    pointer = {torch.bfloat16: _halves, torch.float32: _floats}[dtype]

    @_kernel
    def forward_sums(args: Any) -> None:
        a = carray(args, N_ARGUMENTS)
        _forward_sums(args, carray(pointer(a[POINTERS]), a[ROWS] * a[LENGTH]))

    @_kernel
    def forward_apply(args: Any) -> None:
        a = carray(args, N_ARGUMENTS)
        size = a[ROWS] * a[LENGTH]
        x, residual, y = pointer(a[POINTERS]), pointer(a[POINTERS + 2]), pointer(a[POINTERS + 3])
        _forward_apply(args, carray(x, size), carray(residual, size), carray(y, size))

    @_kernel
    def backward_sums(args: Any) -> None:
        a = carray(args, N_ARGUMENTS)
        size = a[ROWS] * a[LENGTH]
        x, y = carray(pointer(a[POINTERS]), size), carray(pointer(a[POINTERS + 1]), size)
        dy, second_dy = carray(pointer(a[POINTERS + 2]), size), carray(pointer(a[POINTERS + 3]), size)
        _backward_sums(args, x, y, dy, second_dy)

    @_kernel
    def backward_apply(args: Any) -> None:
        a = carray(args, N_ARGUMENTS)
        size = a[ROWS] * a[LENGTH]
        x, g, dx = pointer(a[POINTERS]), pointer(a[POINTERS + 1]), pointer(a[POINTERS + 3])
        _backward_apply(args, carray(x, size), carray(g, size), carray(dx, size))

    return Kernels(forward_sums, forward_apply, backward_sums, backward_apply)


def _torch_threads() -> Any:
    """The function that runs another on the threads of the OpenMP library that torch brings."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libgomp.so.1"))
    parallel = library.GOMP_parallel
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    return parallel


_parallel = _torch_threads()


def row_length(n_numbers: int, channels: int) -> int:
    """Numbers in a row: pixels enough for `MIN_LENGTH`, a power of two of them that divides all there are."""
    pixels, each = n_numbers // channels, 1
    while each * channels < MIN_LENGTH and pixels % (2 * each) == 0:
        each *= 2
    return each * channels


def launch(kernel: Any, threads: int, rows: int, length: int, channels: int, *addresses: int) -> None:
    """Run a kernel on torch's threads and wait for it."""
    arguments = (ctypes.c_int64 * N_ARGUMENTS)(0, 0, threads, rows, length, channels, *addresses)
    _parallel(kernel.address, arguments, threads, 0)
