"""Every page as Streamlit runs it, with the recorded runs and with nothing, with good addresses and with junk."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core import paths
from roboreg_core.model.cost import cost
from roboreg_core.runs import KIND
from roboreg_core.schedule import PRESETS
from roboreg_core.store.store import Store
from roboreg_core.ui import state

PAGES = ("overview", "design", "jobs", "inspect")


class NoMachinery:
    """Stands in for torch and the job engine, which these pages do not need to be drawn."""

    class loaded:  # noqa: N801
        """Never set: the start button waits."""

        @staticmethod
        def is_set() -> bool:
            return False


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "machinery", NoMachinery)


def opened(page: str, **address: str) -> AppTest:
    app = AppTest.from_file(str(paths.PROJECT / "app.py"), default_timeout=30)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    return app.switch_page(f"pages/{page}.py").run() if page != "overview" else app


def words(app: AppTest) -> str:
    return " ".join(str(element.value) for kind in (app.markdown, app.error, app.info, app.caption) for element in kind)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_drawn_with_the_recorded_runs(page: str) -> None:
    app = opened(page)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_drawn_without_any_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "recorded", lambda: tmp_path / "none")
    app = opened(page)
    assert not app.exception
    assert not app.error


def test_design_counts_what_the_address_says() -> None:
    app = opened("design", s=str(PRESETS["quarter"]))
    assert f"{cost(PRESETS['quarter']).parameters:,}" in str([metric.value for metric in app.metric]) + words(app)


@pytest.mark.parametrize("junk", ["x", "0,8,8,16,16,16,32,32,32", "8,8", "<script>alert(1)</script>", "9" * 5000])
def test_a_junk_schedule_is_answered_with_a_reason(junk: str) -> None:
    app = opened("design", s=junk)
    assert not app.exception
    assert "holds no valid schedule" in words(app)


@pytest.mark.parametrize("junk", ["ffffffff", "<script>alert(1)</script>", "", "%", "é" * 300])
def test_an_unknown_run_is_answered_with_a_reason(junk: str) -> None:
    assert not opened("inspect", run=junk).exception


def test_inspect_reads_the_stored_accuracy() -> None:
    record = Store(paths.home(), shipped=paths.recorded()).list_records(KIND)[0]
    app = opened("inspect", run=record.id)
    assert not app.exception
    shown = words(app) + str([metric.value for metric in app.metric])
    assert f"{100 * record.result['stages']['tuned']['accuracy']:.1f}" in shown
