"""The verbs `sweep` and `sweeps`, with a small network and few images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from roboreg_core import paths
from roboreg_core.cli.verbs import app
from roboreg_core.errors import RoboRegError
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint

CHEAP = ("--method", "l1", "--images", "bundled")
STAGES = "2,4/4,8/8,16"


@pytest.fixture(autouse=True)
def small(small_sets: None, dense: Checkpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoints, "load", lambda name: dense)
    monkeypatch.setattr(paths, "recorded", lambda: tmp_path / "none recorded")


def roboreg(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(*arguments: str) -> Any:
    return json.loads(roboreg(*arguments, "--json"))


def test_the_sources_grid_has_its_name_and_27_schedules() -> None:
    plan = answer("sweep", "--grid", "source", "--dry-run")
    assert (plan["name"], plan["schedules"], plan["total"], plan["measured"]) == ("source grid", 27, 27, 0)
    assert plan["estimated_seconds"] > 10
    assert answer("sweeps", "list") == {"sweeps": []}, "a dry run keeps nothing"


def test_a_sweep_is_measured_shown_renamed_deleted_and_restored() -> None:
    found = answer("sweep", "--stages", STAGES, "--name", "mine", "--seeds", "0,1", *CHEAP)
    assert (found["name"], found["state"], found["measured"], found["total"]) == ("mine", "complete", 16, 16)
    assert {(point["seed"], point["schedule"][8]) for point in found["points"]} == {(0, 8), (0, 16), (1, 8), (1, 16)}
    assert all(0 <= point["test_accuracy"] <= 1 for point in found["points"])
    assert (
        answer("sweep", "--stages", STAGES, "--name", "mine", "--seeds", "0,1", *CHEAP, "--dry-run")["measured"] == 16
    )
    shown = answer("sweeps", "show", "mine")
    assert shown["points"] == found["points"]
    assert shown["spec"]["seeds"] == [0, 1]
    assert answer("sweeps", "rename", "mine", "ours")["name"] == "ours"
    assert answer("sweeps", "rename", "ours", "mine")["measured"] == 16
    assert answer("sweeps", "delete", found["sweep"][:6])["deleted"]
    assert answer("sweeps", "list")["sweeps"] == []
    assert [each["name"] for each in answer("sweeps", "list", "--deleted")["sweeps"]] == ["mine"]
    assert answer("sweeps", "restore", "mine")["measured"] == 16
    assert "16 of 16 points, complete" in roboreg("sweeps", "list")


def test_unmeasured_values_are_named_and_not_zero() -> None:
    reported = roboreg("sweep", "aggressive", "--name", "lean", "--no-test", *CHEAP)
    assert "test not measured" in reported
    assert "test 0.00%" not in reported
    [point] = answer("sweeps", "show", "lean")["points"]
    assert (point["test"], point["test_accuracy"]) == (None, None)
    assert 0 < point["validation_accuracy"] < 1


def test_schedules_may_be_named_listed_or_drawn(tmp_path: Path) -> None:
    listed = tmp_path / "some.txt"
    listed.write_text("quarter\n\n# a comment\n2,2,2,4,4,4,8,8,8  # another\n")
    ways = {
        ("aggressive", "quarter"): ("list", 2),
        ("--list", str(listed)): ("some", 2),
        ("--blocks", "1,2/2/2/2/2/2/2/2/3"): ("blocks 1,2/2/2/2/2/2/2/2/3", 2),
        ("--random", "5", "--low", "aggressive", "--high", "quarter"): ("5 random schedules", 5),
    }
    for way, wanted in ways.items():
        plan = answer("sweep", *way, "--dry-run")
        assert (plan["name"], plan["schedules"]) == wanted
    drawn = ("sweep", "--random", "3", "--dry-run")
    assert answer(*drawn)["sweep"] != answer(*drawn, "--random-seed", "1")["sweep"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dry-run",), "chosen by one of schedules, --grid"),
        (("quarter", "--grid", "source"), "got schedules, --grid"),
        (("--grid", "other"), "must be one of source"),
        (("--stages", "1,2/3"), "counts must be 3 slash-separated lists"),
        (("--stages", "1,x/3/4"), "must be comma-separated integers"),
        (("--stages", "1/40/4"), "stage 2 must be an integer 1..32, got 40"),
        (("--stages", "/3/4"), "must have a count, got none"),
        (("--blocks", "/".join(["1,2,3,4,5,6"] * 9)), "at most 5,000 schedules, got 10,077,696"),
        (("--random", "3", "--low", "dense", "--high", "quarter"), "must be at most the highest, got 16 and 4"),
        (("quarter", "--seeds", "1,1"), "distinct"),
        (("quarter", "--method", "weights"), "choose another method"),
        (("--list", "/nowhere"), "name another file"),
    ],
)
def test_invalid_settings_are_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(RoboRegError, match=message):
        roboreg("sweep", *arguments)


def test_an_unknown_sweep_is_an_error_that_lists_the_known_ones() -> None:
    roboreg("sweep", "quarter", "--name", "only one", *CHEAP)
    with pytest.raises(RoboRegError, match="'other'; there are: 'only one'"):
        roboreg("sweeps", "show", "other")
