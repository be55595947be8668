from __future__ import annotations

import pytest

pytest.importorskip("numba")

import numpy as np

from roboreg_core.intrinsics import body, nine_floats


@body
def nine_beside_others(n: int) -> float:
    nine = nine_floats()
    for i in range(9):
        nine[i] = i
    others = 0.0
    for _ in range(n):
        others += np.ones(9, np.float32).sum()
    total = np.float64(0)
    for i in range(9):
        total += nine[i]
    return total + others


def test_room_for_nine_is_a_threads_own_until_it_returns() -> None:
    assert nine_beside_others(100) == 36 + 900
