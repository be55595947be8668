"""Blending's steps compiled: each reads every channel once, where torch passes over memory for every operation.

Arrays are float32 and contiguous; a place of the block's output has 9 taps, a tap `size` channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from roboreg_core.intrinsics import doubles, floats, following, kernel
from roboreg_core.openmp import CHANNELS, DONE, LENGTH, N_ARGUMENTS, PARTS, POINTERS, ROWS, TICKET

TAPS = 9


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
    zero = np.float32(0)
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        own = sums[part * size : (part + 1) * size]
        own[:] = 0
        for row in range(rows * part // parts, rows * (part + 1) // parts):
            wanted = residual[row * outputs : (row + 1) * outputs]
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
        if following(args, DONE) == parts - 1:
            break
    right = carray(floats(a[POINTERS + 5]), size)
    right[:] = 0
    for part in range(parts):
        for i in range(size):
            right[i] += sums[part * size + i]


@kernel
def attempt(args: Any) -> None:
    """What is left of the error when a filter's mixture moves by a step.

    0 channels (rows, 9, length), 1 residual (rows, channels), 2 hidden (rows, 9) what the filter answers, 3 reads
    (9, channels), 4 before (rows, 9) the same before its ReLU, 5 step (length,), 6 the residual after (rows, channels),
    7 float64 (parts + 1,): its squares summed, each part's, then all.
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
    zero = np.float32(0)
    while True:
        part = following(args, TICKET)
        if part >= parts:
            return
        total = np.float64(0)
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
        squares[part] = total
        if following(args, DONE) == parts - 1:
            break
    squares[parts] = 0
    for part in range(parts):
        squares[parts] += squares[part]
