"""Batch norm, ReLU and the residual sum as one pass over memory, for bfloat16 and float32 activations on a CPU.

Off a GPU a training step is bound by memory, and torch reads and writes each activation once for every one of these
operations.

Activations are seen as `rows` of `length` numbers, a whole number of pixels each: with channels last a number's place
in its row says its channel. bfloat16 is the upper half of a float32, so 16 bits are shifted up to be read.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import carray

from roboreg_core.intrinsics import body, doubles, floats, following, kernel, numbers, read, write
from roboreg_core.openmp import CHANNELS, DONE, LENGTH, N_ARGUMENTS, PAGE, PARTS, POINTERS, ROWS, TICKET

# Long enough that a compiled loop over a row runs at full speed, short enough that its sums stay in the cache.
MIN_LENGTH = 256


@body
def _own_sums(sums: Any, part: int, length: int) -> tuple[Any, Any]:
    """A part's two sums: they lie a page from all others', so that no thread's writing takes a line from another."""
    start = part * (2 * length + PAGE)
    return sums[start : start + length], sums[start + length : start + 2 * length]


@body
def _add_moments(x: Any, guess: Any, first: Any, second: Any) -> None:
    """Add what is over `guess` in all rows of x to `first`, and its squares to `second`; two rows at once."""
    n = len(guess)
    odd = len(x) // n % 2 * n
    for i in range(odd):
        value = read(x[i]) - guess[i]
        first[i] += value
        second[i] += value * value
    for at in range(odd, len(x), 2 * n):
        row, other_row = x[at : at + n], x[at + n : at + 2 * n]
        for i in range(n):
            value, other = read(row[i]) - guess[i], read(other_row[i]) - guess[i]
            first[i] += value + other
            second[i] += value * value + other * other


@body
def _mask(dy: Any, y: Any, second_dy: Any, has_second: bool) -> None:
    """dy becomes the gradient behind the ReLU that gave y, the second gradient added where there is one."""
    if has_second:
        for i in range(len(dy)):
            both = read(dy[i]) + read(second_dy[i])
            dy[i] = write(both if y[i] != 0 else np.float32(0), dy[i])
    else:
        for i in range(len(dy)):
            dy[i] = dy[i] if y[i] != 0 else write(np.float32(0), dy[i])


@body
def _add_gradients(x: Any, dy: Any, gate: Any, mean: Any, first: Any, second: Any) -> None:
    """Add the gradients of one row or two to `first`, and to `second` those times what x is over the mean.

    `gate` (2, n) lets a gradient through where gate[0] * x + gate[1] is above zero.
    """
    n = len(mean)
    slope, offset, zero = gate[:n], gate[n:], np.float32(0)
    if len(x) == n:
        for i in range(n):
            value = read(x[i])
            gradient = read(dy[i]) if value * slope[i] + offset[i] > 0 else zero
            first[i] += gradient
            second[i] += gradient * (value - mean[i])
        return
    x_row, x_other, dy_row, dy_other = x[:n], x[n:], dy[:n], dy[n:]
    for i in range(n):
        value, other = read(x_row[i]), read(x_other[i])
        gradient = read(dy_row[i]) if value * slope[i] + offset[i] > 0 else zero
        behind = read(dy_other[i]) if other * slope[i] + offset[i] > 0 else zero
        first[i] += gradient + behind
        second[i] += gradient * (value - mean[i]) + behind * (other - mean[i])


