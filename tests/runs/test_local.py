"""Execution in the caller's process: the saved state of an interrupted call."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from roboreg_core import files
from roboreg_core.errors import StoreError
from roboreg_core.jobs.task import Context, Output
from roboreg_core.runs.local import make_here
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store


def count(spec: dict[str, Any], context: Context) -> Output:
    """Count to three from the saved state, saving each step; stop at `stop`."""
    begun = int(context.state or b"0")
    for step in range(begun + 1, 4):
        if step == spec.get("stop"):
            raise KeyboardInterrupt
        context.save(str(step).encode())
    return Output(result={"begun": begun})


def make(home: Path, **spec: Any) -> Record:
    return make_here(count, "test", "key", spec, {}, Store(home))


def interrupt(home: Path) -> Path:
    """Interrupt the call before its third step; return the file with the state of the second."""
    with pytest.raises(KeyboardInterrupt):
        make(home, stop=3)
    return home / "unfinished" / "key"


def test_an_interrupted_call_resumes_and_leaves_no_state(home: Path) -> None:
    unfinished = interrupt(home)
    assert make(home).result["begun"] == 2
    assert not unfinished.exists()


@pytest.mark.parametrize("place", [0, -1])
def test_a_damaged_state_is_not_used(home: Path, place: int, caplog: pytest.LogCaptureFixture) -> None:
    unfinished = interrupt(home)
    content = bytearray(unfinished.read_bytes())
    content[place] ^= 1
    unfinished.write_bytes(content)
    assert make(home).result["begun"] == 0
    assert "damaged" in caplog.text


@pytest.mark.parametrize("length", [0, 1, 32])
def test_a_state_cut_off_is_not_used(home: Path, length: int) -> None:
    unfinished = interrupt(home)
    unfinished.write_bytes(unfinished.read_bytes()[:length])
    assert make(home).result["begun"] == 0


def test_a_full_disk_does_not_end_the_work(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_atomically", full)
    assert make(home).result["begun"] == 0
    assert "No space left" in caplog.text


def test_an_unreadable_state_is_an_error(home: Path) -> None:
    (home / "unfinished" / "key").mkdir(parents=True)
    with pytest.raises(StoreError, match="must be readable"):
        make(home)
