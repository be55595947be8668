"""The verb `correlate`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from roboreg_core.architecture import RESNET20
from roboreg_core.cli.verbs import app, correlate_verb
from roboreg_core.errors import RoboRegError, SpecError
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.points import Point
from tests.sweeps.noisy_points import points

Sweep = Callable[[list[Point]], None]


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """`sweep(points)`: replace the points of every sweep."""

    def put(made: list[Point]) -> None:
        monkeypatch.setattr(correlate_verb, "find_sweep", lambda store, name: name)
        monkeypatch.setattr(correlate_verb, "points_of", lambda store, name: made)

    return put


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["correlate", "--sweep", "source grid", *arguments])
    if isinstance(result.exception, RoboRegError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def answer(*arguments: str) -> dict:  # type: ignore[type-arg]
    return json.loads(run(*arguments, "--json").stdout)


def test_the_source_projects_figures_to_six_digits(sweep: Sweep) -> None:
    sweep(points())
    found = answer()
    for kind, wanted in (("pearson", (0.066326, 0.242432, 0.967899)), ("spearman", (0.104828, 0.314485, 0.943456))):
        assert [round(found[kind][name]["parameters"]["value"], 6) for name in "ijk"] == list(wanted)
    assert (found["points"], found["schedules"], found["given"]) == (27, 27, None)
    assert "parameters" not in found["given_parameters"]["names"]
    assert set(found["accuracy_per_mac"]["points_per_million_macs"]) == {"i", "j", "k"}
    assert found["finding"].endswith("may differ.")
    text = run()
    for part in ("0.967899*", "0.066326 ", "0.943456*", "correlation within these runs", "gained per million MACs"):
        assert part in text.stdout
    assert "note: not measured here, left out: tuned validation" in text.stderr


def test_a_cost_may_be_held_equal_and_blocks_asked_for(sweep: Sweep) -> None:
    sweep(points())
    held = answer("--given", "macs")
    assert (held["given"], held["given_parameters"]) == ("macs", None)
    assert held["finding"].startswith("Controlling for MACs, ")
    # Blocks of a stage rise together in the source's grid.
    blocks = answer("--variables", "blocks")
    assert blocks["names"][0] == "block 1"
    assert blocks["accuracy_per_mac"] is None
    sweep(points(Grid(kind="random", values=tuple((1, bound) for bound in RESNET20.bounds), n=30).schedules()))
    assert len(answer()["accuracy_per_mac"]["points_per_million_macs"]) == 9


@pytest.mark.parametrize(
    ("arguments", "n", "said"),
    [((), 3, "needs 4 different schedules, got 3"), (("--given", "size"), 27, "got 'size'")],
)
def test_what_cannot_be_answered_is_said(sweep: Sweep, arguments: tuple[str, ...], n: int, said: str) -> None:
    sweep(points()[:n])
    with pytest.raises(SpecError, match=said):
        run(*arguments)
