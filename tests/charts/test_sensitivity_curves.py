"""Sensitivity in charts and words, from made-up points."""

from __future__ import annotations

from roboreg_core.architecture import RESNET20
from roboreg_core.charts import sensitivity_curves
from roboreg_core.prediction.sensitivity import curves, plan, removal_costs
from roboreg_core.schedules.schedule import dense_schedule, presets
from tests.charts.test_charts import drawn
from tests.sweeps.synthetic_points import made, made_all, seen

CURVES = curves(made_all(plan().schedules()))
ONLY_BLOCK_4 = curves(
    [made(dense_schedule().replace(4, count), share=share) for count, share in ((8, 0.7), (16, 0.8))], seen(0.9)
)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_curves_have_every_count_and_mark_what_was_measured_and_what_is_present() -> None:
    frame = sensitivity_curves.sensitivity_data(CURVES, presets()["moderate"])
    assert list(frame.columns) == sensitivity_curves.COLUMNS
    assert len(frame) == sum(RESNET20.bounds)
    assert frame["measured"].sum() == 9 * 8 + 9
    present = frame[frame["present"]]
    assert list(present["count"]) == list(presets()["moderate"])
    assert (frame["low"] <= frame["accuracy"]).all()
    assert (frame["accuracy"] <= frame["high"]).all()
    assert "most in block 4, 8.5 percentage points, and least in block 9" in plain(
        sensitivity_curves.sensitivity_title(frame)
    )
    assert "72 networks" in drawn(sensitivity_curves.sensitivity_chart(frame))["description"]


def test_curves_stop_where_measuring_did() -> None:
    frame = sensitivity_curves.sensitivity_data(ONLY_BLOCK_4)
    assert frame.loc[frame["block"] == 4, "count"].min() == 8
    assert not frame["present"].any()
    assert (
        plain(sensitivity_curves.sensitivity_title(frame))
        == "Keeping a quarter of block 4's filters costs 20.0 percentage points of accuracy"
    )
    drawn(sensitivity_curves.sensitivity_chart(frame))
    nothing = sensitivity_curves.sensitivity_data(curves([], seen(0.9)))
    assert "No block" in sensitivity_curves.sensitivity_title(nothing)
    drawn(sensitivity_curves.sensitivity_chart(nothing))


def test_an_exchange_keeps_its_order_and_says_what_is_not_known() -> None:
    frame = sensitivity_curves.removal_cost_data(removal_costs(CURVES, presets()["moderate"].replace(1, 1)))
    assert list(frame["per_mac"][:8]) == sorted(frame["per_mac"][:8])
    assert list(frame["block"])[-1] == 1
    assert frame["text"].iloc[-1] == "One filter is left and cannot be removed"
    assert f"least in block {frame['block'][0]}" in sensitivity_curves.removal_cost_title(frame)
    drawn(sensitivity_curves.removal_cost_chart(frame))


def test_an_exchange_of_what_nobody_measured() -> None:
    frame = sensitivity_curves.removal_cost_data(removal_costs(curves([], seen(0.9)), presets()["moderate"]))
    assert all(text.endswith("was not measured") for text in frame["text"])
    assert sensitivity_curves.removal_cost_title(frame) == "No filter can be removed, or the cost was not measured"
    drawn(sensitivity_curves.removal_cost_chart(frame))
