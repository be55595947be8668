"""Reports in a browser without a network: complete, and readable on any screen and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request, expect

from roboreg_core import paths
from roboreg_core.report.html_report import report_html
from roboreg_core.runs.spec import KIND
from roboreg_core.store.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize(("count", "charts"), [(1, 9), (6, 6)])
def test_a_report_opens_offline(browser: Browser, home: Path, tmp_path: Path, count: int, charts: int) -> None:
    store = Store(home, shipped=paths.recorded())
    records = store.list_records(KIND)[:count]
    file = tmp_path / "report.html"
    file.write_text(report_html(records, store))
    asked: list[str] = []
    complaints: list[str] = []
    for scheme, width in (("light", 1200), ("dark", 390)):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_offline(True)
        page = context.new_page()
        page.on("request", lambda request: asked.append(_address(request)))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(file.as_uri())
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("img")).to_have_count(charts)
        # Wide tables scroll by themselves, the page does not.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        dark = "rgb(18, 24, 31)"
        assert (page.evaluate("getComputedStyle(document.body).backgroundColor") == dark) == (scheme == "dark")
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        # Nothing is cut off on A4: 178 mm between its margins.
        page.set_viewport_size({"width": 673, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.pdf(format="A4").startswith(b"%PDF")
        context.close()
    assert set(asked) == {file.as_uri()}
    assert complaints == []


def _address(request: Request) -> str:
    return str(request.url)
