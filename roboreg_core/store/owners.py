"""Who runs a job: a name for a process that no later process can have, and whether that process still lives."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

_SEPARATOR = "/"


def new_owner() -> str:
    """A name for one engine in this process: place, process, start time, and a part of its own.

    The place is the host, its boot and its space of process numbers; the start time tells the process from a later one
    with the same number.
    """
    pid = os.getpid()
    return _SEPARATOR.join([_place(), str(pid), str(_start_time(pid)), uuid.uuid4().hex[:12]])


def process_lives(owner: str) -> bool | None:
    """True where the process named by `owner` lives, False where it is gone, None where it ran in another place.

    A process of this host from before its last start is gone.
    """
    place, pid, started = _parts(owner)
    if place == _place():
        return pid > 0 and _start_time(pid) == started
    there, here = place.split("|"), _place().split("|")
    rebooted = len(there) == 3 and there[0] == here[0] and there[1] != here[1]
    return False if rebooted else None


def same_process(one: str, other: str) -> bool:
    """True where both owners are, or were, in the same process."""
    return one.rpartition(_SEPARATOR)[0] == other.rpartition(_SEPARATOR)[0]


def _parts(owner: str) -> tuple[str, int, str]:
    parts = owner.split(_SEPARATOR)
    if len(parts) != 4 or not parts[1].isdigit():
        return "", 0, ""
    return parts[0], int(parts[1]), parts[2]


def _place() -> str:
    """Host, boot and space of process numbers, e.g. that of a container."""
    return "|".join([socket.gethostname().replace(_SEPARATOR, "_"), _boot(), _process_space()])


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""  # elsewhere the time since boot drifts with the clock; the start time has to do


def _process_space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """When the process started, in the system's own unit; "" where there is none of that number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return "" if Path("/proc/self/stat").exists() else _start_time_elsewhere(pid)
    except OSError:
        return ""
    fields = stat.rpartition(b")")[2].split()  # the name before it may hold spaces and brackets
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _start_time_elsewhere(pid: int) -> str:
    """The start time where there is no `/proc`."""
    import psutil  # type: ignore[import-untyped]

    try:
        return str(int(psutil.Process(pid).create_time() * 100))
    except psutil.Error:
        return ""
