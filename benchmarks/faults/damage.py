"""Damage artefacts, rows and the database file; commands and pages must notice it or show the same figures."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.faults.campaign import Event, Setting, Wrong, judge
from benchmarks.faults.server import command_line, output_of
from benchmarks.faults.session import Session, opened
from benchmarks.faults.work import RUN, begin, finish
from roboreg_core.store.record_store import DATABASE
from roboreg_core.store.shipped import ARTIFACTS

ROUNDS, QUICK_ROUNDS = 5, 1
INVALID_INPUT = 2

Damage = Callable[[Path, random.Random], None]


def events(setting: Setting) -> Iterator[Event]:
    """Damage a home with a finished run, in several ways; one event per damage and reader."""
    draw, reference = setting.random(), setting.references()[RUN.name]
    (run,) = reference["figures"]
    with opened(setting, "damage") as session:
        begin(session, RUN)
        finish(session, RUN, reference)
        session.page.goto("about:blank")
        session.server.close()
        session.store.close()  # last, so that SQLite merges its log into the file
        whole = shutil.copytree(session.home, setting.folder / "homes" / "whole")
        shown = [_output(session, command) for command in _commands(run)]
        readers = {"command line": partial(_read_by_command_line, session, run, shown)}
        if not setting.quick:
            readers["pages"] = partial(_read_on_pages, session, run)
        for _ in setting.rounds(ROUNDS, QUICK_ROUNDS):
            for what, damage in DAMAGES.items():
                for reader, read in readers.items():
                    shutil.rmtree(session.home)
                    shutil.copytree(whole, session.home)
                    damage(session.home, draw)
                    outcome, reason = judge(read)
                    yield Event(what=f"{what}, {reader}", outcome=outcome, reason=reason)


def _commands(run: str) -> list[tuple[str, ...]]:
    return [
        ("runs", "list", "--json"),
        ("runs", "show", run, "--block", "1", "--json"),
        ("export", run, "--onnx", "x.onnx", "--json"),
    ]


def _read_by_command_line(session: Session, run: str, shown: list[str | None]) -> None:
    """Raise `Wrong` unless every command refuses in one line, warns, or prints the same as before the damage."""
    for command, before in zip(_commands(run), shown, strict=True):
        found = _output(session, command)
        if found not in (None, before):
            raise Wrong(f"`{' '.join(command)}` shows other values without an error")


def _output(session: Session, command: tuple[str, ...]) -> str | None:
    """The output of a command; None if it names what is damaged, with one line if it ends as for invalid input."""
    status, output, errors = output_of(command_line(session.project, session.home, *command))
    if status == 0:
        return None if "is damaged" in errors else output
    lines = errors.strip().splitlines()
    if status != INVALID_INPUT or not lines:
        raise Wrong(f"`{' '.join(command)}` must end with status {INVALID_INPUT}, got {status}: {errors[-300:]}")
    return None


def _read_on_pages(session: Session, run: str) -> None:
    """Raise `Wrong` where a page shows a traceback."""
    session.start()
    try:
        for path in ("", "jobs", f"inspect?run={run}", f"compare?runs={run}"):
            session.open(path)
            session.page.locator("h1").first.wait_for()
            session.page.wait_for_timeout(1_000)
            session.check_page()
        session.check_log()
    finally:
        session.server.close()


def _flip_artifact(home: Path, draw: random.Random) -> None:
    _flip(draw.choice(sorted((home / ARTIFACTS).iterdir())), draw)


def _cut_artifact(home: Path, draw: random.Random) -> None:
    _cut(draw.choice(sorted((home / ARTIFACTS).iterdir())), draw)


def _flip_database(home: Path, draw: random.Random) -> None:
    _flip(home / DATABASE, draw)


def _cut_database(home: Path, draw: random.Random) -> None:
    _cut(home / DATABASE, draw)


def _flip_row(home: Path, draw: random.Random) -> None:
    def flipped(text: str) -> bytes:
        content = bytearray(text.encode())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        return bytes(content)

    _change_row(home, draw, flipped)


def _cut_row(home: Path, draw: random.Random) -> None:
    _change_row(home, draw, lambda text: text[: draw.randrange(len(text))].encode())


def _change_row(home: Path, draw: random.Random, change: Callable[[str], bytes]) -> None:
    column = draw.choice(("spec", "result"))
    with closing(sqlite3.connect(home / DATABASE)) as connection, connection:
        (text,) = connection.execute(f"SELECT {column} FROM records").fetchone()
        connection.execute(f"UPDATE records SET {column} = CAST(? AS TEXT)", (change(text),))


def _flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _cut(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content))])


DAMAGES: dict[str, Damage] = {
    "bit flipped in an artefact": _flip_artifact,
    "artefact cut off": _cut_artifact,
    "bit flipped in a record": _flip_row,
    "record cut off": _cut_row,
    "bit flipped in the database file": _flip_database,
    "database file cut off": _cut_database,
}