@body
def _forward_sums(args: Any, x: Any) -> None:
    """Statistics of a batch: 0 x, 1 sums, 2 gamma, 3 beta, 4 running mean, 5 running var, 6 settings, 7 out.

    `sums` (parts, 2 * length + `PAGE`) is scratch. `settings`, float64, holds momentum and eps. `out` (4, length) gets
    scale, shift, mean and inverse deviation of each number's channel; the running statistics move by momentum.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, length, channels = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    sums = carray(floats(a[POINTERS + 1]), parts * (2 * length + PAGE))
    running_mean = carray(floats(a[POINTERS + 4]), channels)
    # Sums of squares lose digits where a channel's mean is far from zero; the running mean is near it.
    guess = np.empty(length, np.float32)
    for i in range(length):
        guess[i] = running_mean[i % channels]
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        first, second = _own_sums(sums, part, length)
        first[:] = 0
        second[:] = 0
        start, stop = rows * part // parts * length, rows * (part + 1) // parts * length
        _add_moments(x[start:stop], guess, first, second)
        if following(args, DONE) == parts - 1:
            break
    gamma = carray(floats(a[POINTERS + 2]), channels)
    beta = carray(floats(a[POINTERS + 3]), channels)
    running_var = carray(floats(a[POINTERS + 5]), channels)
    settings = carray(doubles(a[POINTERS + 6]), 2)
    out = carray(floats(a[POINTERS + 7]), 4 * length)
    count = rows * length // channels
    for channel in range(channels):
        total, squares = 0.0, 0.0
        for part in range(parts):
            first, second = _own_sums(sums, part, length)
            for i in range(channel, length, channels):
                total += first[i]
                squares += second[i]
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


@body
def _forward_apply(args: Any, x: Any, residual: Any, y: Any) -> None:
    """y = relu(scale * x + shift + residual): 0 x, 1 what `forward_sums` gave, 2 residual or 0, 3 y."""
    a = carray(args, N_ARGUMENTS)
    parts, rows, length = a[PARTS], a[ROWS], a[LENGTH]
    scale = carray(floats(a[POINTERS + 1]), 2 * length)[:length]
    shift = carray(floats(a[POINTERS + 1]), 2 * length)[length:]
    zero = np.float32(0)
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            x_row = x[row * length : (row + 1) * length]
            y_row = y[row * length : (row + 1) * length]
            if a[POINTERS + 2] == 0:
                for i in range(length):
                    y_row[i] = write(max(read(x_row[i]) * scale[i] + shift[i], zero), y_row[i])
            else:
                residual_row = residual[row * length : (row + 1) * length]
                for i in range(length):
                    total = read(x_row[i]) * scale[i] + shift[i] + read(residual_row[i])
                    y_row[i] = write(max(total, zero), y_row[i])


@body
def _backward_sums(args: Any, x: Any, y: Any, dy: Any, second_dy: Any) -> None:
    """Gradients of gamma and beta: 0 x, 1 y or 0, 2 dy, 3 second dy or 0, 4 sums, 5 out of `forward_sums`, 6 out, 7 d.

    dy is changed in place into the gradient behind the ReLU. Without y, as may be where no residual and no second dy
    is, it is left alone and the ReLU done again. `out` (3, length) gets what `backward_apply` needs, `d` (2, channels)
    the gradients of gamma and beta.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, length, channels = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    sums = carray(floats(a[POINTERS + 4]), parts * (2 * length + PAGE))
    known = carray(floats(a[POINTERS + 5]), 4 * length)
    mean = known[2 * length : 3 * length]
    has_y = a[POINTERS + 1] != 0
    gate = known[: 2 * length].copy()
    if has_y:  # what dy is by then needs no gate
        gate[:length] = 0
        gate[length:] = 1
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        first, second = _own_sums(sums, part, length)
        first[:] = 0
        second[:] = 0
        start, stop = rows * part // parts * length, rows * (part + 1) // parts * length
        for at in range(start, stop, 2 * length):
            end = min(at + 2 * length, stop)
            mine = dy[at:end]
            if has_y:
                _mask(mine, y[at:end], second_dy[at:end], a[POINTERS + 3] != 0)
            _add_gradients(x[at:end], mine, gate, mean, first, second)
        if following(args, DONE) == parts - 1:
            break
    out = carray(floats(a[POINTERS + 6]), 3 * length)
    d = carray(floats(a[POINTERS + 7]), 2 * channels)
    count = rows * length // channels
    for channel in range(channels):
        d_beta, with_x = 0.0, 0.0
        for part in range(parts):
            first, second = _own_sums(sums, part, length)
            for i in range(channel, length, channels):
                d_beta += first[i]
                with_x += second[i]
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


