"""The preview on the Design page: requested automatically, greyed while pending, shown once measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core.jobs.request_queue import PendingRequest, RequestStatus
from roboreg_core.runs.preview import Preview
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.store import Store
from roboreg_core.ui.design.preview_panel import TITLE, poll_seconds
from tests.ui.conftest import FakeEngine
from tests.ui.test_pages import button, click, said, slider

Open = Callable[..., AppTest]
MEASURED = {
    "dense_right": 1_862,
    "images": 2_000,
    "calibration": 2_000,
    "device": "CPU",
    "threads": 1,
    "precision": "bfloat16",
    "seconds": 2.0,
}


def answer(asked: PendingRequest, right: int) -> None:
    asked.end(RequestStatus.FINISHED, result={"right": right, **MEASURED})


def figure(app: AppTest) -> tuple[str, str]:
    (tile,) = [metric for metric in app.metric if metric.label == TITLE]
    return tile.value.replace("\u00a0", " "), tile.delta.replace("\u00a0", " ")


def test_it_starts_by_itself_and_follows_the_sliders(open_page: Open, engine: FakeEngine, store: Store) -> None:
    app = open_page("design")
    (first,) = engine.asked
    assert first.request.spec["schedule"] == presets()["moderate"].to_json()
    assert figure(app)[0] == "…"
    assert "Preparing" in said(app)
    app.run()
    assert len(engine.asked) == 1, "what is being measured is not asked again"
    answer(first, 1_742)
    app.run()
    assert figure(app) == ("87.1 % ± 1.5", "−6.0 pp")
    assert (
        "2,000 validation images, bfloat16; refit with 2,000 calibration images (3,000 in a run); one seed (0)"
        in said(app)
    )

    slider(app, 9).set_value(20).run()
    second = engine.asked[1]
    assert second.request.spec["schedule"][8] == 20
    assert second.request.channel == first.request.channel
    assert figure(app)[0] == "87.1 % ± 1.5"
    assert "Measuring" in said(app)
    second.progress = {"stage": "prune", "block": 9}
    app.run()
    assert "pruning block 9 of 9" in said(app)
    answer(second, 1_600)
    app.run()
    assert figure(app)[0] == "80.0 % ± 1.8"
    assert store.list_jobs() == []


def test_one_that_was_measured_is_not_asked_again(open_page: Open, engine: FakeEngine) -> None:
    app = open_page("design")
    answer(engine.asked[0], 1_742)
    app.run()
    slider(app, 1).set_value(3).run()
    assert engine.withdrawn == []
    slider(app, 1).set_value(8).run()
    assert figure(app)[0] == "87.1 % ± 1.5"
    assert len(engine.asked) == 2
    assert engine.withdrawn == [engine.asked[0].request.channel], "nobody waits for the other one any more"


def test_it_follows_the_method_and_not_the_fine_tuning(open_page: Open, engine: FakeEngine) -> None:
    app = open_page("design", method="merge", seed="3")
    spec = engine.asked[-1].request.spec
    assert (spec["method"], spec["recalibrate"], spec["seed"]) == ("merge", False, 3)
    app.toggle(key="recalibrate").set_value(True).run()
    assert engine.asked[-1].request.spec["recalibrate"] is True
    app.radio(key="method").set_value("l1").run()
    assert engine.asked[-1].request.spec["method"] == "l1"
    count = len(engine.asked)
    app.number_input(key="epochs").set_value(9).run()
    assert len(engine.asked) == count


def test_a_failure_is_said_and_may_be_tried_again(open_page: Open, engine: FakeEngine) -> None:
    app = open_page("design")
    engine.asked[0].end(RequestStatus.FAILED, error="the worker process died 3 times while answering: ask again")
    app.run()
    assert any("The worker process died 3 times" in error.value for error in app.error)
    click(app, "preview-again")
    assert len(engine.asked) == 2
    answer(engine.asked[1], 1_742)
    app.run()
    assert figure(app)[0] == "87.1 % ± 1.5"
    assert button(app, "preview-again") is None
    assert not app.error


@pytest.mark.parametrize(("took", "seconds"), [(0.3, 0.2), (2.0, 0.6), (6.0, 1.0)])
def test_a_slow_machine_is_asked_less_often(took: float, seconds: float) -> None:
    before = Preview(right=1_742, **{**MEASURED, "seconds": took})  # type: ignore[arg-type]
    assert poll_seconds(before) == pytest.approx(seconds)
    assert poll_seconds(None) == 0.5
