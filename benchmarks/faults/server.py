"""The app as a server process, started as `make run` does, and its worker processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.faults.campaign import Lost, Wrong, wait_for

START_SECONDS, END_SECONDS, COMMAND_SECONDS = 120.0, 60.0, 240.0
TRACEBACK = "Traceback (most recent call last)"


def environment(home: Path) -> dict[str, str]:
    """Variables for the app and the command line on `home`: one thread, so that equal work gives equal bits."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ROBOREG_")}
    return {**own, "ROBOREG_HOME": str(home), "OMP_NUM_THREADS": "1"}


def command_line(project: Path, home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `python -m roboreg_core` with these arguments."""
    command = [sys.executable, "-m", "roboreg_core", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=project, env=environment(home), stdout=pipe, stderr=pipe, text=True)


def output_of(running: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for a command; return its status, standard output and standard error.

    Raises:
        Lost: it does not end.
        Wrong: it ends with a traceback.
    """
    try:
        output, errors = running.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()
        raise Lost(f"a command did not end within {COMMAND_SECONDS:.0f} s") from None
    if TRACEBACK in errors:
        raise Wrong(f"traceback of the command line: {errors[-1500:]}")
    return running.returncode, output, errors


class Server:
    """A server process.

    Attributes:
        process: the server; workers are its children.
        address: URL of the app.
    """

    def __init__(self, project: Path, home: Path, log: Path) -> None:
        """Start it, append its output to `log`, and wait until it responds. Raises `Lost` where it does not."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=project, env=environment(home), stdout=output, stderr=subprocess.STDOUT
            )
        wait_for(self._responds, START_SECONDS, "the server did not respond")

    def family(self) -> list[psutil.Process]:
        """Its worker processes and their helpers."""
        try:
            return list(psutil.Process(self.process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """Kill it; raise `Lost` where a worker survives it."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it as Ctrl-C does, and kill what is left."""
        children = self.family()
        try:
            self._end(signal.SIGINT)
        except (Lost, subprocess.TimeoutExpired):
            self.process.kill()
            for child in children:
                if child.is_running():
                    child.kill()

    def _end(self, how: signal.Signals) -> None:
        children = self.family()
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(END_SECONDS)
        wait_for(lambda: not any(map(is_alive, children)), END_SECONDS, "workers of an ended app did not end")

    def _responds(self) -> bool:
        if self.process.poll() is not None:
            raise Lost(f"the server ended with status {self.process.returncode}")
        try:
            with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1):
                return True
        except OSError:
            return False


def is_alive(process: psutil.Process) -> bool:
    """True unless the process has ended."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
