"""Owners of jobs: unique names of processes, and a test whether a process is alive."""

import os
import socket
import uuid
from pathlib import Path

_SEPARATOR = "/"


def new_owner() -> str:
    """A unique name for one engine in this process: place, process id, start time and a random part.

    The place is the host, its boot id and its PID namespace; the start time distinguishes processes with the same id.
    """
    pid = os.getpid()
    return _SEPARATOR.join([_place(), str(pid), str(_start_time(pid)), uuid.uuid4().hex[:12]])


def process_lives(owner: str) -> bool | None:
    """True if the process of `owner` is alive, False if it has ended, None if it is not of this host or container.

    Processes from before this host's last boot have ended.
    """
    place, pid, started = _parts(owner)
    if place == _place():
        return pid > 0 and _start_time(pid) == started
    parts, here = place.split("|"), _place().split("|")
    rebooted = len(parts) == 3 and parts[0] == here[0] and parts[1] != here[1]
    return False if rebooted else None


def same_process(one: str, other: str) -> bool:
    """True if two names made by `new_owner` are of engines in the same process."""
    return one.rpartition(_SEPARATOR)[0] == other.rpartition(_SEPARATOR)[0]


def _parts(owner: str) -> tuple[str, int, str]:
    parts = owner.split(_SEPARATOR)
    if len(parts) != 4 or not parts[1].isdigit():
        return "", 0, ""
    return parts[0], int(parts[1]), parts[2]


def _place() -> str:
    """Host, boot id and PID namespace, e.g. that of a container."""
    return "|".join([socket.gethostname().replace(_SEPARATOR, "_"), _boot(), _pid_namespace()])


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""  # other systems: identified by the start time alone


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """Start time of a process in the system's unit, empty if no such process runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _start_time_elsewhere(pid)
    except OSError:
        return ""
    fields = stat.rpartition(b")")[2].split()  # the name before it may contain spaces and brackets
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _start_time_elsewhere(pid: int) -> str:
    """Start time on systems without `/proc`."""
    import psutil  # type: ignore[import-untyped]

    try:
        return str(int(psutil.Process(pid).create_time() * 100))
    except psutil.Error:
        return ""
