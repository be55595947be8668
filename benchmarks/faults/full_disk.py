"""Fill the disk during a run and free it again; the run must finish or be resumable, and the app must go on.

Two ways: a limit on the size of the server's files (RLIMIT_FSIZE, Linux), and a small tmpfs where mounting is
permitted.
"""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.faults.campaign import Event, Outcome, Setting, judge
from benchmarks.faults.session import Session, opened
from benchmarks.faults.work import RUN, begin, delete_work, finish

ROUNDS, QUICK_ROUNDS = 3, 1
LIMIT_BYTES = 4096
TMPFS = "16m"

Full = Callable[[Session], AbstractContextManager[None]]


def events(setting: Setting) -> Iterator[Event]:
    """Fill the disk in both ways."""
    if hasattr(resource, "prlimit"):
        with opened(setting, "full-disk") as session:
            yield from _rounds(setting, session, _limited, "limit on file sizes")
    else:
        yield Event(what="limit on file sizes", outcome=Outcome.SKIPPED, reason="needs Linux")
    if setting.quick:
        return
    folder = setting.folder / "homes" / "tmpfs"
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={TMPFS}", "none", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        yield Event(what="full tmpfs", outcome=Outcome.SKIPPED, reason="mounting is not permitted")
        return
    try:
        with opened(setting, "full-tmpfs", folder) as session:
            yield from _rounds(setting, session, _filled, "full tmpfs")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def _rounds(setting: Setting, session: Session, full: Full, name: str) -> Iterator[Event]:
    draw, reference = setting.random(), setting.references()[RUN.name]
    for _ in setting.rounds(ROUNDS, QUICK_ROUNDS):

        def during() -> None:
            begin(session, RUN)
            time.sleep(draw.uniform(0, reference["seconds"] / 2))
            with full(session):
                time.sleep(draw.uniform(reference["seconds"] / 4, reference["seconds"]))
            finish(session, RUN, reference)

        def at_start() -> None:
            delete_work(session)
            with full(session):
                RUN.start(session)
                time.sleep(2)  # the worker begins and meets the full disk
                session.check()
            finish(session, RUN, reference)

        for what, act in (("during a run", during), ("at the start of a run", at_start)):
            outcome, reason = judge(act)
            yield Event(what=f"{name}, {what}", outcome=outcome, reason=reason)
            if outcome is not Outcome.SURVIVED:
                session.start_over()


@contextmanager
def _limited(session: Session) -> Iterator[None]:
    process = session.server.process.pid
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (LIMIT_BYTES, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


@contextmanager
def _filled(session: Session) -> Iterator[None]:
    filler = session.home / "filler"
    try:
        _fill(filler)
        yield
    finally:
        filler.unlink()


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