@body
def _backward_apply(args: Any, x: Any, g: Any, dx: Any) -> None:
    """dx = first * g + second * x + third: 0 x, 1 g, 2 what `backward_sums` gave, 3 dx or 0, 4 out of `forward_sums`.

    dx is other memory than g. Without it, dx takes the place of g, which is dy itself: the ReLU is done again.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, length = a[PARTS], a[ROWS], a[LENGTH]
    terms = carray(floats(a[POINTERS + 2]), 3 * length)
    first, second, third = terms[:length], terms[length : 2 * length], terms[2 * length :]
    known = carray(floats(a[POINTERS + 4]), 4 * length)
    scale, shift = known[:length], known[length : 2 * length]
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            x_row = x[row * length : (row + 1) * length]
            g_row = g[row * length : (row + 1) * length]
            if a[POINTERS + 3] != 0:
                dx_row = dx[row * length : (row + 1) * length]
                for i in range(length):
                    value = read(g_row[i]) * first[i] + read(x_row[i]) * second[i] + third[i]
                    dx_row[i] = write(value, dx_row[i])
            else:
                for i in range(length):
                    value = read(x_row[i])
                    gradient = read(g_row[i]) if value * scale[i] + shift[i] > 0 else np.float32(0)
                    g_row[i] = write(gradient * first[i] + value * second[i] + third[i], g_row[i])


class Kernels(NamedTuple):
    """The four kernels for activations of one type."""

    forward_sums: Any
    forward_apply: Any
    backward_sums: Any
    backward_apply: Any


@lru_cache(maxsize=2)
def of(dtype: torch.dtype) -> Kernels:
    """The bodies above for activations of `dtype`, bfloat16 or float32; compiled when first asked for."""
    # A number and not the type of one: what a kernel holds must be the same in every process for its cache to be used.
    like = {torch.bfloat16: np.uint16(0), torch.float32: np.float32(0)}[dtype]

    @kernel
    def forward_sums(args: Any) -> None:
        a = carray(args, N_ARGUMENTS)
        _forward_sums(args, carray(numbers(a[POINTERS], like), a[ROWS] * a[LENGTH]))

    @kernel
    def forward_apply(args: Any) -> None:
        a = carray(args, N_ARGUMENTS)
        size = a[ROWS] * a[LENGTH]
        x, residual, y = numbers(a[POINTERS], like), numbers(a[POINTERS + 2], like), numbers(a[POINTERS + 3], like)
        _forward_apply(args, carray(x, size), carray(residual, size), carray(y, size))

    @kernel
    def backward_sums(args: Any) -> None:
        a = carray(args, N_ARGUMENTS)
        size = a[ROWS] * a[LENGTH]
        x, y = carray(numbers(a[POINTERS], like), size), carray(numbers(a[POINTERS + 1], like), size)
        dy, second_dy = carray(numbers(a[POINTERS + 2], like), size), carray(numbers(a[POINTERS + 3], like), size)
        _backward_sums(args, x, y, dy, second_dy)

    @kernel
    def backward_apply(args: Any) -> None:
        a = carray(args, N_ARGUMENTS)
        size = a[ROWS] * a[LENGTH]
        x, g, dx = numbers(a[POINTERS], like), numbers(a[POINTERS + 1], like), numbers(a[POINTERS + 3], like)
        _backward_apply(args, carray(x, size), carray(g, size), carray(dx, size))

    return Kernels(forward_sums, forward_apply, backward_sums, backward_apply)


def compile_all() -> None:
    """Compile the kernels for all types, or find that they are; what is compiled is kept beside this file."""
    for dtype in (torch.bfloat16, torch.float32):
        of(dtype)


def row_length(n_numbers: int, channels: int) -> int:
    """Numbers in a row: pixels enough for `MIN_LENGTH`, a power of two of them that divides all there are."""
    pixels, each = n_numbers // channels, 1
    while each * channels < MIN_LENGTH and pixels % (2 * each) == 0:
        each *= 2
    return each * channels
