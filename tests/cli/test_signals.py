"""Ctrl-C, SIGTERM and an output that cannot be written end the command line without a traceback."""

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


def start(*arguments: str, interrupt: str = "default") -> subprocess.Popen[str]:
    """Start the command line; with `interrupt="ignore"` as in the background of a shell."""
    command = ["env", f"--{interrupt}-signal=INT", sys.executable, "-m", "roboreg_core", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def handles_signals(process: subprocess.Popen[str]) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def loads_torch(process: subprocess.Popen[str]) -> bool:
    return any("libtorch" in each.path for each in psutil.Process(process.pid).memory_maps())


MOMENTS: dict[str, Callable[[subprocess.Popen[str]], bool]] = {
    "at once": handles_signals,
    "while torch is loaded": loads_torch,
    "in the training": lambda process: psutil.Process(process.pid).cpu_times().user > 8,
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_ends_a_verb_with_one_line(number: signal.Signals, moment: str) -> None:
    process = start("train", "--epochs", "100")
    until(lambda: MOMENTS[moment](process), 300)
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


@pytest.mark.parametrize(("output", "code"), [("/dev/full", 2), ("&-", 0)])
def test_an_output_that_cannot_be_written_ends_a_verb_without_a_traceback(output: str, code: int) -> None:
    command = ["sh", "-c", f'exec "$0" -m roboreg_core methods >{output}', sys.executable]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1 if code else 0)


def test_an_ignored_signal_stays_ignored() -> None:
    process = start("methods", interrupt="ignore")
    until(lambda: handles_signals(process), 60)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, "")
    assert out
