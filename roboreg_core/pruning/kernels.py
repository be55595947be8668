"""What pruning reads channels for, compiled: each channel is read once, where torch passes over memory again and again.

Arrays are float32 and contiguous; a place of the block's output has 9 taps, a tap `size` channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from roboreg_core.intrinsics import body, doubles, floats, following, integers, kernel
from roboreg_core.openmp import CHANNELS, DONE, LENGTH, N_ARGUMENTS, PARTS, POINTERS, ROWS, TICKET

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


@kernel
def combine(args: Any) -> None:
    """What each filter's combinations of taps see at some places, where the filter is active.

    0 channels (rows, 9, length), 1 hidden, the first filter's answer at the first of these places, 2 combinations
    (channels, ranks, 9), 3 out (channels, rows, ranks, length), then two numbers: 4 how far a filter's answers are from
    the one's before it, 5 ranks. `channels` counts filters.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, size, filters = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    stride, ranks = a[POINTERS + 4], a[POINTERS + 5]
    channels = carray(floats(a[POINTERS]), rows * TAPS * size)
    hidden = carray(floats(a[POINTERS + 1]), (filters - 1) * stride + rows * TAPS)
    combinations = carray(floats(a[POINTERS + 2]), filters * ranks * TAPS)
    out = carray(floats(a[POINTERS + 3]), filters * rows * ranks * size)
    zero = np.float32(0)
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            for one in range(filters):
                answers = hidden[one * stride + row * TAPS : one * stride + (row + 1) * TAPS]
                for rank in range(ranks):
                    weights = combinations[(one * ranks + rank) * TAPS : (one * ranks + rank + 1) * TAPS]
                    start = ((one * rows + row) * ranks + rank) * size
                    sums = out[start : start + size]
                    sums[:] = 0
                    for tap in range(TAPS):
                        if answers[tap] > zero:
                            seen = channels[(row * TAPS + tap) * size : (row * TAPS + tap + 1) * size]
                            weight = weights[tap]
                            for i in range(size):
                                sums[i] += weight * seen[i]


@body
def _add_pull(own: Any, channels: Any, wanted: Any, hidden: Any, reads: Any, row: int) -> None:
    """Add to `own` (length,) what one place, whose error is `wanted`, has to do with the right side of `pull`."""
    size, outputs, zero = len(own), len(wanted), np.float32(0)
    for tap in range(TAPS):
        place = row * TAPS + tap
        if hidden[place] > zero:
            read = reads[tap * outputs : (tap + 1) * outputs]
            weight = zero
            for i in range(outputs):
                weight += wanted[i] * read[i]
            seen = channels[place * size : (place + 1) * size]
            for i in range(size):
                own[i] += weight * seen[i]


@body
def _sum_parts(out: Any, sums: Any) -> None:
    """All threads' sums (parts * length,) in one (length,)."""
    out[:] = 0
    for start in range(0, len(sums), len(out)):
        for i in range(len(out)):
            out[i] += sums[start + i]


@kernel
def pull(args: Any) -> None:
    """The right side of a filter's equations.

    0 channels (rows, 9, length), 1 residual (rows, channels), 2 hidden (rows, 9) what the filter answers, 3 reads
    (9, channels), 4 sums (parts, length) scratch, 5 the right side (length,).
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, size, outputs = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    channels = carray(floats(a[POINTERS]), rows * TAPS * size)
    residual = carray(floats(a[POINTERS + 1]), rows * outputs)
    hidden = carray(floats(a[POINTERS + 2]), rows * TAPS)
    reads = carray(floats(a[POINTERS + 3]), TAPS * outputs)
    sums = carray(floats(a[POINTERS + 4]), parts * size)
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        own = sums[part * size : (part + 1) * size]
        own[:] = 0
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            _add_pull(own, channels, residual[row * outputs : (row + 1) * outputs], hidden, reads, row)
        if following(args, DONE) == parts - 1:
            break
    _sum_parts(carray(floats(a[POINTERS + 5]), size), sums)


@kernel
def attempt(args: Any) -> None:
    """What is left of the error when a filter's mixture moves by a step.

    0 channels (rows, 9, length), 1 residual (rows, channels), 2 hidden (rows, 9) what the filter answers, 3 reads
    (9, channels), 4 before (rows, 9) the same before its ReLU, 5 step (length,), 6 the residual after (rows, channels),
    7 float64 (parts + 1,): its squares summed, each part's, then all.

    And for the filter whose turn is next, what `pull` would give behind that step: 8 what it answers, 9 its reads,
    10 sums (parts, length) scratch, 11 the right side.
    """
    a = carray(args, N_ARGUMENTS)
    parts, rows, size, outputs = a[PARTS], a[ROWS], a[LENGTH], a[CHANNELS]
    channels = carray(floats(a[POINTERS]), rows * TAPS * size)
    residual = carray(floats(a[POINTERS + 1]), rows * outputs)
    hidden = carray(floats(a[POINTERS + 2]), rows * TAPS)
    reads = carray(floats(a[POINTERS + 3]), TAPS * outputs)
    before = carray(floats(a[POINTERS + 4]), rows * TAPS)
    step = carray(floats(a[POINTERS + 5]), size)
    after = carray(floats(a[POINTERS + 6]), rows * outputs)
    squares = carray(doubles(a[POINTERS + 7]), parts + 1)
    next_hidden = carray(floats(a[POINTERS + 8]), rows * TAPS)
    next_reads = carray(floats(a[POINTERS + 9]), TAPS * outputs)
    sums = carray(floats(a[POINTERS + 10]), parts * size)
    zero = np.float32(0)
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        total = np.float64(0)
        own = sums[part * size : (part + 1) * size]
        own[:] = 0
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            left = after[row * outputs : (row + 1) * outputs]
            left[:] = residual[row * outputs : (row + 1) * outputs]
            for tap in range(TAPS):
                place = row * TAPS + tap
                seen = channels[place * size : (place + 1) * size]
                answer = before[place]
                for i in range(size):
                    answer += seen[i] * step[i]
                moved = max(answer, zero) - hidden[place]
                if moved != zero:
                    read = reads[tap * outputs : (tap + 1) * outputs]
                    for i in range(outputs):
                        left[i] -= moved * read[i]
            error = zero
            for i in range(outputs):
                error += left[i] * left[i]
            total += error
            _add_pull(own, channels, left, next_hidden, next_reads, row)
        squares[part] = total
        if following(args, DONE) == parts - 1:
            break
    squares[parts] = 0
    for part in range(parts):
        squares[parts] += squares[part]
    _sum_parts(carray(floats(a[POINTERS + 11]), size), sums)
