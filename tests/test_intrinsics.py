from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

import numpy as np
from numba import config
from numba.core.codegen import get_host_cpu_features

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


def test_vectors_are_whole_where_the_processor_has_them() -> None:
    if "NUMBA_CPU_FEATURES" not in os.environ:
        assert ("-prefer-256-bit" in (config.CPU_FEATURES or "")) == ("+avx512f" in get_host_cpu_features())


def test_features_that_somebody_asked_for_are_left_alone() -> None:
    code = "import roboreg_core.intrinsics; from numba import config; print(config.CPU_FEATURES)"
    asked = {**os.environ, "NUMBA_CPU_FEATURES": "+sse4.2"}
    done = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "+sse4.2"


def test_room_for_nine_stays_while_others_come_and_go() -> None:
    assert nine_beside_others(100) == 36 + 900
