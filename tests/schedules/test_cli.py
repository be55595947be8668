"""Saved schedules and deleted runs from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from roboreg_core.cli.verbs import app
from roboreg_core.errors import RoboRegError
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.store import Store
from tests.charts.records import make_record
from tests.command_line import CommandLine

HALF = str(presets()["moderate"])
NAME = '<script>alert(1)</script> "q" \U0001f600 \u05e9\u05dc\u05d5\u05dd [b]x[/b]'


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=True)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(*arguments: str) -> dict:  # type: ignore[type-arg]
    return json.loads(run(*arguments, "--json").stdout)


def names() -> list[str]:
    return [each["name"] for each in answer("schedules", "list")["schedules"]]


def test_a_schedules_whole_life(tmp_path: Path) -> None:
    saved = answer("schedules", "save", NAME, "moderate", "--note", "n", "--tag", "a", "--tag", "b")
    assert (saved["name"], saved["tags"], saved["parameters"]) == (NAME, ["a", "b"], 135_754)
    assert answer("schedules", "show", NAME) == saved == answer("schedules", "show", saved["id"])
    assert answer("schedules", "rename", NAME, "half")["name"] == "half"
    assert answer("schedules", "edit", "half", "--note", "other")["tags"] == ["a", "b"]
    assert answer("schedules", "duplicate", "half")["name"] == "half (2)"
    assert [each["name"] for each in answer("schedules", "list", "--tag", "a")["schedules"]] == ["half", "half (2)"]
    file = tmp_path / "all.json"
    run("schedules", "export", "--out", str(file))
    assert json.loads(run("schedules", "export", "half").stdout)["schedules"][0]["note"] == "other"
    for name in names():
        deleted = run("schedules", "delete", name)
        assert "schedules restore" in deleted.stderr
    assert names() == []
    assert answer("schedules", "restore", "half")["name"] == "half"
    found = answer("schedules", "import", str(file))
    assert ([each["name"] for each in found["imported"]], found["present"]) == (["half (2)"], 1)
    assert names() == ["half", "half (2)"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("show", "nothing"), "no saved schedule has the name or id 'nothing'"),
        (("save", "x" * 10_000, HALF), "got 10,000: shorten it"),
        (("save", "a", "8,8"), "got 2: block 3 has none"),
        (("import", "/nowhere.json"), "cannot read /nowhere.json"),
        (("export",), "no saved schedules to export"),
        (("restore", "x"), "no deleted schedule"),
    ],
)
def test_what_cannot_be_done_says_why(arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(RoboRegError, match=reason):
        run("schedules", *arguments)


def test_an_error_is_one_line_and_code_two(roboreg: CommandLine, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"format": "roboreg-schedules", "version": 1, "schedules": [{"name": "a", "schedule": [1]}]}')
    error = roboreg.refusal("schedules", "import", bad)
    assert "entry 1 ('a'): a schedule must have 9 filter counts" in error
    assert error.count("\n") == 1
    assert names() == []


def test_deleting_a_run_names_the_saved_schedules_that_it_has(home: Path) -> None:
    record = make_record(presets()["moderate"], identity="a" * 16)
    store = Store(home)
    store.put_record(record)
    run("schedules", "save", "half", "moderate")
    done = run("runs", "delete", "aaaa")
    assert "its schedule, saved as 'half', is kept" in done.stderr
    assert "runs restore" in done.stderr
    assert store.get_record(record.id) is None
    assert answer("runs", "restore", "aaaa")["run"] == record.id
    assert store.get_record(record.id) == record
    assert answer("runs", "delete", "aaaa")["saved_schedules"] == ["half"]
    assert answer("runs", "delete", "aaaa", "--now")["can_be_restored"] is False
    assert store.list_deleted() == []


def test_recorded_and_unknown_runs_cannot_be_deleted() -> None:
    recorded = answer("runs", "list")["runs"][0]["run"]
    for now in ((), ("--now",)):
        with pytest.raises(RoboRegError, match="is an example and cannot be deleted"):
            run("runs", "delete", recorded, *now)
        with pytest.raises(RoboRegError, match="no run begins with"):
            run("runs", "delete", "zzzz", *now)
