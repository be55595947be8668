"""The verbs `store status`, `check` and `collect`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from roboreg_core.user_store import open_store
from tests.charts.records import make_record
from tests.command_line import CommandLine


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def test_garbage_is_counted_and_collected(command: CommandLine, home: Path) -> None:
    store = open_store()
    path = store.artifacts.path(store.artifacts.put(b"unreferenced"))
    os.utime(path, (0, 0))
    status = command.answer("store", "status")
    assert status["home"] == str(home)
    assert status["parts"]["garbage"] == status["parts"]["artefacts"] == {"files": 1, "bytes": 12}
    assert command.answer("store", "collect")["freed"] == {"files": 1, "bytes": 12}
    assert command.answer("store", "status")["parts"]["artefacts"] == {"files": 0, "bytes": 0}
    assert "0 files" in command("store", "collect")[0]


def test_an_intact_store_passes(command: CommandLine) -> None:
    open_store().put_record(make_record())
    found = command.answer("store", "check")
    assert found["ok"]
    assert found["problems"] == []
    assert found["checked"]["records"] == 1
    assert "intact" in command("store", "check")[0]


def test_a_damaged_run_is_listed_with_exit_code_1_hides_only_itself_and_can_be_set_aside(command: CommandLine) -> None:
    store = open_store()
    for identity in ("0123456789abcdef", "fedcba9876543210"):
        store.put_record(make_record(identity=identity))
    with store._database.write() as db:
        db.execute("UPDATE records SET result = json_remove(result, '$.stages') WHERE id = '0123456789abcdef'")
    out, _ = command("store", "check", "--json", code=1)
    (problem,) = json.loads(out)["problems"]
    assert problem.startswith("record 0123456789abcdef is damaged (result.stages is missing)")
    out, warnings = command("runs", "list", "--json")
    runs = json.loads(out)["runs"]
    assert [each["run"] for each in runs if not each["recorded"]] == ["fedcba9876543210"]
    assert "record 0123456789abcdef is damaged" in warnings
    assert "record 0123456789abcdef is damaged" in command.refusal("runs", "show", "0123456789abcdef")
    command("store", "check", "--set-aside", code=1)
    assert command.answer("store", "check")["ok"]


@pytest.mark.parametrize("content", [b"overwritten, and long enough to be looked at" * 50, b""])
def test_a_database_that_cannot_be_opened_is_one_problem(command: CommandLine, home: Path, content: bytes) -> None:
    store = open_store()
    store.artifacts.put(b"weights")
    store.close()
    (home / "roboreg.db").write_bytes(content)
    out, _ = command("store", "check", "--json", code=1)
    (problem,) = json.loads(out)["problems"]
    assert "restore it from a backup" in problem
    assert command.refusal("runs", "list").count("restore it from a backup") == 1


def test_a_damaged_page_of_the_database_is_reported(command: CommandLine, home: Path) -> None:
    store = open_store()
    store.put_record(make_record())
    with store._database.write() as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'refs_by_sha'").fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    store.close()
    with (home / "roboreg.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    out, _ = command("store", "check", "--json", code=1)
    assert json.loads(out)["problems"]
