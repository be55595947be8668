from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from roboreg_core.architecture import RESNET20
from roboreg_core.charts.sensitivity_sparkline import HEIGHT, lowest, sparkline, sparkline_words
from roboreg_core.prediction.sensitivity import SensitivityCurve, SensitivityCurves, curves, plan
from roboreg_core.sweeps.points import ClassCounts
from tests.sweeps.synthetic_points import made_all


@pytest.fixture(scope="module")
def world() -> SensitivityCurves:
    return curves(made_all(plan(4).schedules()))


def line(drawn: str) -> list[tuple[float, float]]:
    """The curve's corners, from the last path of the image."""
    path = re.findall(r'd="M([^"]*)" fill="none"', unquote(drawn))[-1]
    return [tuple(map(float, corner.split(","))) for corner in path.split(" L")]  # type: ignore[misc]


@pytest.mark.parametrize("block", range(1, 10))
def test_the_curve_stands_over_the_slider_and_within_its_strip(world: SensitivityCurves, block: int) -> None:
    corners = line(sparkline(world[block], 1, lowest(world)))
    bound = RESNET20.bounds[block - 1]
    assert [x for x, _ in corners] == pytest.approx([100 * k / (bound - 1) for k in range(bound)], abs=0.01)
    heights = [y for _, y in corners]
    assert all(0 <= y <= HEIGHT for y in heights)
    assert heights == sorted(heights, reverse=True), "more clusters never lie lower in this world"


def test_the_mark_is_on_the_curve(world: SensitivityCurves) -> None:
    for count in (1, 5, 16):
        drawn = sparkline(world[1], count, lowest(world))
        left, top = map(float, re.findall(r"left:([\d.]+)%;top:([\d.]+)px", drawn)[0])
        assert (left, top) == pytest.approx(line(drawn)[count - 1], abs=0.06)


def test_strips_share_one_floor(world: SensitivityCurves) -> None:
    floor = lowest(world)
    deepest = {block: max(y for _, y in line(sparkline(world[block], 1, floor))) for block in range(1, 10)}
    worst = min(range(1, 10), key=lambda block: world[block].accuracy(1))
    assert max(deepest, key=lambda block: deepest[block]) == worst


def test_words(world: SensitivityCurves) -> None:
    assert sparkline_words(world[1], 16) == "Block 1: all 16 filters, no loss"
    assert re.fullmatch(r"Block 1 alone at 4 of 16: \u2212\d\.\d\spp \(\d\d\.\d\s%\)", sparkline_words(world[1], 4))
    seen = ClassCounts(right=(9,) * 10, images=(10,) * 10)
    half = SensitivityCurve(block=2, measured=((8, seen), (16, seen)))
    assert sparkline_words(half, 4) == "Block 2: not measured at so few filters"
    assert "rotate(45deg)" not in sparkline(half, 4, 0.0), "no mark where nothing is known"
    assert sparkline_words(SensitivityCurve(block=2, measured=((16, seen),)), 8) == "Block 2: not measured"
