"""What the tabs of Explore keep is reported apart by what was measured."""

from __future__ import annotations

from dataclasses import replace

from roboreg_core.schedules.schedule import presets
from roboreg_core.ui.explore.cache import _digest
from tests.sweeps.synthetic_points import made, seen


def test_a_record_that_got_more_figures_is_another_state() -> None:
    point = replace(made(presets()["moderate"]), record="a" * 16)
    later = [point, replace(point, test=seen(0.5)), replace(point, validation=None), replace(point, latency=0.1)]
    assert len({_digest([each]) for each in later}) == len(later)
    assert _digest([point]) == _digest([replace(point)])
