"""Texts that break careless pages and files do no harm on any page, in any tab, in any file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from benchmarks import homes
from roboreg_core import paths
from roboreg_core.report.html_report import report_html
from roboreg_core.runs.predicted_classes import predictions_csv
from roboreg_core.runs.results import card_for
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules import schedule_file
from roboreg_core.schedules.saved_schedules import saved_schedules
from roboreg_core.store.store import Store
from roboreg_core.ui import shared_state
from tests import hostile_text
from tests.report.reading import Reader
from tests.ui.conftest import FakeEngine, restart, wait_loaded


@pytest.fixture
def filled(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, list[str]]]:
    """A home full of such texts beside the recorded runs, and the ids of its runs."""
    restart()
    store = homes.open_store(home)
    monkeypatch.setattr(shared_state, "HEAD_START_SECONDS", 0.0)
    monkeypatch.setattr(shared_state, "start_engine", FakeEngine)
    yield store, hostile_text.fill(store)
    store.close()
    restart()


def opened(page: str, query: dict[str, str]) -> AppTest:
    app = AppTest.from_file(str(paths.PROJECT / "app.py"), default_timeout=120)
    app.run()
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py")
    app.run()
    assert not app.exception, app.exception[0].message
    return app


@pytest.mark.parametrize("page", homes.navigation())
def test_every_page_and_tab_takes_any_text(page: str, filled: tuple[Store, list[str]]) -> None:
    assert wait_loaded()
    query = homes.query(page, filled[1])
    app = opened(page, query)
    for tab in dict.fromkeys(each.label for each in app.tabs):
        app = opened(page, {**query, "tab": tab})
        assert_harmless(app)
    assert_harmless(app)


def assert_harmless(app: AppTest) -> None:
    """Nothing that Streamlit takes for HTML holds a text of ours, and Markdown's signs are escaped."""
    html = [each.proto.body for each in app.get("html")]
    html += [each.value for each in app.markdown if each.allow_html]
    read = [Reader(text) for text in html if not text.startswith("<style>")]
    elements = [element for each in read for element in each.elements]
    assert not {"script", "b", "title"} & {name for name, _ in elements}
    # Pictures of ours are made here, links of ours lead to Inspect; nothing else is either.
    made = ("data:image/png;base64,", "data:image/svg+xml")
    assert all(given["src"].startswith(made) for name, given in elements if name == "img")
    assert all(given["href"].startswith("inspect?") for name, given in elements if name == "a")
    assert not [given for _, given in elements if any(name.startswith("on") or name == "id" for name in given)]
    kinds = ("markdown", "caption", "info", "error", "warning", "success", "title", "header", "subheader")
    for text in (each.value for kind in kinds for each in app.get(kind)):
        assert "](javascript:" not in text
        assert "<img" not in text.replace("\\<img", "")


def test_files_hold_any_text_and_stay_what_they_are(filled: tuple[Store, list[str]]) -> None:
    store, runs = filled
    records = [each for each in store.list_records(KIND) if each.id in runs]
    read = Reader(report_html(records[:1], store))
    assert not {"script", "img", "b"} & {name for name, _ in read.elements}
    Reader(report_html(records, store, records[1]))
    rows = list(csv.reader(io.StringIO(predictions_csv(records[0], store))))
    assert len(rows) == 10_001
    assert {len(row) for row in rows} == {len(rows[0])}
    card = card_for(records[0], store.artifacts.get(records[0].result["artifacts"]["weights"]))
    assert json.loads(json.dumps(card))["spec"] == records[0].spec
    drafts = [each.draft for each in saved_schedules(store)]
    assert schedule_file.read(schedule_file.write(drafts).encode()) == drafts
    assert sorted(draft.name for draft in drafts) == sorted(name.strip() for name in hostile_text.NAMES)
