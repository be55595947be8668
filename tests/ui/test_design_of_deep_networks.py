"""Design for a network with many blocks per stage: a row per stage that opens, and the network's own schedules."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core.architecture import Architecture
from roboreg_core.models.costs import cost
from roboreg_core.networks.registry import DenseNetwork
from roboreg_core.schedules.saved_schedules import ScheduleDraft, save
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.store import Store
from roboreg_core.ui import navigation
from tests.networks.helpers import keep_network
from tests.ui.test_design import press
from tests.ui.test_pages import Open, button, click, counts, said

DEEP = Architecture(depth=56)
MODERATE = presets(DEEP)["moderate"]


@pytest.fixture
def network(store: Store) -> DenseNetwork:
    return keep_network(store, "deep", architecture=DEEP)


def sliders(app: AppTest, kind: str) -> dict[int, int]:
    """Values of the sliders of stages (`stage-slider`) or blocks (`slider`)."""
    parts = ([*each.key.rsplit("-", 2), each.value] for each in app.slider)
    return {int(number): value for name, number, _, value in parts if name == kind}


def move(app: AppTest, kind: str, number: int, count: int) -> None:
    next(each for each in app.slider if each.key.startswith(f"{kind}-{number}-")).set_value(count).run()
    assert not app.exception, app.exception[0].message
    app.run()


def address(app: AppTest, name: str) -> str:
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]


def shown(app: AppTest) -> Schedule:
    return Schedule.parse(address(app, "s"), DEEP)


def test_a_stage_is_a_row_that_scales_its_blocks_and_opens_into_them(open_page: Open, network: DenseNetwork) -> None:
    app = open_page("design", dense="deep")
    assert shown(app) == MODERATE
    assert sliders(app, "stage-slider") == {1: 8, 2: 16, 3: 32}
    assert sliders(app, "slider") == {}
    assert counts(app)[0] == f"{cost(MODERATE).parameters:,}"
    move(app, "stage-slider", 2, 5)
    assert shown(app).counts == (8,) * 9 + (5,) * 9 + (32,) * 9
    press(app, "open-stage-2")
    assert sliders(app, "slider") == dict.fromkeys(DEEP.blocks_of(2), 5)
    move(app, "slider", 10, 23)
    assert sliders(app, "stage-slider")[2] == 7
    press(app, "lock-10")
    move(app, "stage-slider", 2, 12)
    assert shown(app).counts[9:18] == (23,) + (11,) * 8
    press(app, "open-stage-2")
    assert sliders(app, "slider") == {}
    press(app, "undo-step")
    assert sliders(app, "stage-slider")[2] == 7


def test_each_architecture_keeps_its_schedule(open_page: Open, network: DenseNetwork) -> None:
    app = open_page("design", s="quarter")
    app.selectbox(key="dense").select("deep").run()
    app.run()
    assert not app.exception
    assert shown(app) == MODERATE
    press(app, "preset-quarter")
    app.selectbox(key="dense").select("dense").run()
    app.run()
    assert address(app, "s") == str(presets()["quarter"])
    app.selectbox(key="dense").select("deep").run()
    app.run()
    assert shown(app) == presets(DEEP)["quarter"]


def test_an_address_for_another_depth_says_so(open_page: Open, network: DenseNetwork) -> None:
    app = open_page("design", dense="deep", s=str(presets()["moderate"]))
    assert "must have 27 filter counts" in said(app)
    assert shown(app) == MODERATE


def test_saved_schedules_are_offered_to_networks_of_their_architecture(
    open_page: Open, network: DenseNetwork, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(store, ScheduleDraft(name="shallow", schedule=presets()["quarter"]))
    saved = save(store, ScheduleDraft(name="deep one", schedule=presets(DEEP)["quarter"]))
    absent = save(store, ScheduleDraft(name="another", schedule=presets(Architecture(depth=32))["quarter"]))
    assert open_page("design", dense="deep").selectbox(key="load-saved").options == ["deep one"]
    app = open_page("schedules")
    assert button(app, f"design-{absent.id}").disabled
    opened: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(navigation, "go", lambda page, query: opened.append((page, query)))
    click(app, f"design-{saved.id}")
    assert opened == [("design", {"s": str(saved.schedule), "dense": "deep"})]


def test_a_sweep_s_grid_is_of_the_chosen_network(open_page: Open, network: DenseNetwork) -> None:
    app = open_page("explore", dense="deep")
    assert app.text_input(key="sweep-stage-56-16-1").value == "4, 8, 12"
    for kind in ("Grid by block", "List", "Random", "Grid by stage"):
        app.segmented_control(key="sweep-kind").set_value(
            {"Grid by block": "blocks", "Grid by stage": "stages"}.get(kind, kind.lower())
        ).run()
        assert not app.exception
    assert app.text_input(key="sweep-stage-56-16-1").value == "4, 8, 12"


def test_a_pruned_network_bounds_the_schedule(open_page: Open, store: Store) -> None:
    pruned = Schedule((1, 4, 4, 8, 8, 8, 16, 16, 16))
    keep_network(store, "small", pruned=pruned)
    app = open_page("design", dense="small")
    assert address(app, "s") == str(pruned)
    assert {each.max for each in app.slider} == {4, 8, 16}
    assert len(app.slider) == 8, "block 1 has one filter"
    assert "nothing to prune" in said(app)
    press(app, "preset-aggressive")
    assert address(app, "s") == "1,2,2,2,2,2,2,2,2"
    press(app, "preset-dense")
    assert address(app, "s") == str(pruned)
    app = open_page("design", dense="small", s="quarter")
    assert "filter count for block 1 must be 1..1" in said(app).replace("\\", "").lower()
