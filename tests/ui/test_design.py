"""The editor of the Design page: locks, links, scale, undo, redo and ticks, without a browser."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.schedules.editing import SCALES
from roboreg_core.schedules.saved_schedules import ScheduleDraft, save
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.store import Store
from roboreg_core.ui.design import slider_ticks
from tests.hostile_text import NAMES
from tests.networks.helpers import keep_network
from tests.ui.test_pages import Open, button, click, counts, slider
from tests.ui.test_saved_pages import html


def press(app: AppTest, key: str) -> None:
    """Click, then look at all of the page: a change draws only what shows it."""
    click(app, key)
    app.run()


def standing(app: AppTest) -> list[int]:
    return [slider(app, block).value for block in range(1, 10)]


def move(app: AppTest, block: int, count: int) -> None:
    slider(app, block).set_value(count).run()
    assert not app.exception
    app.run()


def test_a_locked_block_stays_and_the_page_says_so(open_page: Open) -> None:
    app = open_page("design")
    press(app, "lock-2")
    assert slider(app, 2).disabled
    assert not slider(app, 1).disabled
    click(app, "preset-quarter")
    assert "Locked, so not changed: block 2" in app.toast[0].value
    app.run()
    assert standing(app) == [4, 8, 4, 8, 8, 8, 16, 16, 16]
    app.button(key="scale-all").click().run()
    app.run()
    assert standing(app) == [2, 8, 2, 4, 4, 4, 8, 8, 8]
    press(app, "reset")
    press(app, "unlock-all")
    assert not slider(app, 2).disabled
    assert button(app, "unlock-all") is None
    press(app, "preset-quarter")
    assert standing(app) == presets()["quarter"].to_json()


def test_a_linked_stage_moves_as_one(open_page: Open) -> None:
    app = open_page("design", s="8,8,8,14,16,30,32,32,32")
    press(app, "link-2")
    press(app, "lock-5")
    move(app, 4, 18)
    assert standing(app) == [8, 8, 8, 18, 16, 32, 32, 32, 32]
    assert "18,16,32" in str(app.query_params["s"])
    move(app, 1, 3)
    press(app, "link-2")
    move(app, 4, 2)
    assert standing(app) == [3, 8, 8, 2, 16, 32, 32, 32, 32]


def test_undo_and_redo_walk_through_all_that_was_done(open_page: Open) -> None:
    app = open_page("design")
    assert button(app, "undo-step").disabled
    assert button(app, "redo-step").disabled
    seen = [standing(app)]
    for count in (5, 3):
        move(app, 1, count)
        seen.append(standing(app))
    press(app, "preset-quarter")
    seen.append(standing(app))
    press(app, "lock-9")
    assert "lock of block 9" in button(app, "undo-step").help
    press(app, "undo-step")
    assert not slider(app, 9).disabled
    for expected in reversed(seen[:-1]):
        press(app, "undo-step")
        assert standing(app) == expected
    assert button(app, "undo-step").disabled
    assert counts(app)[0] == "135,754"
    for expected in seen[1:]:
        press(app, "redo-step")
        assert standing(app) == expected
    assert str(presets()["quarter"]) in str(app.query_params["s"])


def test_the_scale_is_a_number_and_bounded(open_page: Open) -> None:
    app = open_page("design")
    app.number_input(key="scale").set_value(75.0)
    press(app, "scale-all")
    assert standing(app) == [6, 6, 6, 12, 12, 12, 24, 24, 24]
    field = app.number_input(key="scale")
    assert (field.min, field.max) == SCALES
    app.number_input(key="scale").set_value(1.0)
    press(app, "scale-all")
    assert standing(app) == [1] * 9


def test_an_address_wins_over_locks(open_page: Open) -> None:
    app = open_page("design")
    press(app, "lock-1")
    press(app, "lock-4")
    app.query_params["s"] = "3,8,8,16,16,16,32,32,32"
    app.run()
    assert standing(app)[0] == 3
    assert not slider(app, 1).disabled
    assert slider(app, 4).disabled
    press(app, "undo-step")
    assert standing(app) == presets()["moderate"].to_json()


def test_the_work_lasts_over_a_step_to_another_page(open_page: Open) -> None:
    app = open_page("design")
    move(app, 1, 3)
    press(app, "lock-1")
    app.switch_page("pages/jobs.py").run()
    app.switch_page("pages/design.py").run()
    assert standing(app)[0] == 3
    assert slider(app, 1).disabled
    assert not button(app, "undo-step").disabled


def test_ticks_stand_where_the_slider_does_and_name_what_they_are(open_page: Open, store: Store) -> None:
    save(store, ScheduleDraft(name="half, for Monday", schedule=presets()["moderate"]))
    page = html(open_page("design"))
    assert page.count('role="img" aria-label="Block ') == 9
    assert "8: \u201c\u2068half, for Monday\u2069\u201d, moderate" in page
    lefts = [
        float(left) for left in re.findall(r"left:([\d.]+)%", slider_ticks.drawn(1, RESNET20.bounds[0], presets(), []))
    ]
    assert lefts == pytest.approx([100 * (count - 1) / 15 for count in (2, 4, 8, 12, 15, 16)], abs=0.01)


def test_many_saved_schedules_make_no_more_ticks_than_counts() -> None:
    saved = [(f"name {n}", Schedule((1 + n % 16, 8, 8, 16, 16, 16, 32, 32, 32))) for n in range(1_000)]
    drawn = slider_ticks.drawn(1, RESNET20.bounds[0], {}, saved)
    assert drawn.count("title=") == 16
    assert "and 59 more" in drawn
    assert len(drawn) < 8_000


@pytest.mark.parametrize("name", NAMES)
def test_no_name_becomes_markup_in_a_tick(name: str) -> None:
    drawn = slider_ticks.drawn(1, RESNET20.bounds[0], {}, [(name, presets()["moderate"])])
    assert drawn.count('title="') == 1
    assert re.findall(r"</?[a-z]+", drawn) == ["<div", "<span", "<span", "</span", "</span", "</div"]


NARROW = Architecture(base_width=8, shortcut="B")


def test_the_sliders_are_those_of_the_chosen_network(open_page: Open, store: Store) -> None:
    keep_network(store, "narrow", architecture=NARROW)
    save(store, ScheduleDraft(name="wide", schedule=presets()["quarter"]))
    save(store, ScheduleDraft(name="narrow half", schedule=presets(NARROW)["moderate"]))
    app = open_page("design", dense="narrow", s="quarter")
    assert [slider(app, block).value for block in NARROW.blocks] == presets(NARROW)["quarter"].to_json()
    assert slider(app, 9).max == 32
    assert app.selectbox(key="load-saved").options == ["narrow half"]
    move(app, 9, 3)
    app.selectbox(key="dense").set_value("dense").run()
    app.run()
    assert standing(app) == presets()["moderate"].to_json()
    assert len([each for each in app.slider if (each.key or "").startswith("slider-")]) == RESNET20.n_blocks


def test_grids_and_sensitivities_are_those_of_the_chosen_network(open_page: Open, store: Store) -> None:
    keep_network(store, "deep", architecture=Architecture(depth=32, base_width=8, shortcut="B"))
    for tab in ("Sweeps", "Sensitivity", "Search", "Prediction"):
        app = open_page("explore", tab=tab, dense="deep")
        assert not app.exception
        assert not app.error
    app = open_page("explore", tab="Sweeps", dense="deep")
    assert any("Blocks 1 to 5, 1 to 8" in each.label for each in app.text_input)
