"""Ctrl-C, SIGTERM and a closed pipe end the command line without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.jobs.helpers import ROOT, until

pytestmark = pytest.mark.slow


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "roboreg_core", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def handles_signals(process: psutil.Process) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


MOMENTS: dict[str, Callable[[psutil.Process], bool]] = {
    "at once": handles_signals,
    "while torch is loaded": lambda process: any("libtorch" in each.path for each in process.memory_maps()),
    "in the training": lambda process: process.cpu_times().user > 8,
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_ends_a_verb_with_one_line(number: signal.Signals, moment: str) -> None:
    process = start("train", "--epochs", "100")
    until(lambda: MOMENTS[moment](psutil.Process(process.pid)), 300)
    process.send_signal(number)
    out, error = process.communicate(timeout=120)
    assert (process.returncode, out) == (128 + number, "")
    assert [line for line in error.splitlines() if not line.startswith("epoch ")] == ["stopped"]


def test_a_closed_pipe_ends_a_verb_silently() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "roboreg_core", "methods"]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")
