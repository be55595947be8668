"""What pruning reads channels for, compiled: each channel is read once, where torch passes over memory again and again.

Arrays are float32 and contiguous; a place of the block's output has 9 taps, a tap `size` channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from roboreg_core.intrinsics import WIDE, add_weighted, body, doubles, floats, following, integers, kernel, nine_floats
from roboreg_core.openmp import CHANNELS, DONE, LENGTH, N_ARGUMENTS, PAGE, PARTS, POINTERS, ROWS, TICKET

TAPS = 9


@kernel
def gather(args: Any) -> None:
    """3x3 windows round some places of images, zero outside.

    0 x (rows, height, width, length), 1 places, int64 (rows, channels), pixels of the output, 2 out (rows * channels,
    9 * length), 3 height, 4 width, 5 stride. `channels` counts places of an image.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, size, count = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    height, width, stride = a[POINTERS + 3], a[POINTERS + 4], a[POINTERS + 5]
    x = carray(floats(a[POINTERS]), rows * height * width * size)
    places = carray(integers(a[POINTERS + 1]), rows * count)
    out = carray(floats(a[POINTERS + 2]), rows * count * TAPS * size)
    across = width // stride
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        for row in range(rows * count * part // parts, rows * count * (part + 1) // parts):
            image, place = row // count, places[row]
            top, left = place // across * stride - 1, place % across * stride - 1
            for i in range(3):
                line = top + i
                target = (row * 3 + i) * 3 * size
                if line < 0 or line >= height:
                    out[target : target + 3 * size] = 0
                    continue
                start = (image * height + line) * width
                for j in range(3):
                    column = left + j
                    into = out[target + j * size : target + (j + 1) * size]
                    if column < 0 or column >= width:
                        into[:] = 0
                    else:
                        into[:] = x[(start + column) * size : (start + column + 1) * size]


@body
def _nine(x: Any, start: int, weights: Any, base: Any, out: Any, size: int) -> None:
    """out (size,) = base (size,) + nine weights times the nine rows of x, `size` long, from `start` on."""
    whole = size // WIDE * WIDE
    for i in range(0, whole, WIDE):
        add_weighted(x, start + i, size, weights, base, out, i)
    for i in range(whole, size):
        total = base[i]
        for tap in range(TAPS):
            total += weights[tap] * x[start + tap * size + i]
        out[i] = total


@kernel
def combine(args: Any) -> None:
    """What each filter's combinations of taps see at some places, where the filter is active.

    0 channels (rows, 9, length), 1 hidden, the first filter's answer at the first of these places, 2 combinations
    (channels, ranks, 9), 3 out (channels, rows, ranks, length), then two numbers: 4 how far a filter's answers are from
    the one's before it, 5 ranks; 6 zeros (length,). `channels` counts filters.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, size, filters = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    stride, ranks = a[POINTERS + 4], a[POINTERS + 5]
    channels, hidden, combinations = floats(a[POINTERS]), floats(a[POINTERS + 1]), floats(a[POINTERS + 2])
    weights, zeros = nine_floats(), floats(a[POINTERS + 6])
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            for one in range(filters):
                for rank in range(ranks):
                    for tap in range(TAPS):
                        active = hidden[one * stride + row * TAPS + tap] > 0
                        weights[tap] = combinations[(one * ranks + rank) * TAPS + tap] if active else 0
                    place = ((one * rows + row) * ranks + rank) * size
                    _nine(channels, row * TAPS * size, weights, zeros, floats(a[POINTERS + 3] + 4 * place), size)


@body
def _add_pull(
    own: Any, channels: Any, wanted: Any, hidden: Any, reads: Any, row: int, weights: Any, shape: Any
) -> None:
    """Add to `own` what one place, whose error is `wanted`, has to do with the right side of `pull`.

    `weights` (9,) is scratch, `shape` is how long `own` and `wanted` are.
    """
    size, outputs = shape
    for tap in range(TAPS):
        weight = np.float32(0)
        if hidden[row * TAPS + tap] > 0:
            for i in range(outputs):
                weight += wanted[i] * reads[tap * outputs + i]
        weights[tap] = weight
    _nine(channels, row * TAPS * size, weights, own, own, size)


@body
def _sum_parts(out: Any, sums: Any, parts: int, size: int) -> None:
    """All threads' sums (parts, size + `PAGE`) in one (size,)."""
    for i in range(size):
        out[i] = 0
    for part in range(parts):
        for i in range(size):
            out[i] += sums[part * (size + PAGE) + i]


@kernel
def pull(args: Any) -> None:
    """The right side of a filter's equations.

    0 channels (rows, 9, length), 1 residual (rows, channels), 2 hidden (rows, 9) what the filter answers, 3 reads
    (9, channels), 4 sums (parts, length + `PAGE`) scratch, 5 the right side (length,).
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, size, outputs = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    channels, hidden, reads = floats(a[POINTERS]), floats(a[POINTERS + 2]), floats(a[POINTERS + 3])
    weights = nine_floats()
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        own = floats(a[POINTERS + 4] + 4 * part * (size + PAGE))
        for i in range(size):
            own[i] = 0
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            wanted = floats(a[POINTERS + 1] + 4 * row * outputs)
            _add_pull(own, channels, wanted, hidden, reads, row, weights, (size, outputs))
        if following(args, DONE) == parts - 1:
            break
    _sum_parts(floats(a[POINTERS + 5]), floats(a[POINTERS + 4]), parts, size)


@kernel
def attempt(args: Any) -> None:
    """What is left of the error when a filter's mixture moves by a step.

    0 channels (rows, 9, length), 1 residual (rows, channels), 2 hidden (rows, 9) what the filter answers, 3 reads
    (9, channels), 4 before (rows, 9) the same before its ReLU, 5 step (length,), 6 the residual after (rows, channels),
    7 float64 (parts + 1,): its squares summed, each part's, then all.

    And for the filter whose turn is next, what `pull` would give behind that step: 8 what it answers, 9 its reads,
    10 sums (parts, length + `PAGE`) scratch, 11 the right side.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, size, outputs = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    channels, hidden, reads = floats(a[POINTERS]), floats(a[POINTERS + 2]), floats(a[POINTERS + 3])
    before, step, squares = floats(a[POINTERS + 4]), floats(a[POINTERS + 5]), doubles(a[POINTERS + 7])
    next_hidden, next_reads = floats(a[POINTERS + 8]), floats(a[POINTERS + 9])
    weights, zero = nine_floats(), np.float32(0)
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        own = floats(a[POINTERS + 10] + 4 * part * (size + PAGE))
        for i in range(size):
            own[i] = 0
        total = np.float64(0)
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            for tap in range(TAPS):
                answer = before[row * TAPS + tap]
                for i in range(size):
                    answer += channels[(row * TAPS + tap) * size + i] * step[i]
                weights[tap] = hidden[row * TAPS + tap] - max(answer, zero)
            left = floats(a[POINTERS + 6] + 4 * row * outputs)
            _nine(reads, 0, weights, floats(a[POINTERS + 1] + 4 * row * outputs), left, outputs)
            error = zero
            for i in range(outputs):
                error += left[i] * left[i]
            total += error
            _add_pull(own, channels, left, next_hidden, next_reads, row, weights, (size, outputs))
        squares[part] = total
        if following(args, DONE) == parts - 1:
            break
    squares[parts] = 0
    for part in range(parts):
        squares[parts] += squares[part]
    _sum_parts(floats(a[POINTERS + 11]), floats(a[POINTERS + 10]), parts, size)
