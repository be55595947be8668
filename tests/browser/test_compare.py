"""Comparing runs as a person does: pick them, change the baseline, send the address, show it in a meeting."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from roboreg_core.wording import fmt
from tests.browser.conftest import App
from tests.shipped_runs import shipped_run, shipped_runs

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HALF, QUARTERS, MINIMAL, QUARTER = map(shipped_run, ("moderate", "three-quarters", "minimal", "quarter"))


def figures(page: Page, run: str) -> str:
    """The row of a run in the table of figures."""
    row = page.locator(".st-key-compared tr").filter(has=page.locator("th", has_text=re.compile(rf"\b{run} example")))
    expect(row).to_be_visible()
    return row.inner_text().replace("\u00a0", " ")


def change(run: str, baseline: str = "") -> float:
    """A recorded run's accuracy less another's, or the dense network's, 0..1; runs by the beginning of their ids."""
    records = {run.id[:8]: run.result["stages"] for run in shipped_runs()}
    before = records[baseline]["tuned"] if baseline else records[run]["dense"]
    return float(records[run]["tuned"]["accuracy"] - before["accuracy"])


def points(run: str, baseline: str = "") -> str:
    return fmt.signed_points(change(run, baseline), 2).replace(fmt.NBSP, " ")


def tick(page: Page, row: int) -> None:
    """Tick a row of the table of runs; its cells are drawn on a canvas."""
    table = page.locator(".st-key-runs-table .dvn-scroller").first
    table.click(position={"x": 17, "y": 35 * row + 17})


def test_three_runs_a_baseline_and_an_address(page: Page, browser: Browser, app: App) -> None:
    page.goto(f"{app.address}/compare?runs={HALF},{QUARTERS},{MINIMAL}")
    finding = page.locator(".st-key-finding h3")
    expect(finding).to_contain_text("of the dense network")
    assert points(HALF).startswith("−")
    assert points(HALF) in figures(page, "moderate")
    assert f"lost {-change(HALF) * 100:.1f} pp, significant (p < 0.001)" in figures(page, "moderate")
    assert points(QUARTERS) in figures(page, "three-quarters")

    # Against the half network the others are more accurate: the signs flip.
    page.locator(".st-key-compare-baseline [role=combobox], .st-key-compare-baseline input").first.click()
    page.get_by_role("option").filter(has_text="moderate").click()
    expect(finding).to_contain_text("of moderate")
    assert points(QUARTERS, HALF).startswith("+")
    assert points(QUARTERS, HALF) in figures(page, "three-quarters")
    assert f"gained {change(QUARTERS, HALF) * 100:.1f} pp, significant" in figures(page, "three-quarters")
    assert points(MINIMAL, HALF) in figures(page, "minimal")
    assert "baseline" in figures(page, "moderate")
    page.locator(".st-key-metric button").filter(has_text="Latency").click()
    expect(page).to_have_url(re.compile(f"baseline={HALF}.*metric=latency|metric=latency.*baseline={HALF}"))
    expect(page.locator(".st-key-chart-tradeoff")).to_contain_text("latency of one image", use_inner_text=False)
    titles = page.locator(".stMarkdown strong").all_inner_texts()

    # The address in another browser shows the same.
    other = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    other.goto(page.url)
    expect(other.locator(".st-key-finding h3")).to_have_text(finding.inner_text())
    for run in ("moderate", "three-quarters", "minimal"):
        assert figures(other, run) == figures(page, run)
    expect(other.locator(".stMarkdown strong")).to_have_text(titles)

    # In a meeting the controls are gone, here and on the next page.
    other.locator(".st-key-present label").first.click()
    expect(other.locator(".st-key-compare-baseline")).to_be_hidden()
    expect(other.locator(".st-key-finding h3")).to_be_visible()
    expect(other).to_have_url(re.compile("present=1"))
    other.get_by_role("link", name="Overview").click()
    expect(other.locator(".st-key-best h3")).to_be_visible()
    expect(other.locator(".st-key-chart-tradeoff svg").first).to_be_visible()
    for hidden in (".st-key-runs-table", ".stExpander", ".st-key-find", ".stPageLink"):
        expect(other.locator(hidden).first).to_be_attached()
        expect(other.locator(hidden).first).to_be_hidden()
    expect(other).to_have_url(re.compile("present=1"))
    other.context.close()


def test_two_runs_of_the_overview_are_compared(page: Page, app: App) -> None:
    page.goto(app.address)
    expect(page.locator(".st-key-runs-table canvas").first).to_be_visible()
    tick(page, 4)
    expect(page.locator(".st-key-inspect-this")).to_be_visible()
    tick(page, 5)
    bar = page.locator(".st-key-picked")
    expect(bar).to_contain_text("moderate · 4")
    page.locator(".st-key-compare-these button").click()
    expect(page).to_have_url(re.compile(rf"compare\?runs={HALF}\w+(,|%2C){QUARTERS}"))
    assert points(HALF) in figures(page, "moderate")


def test_points_of_the_overview_are_compared_and_inspected(page: Page, app: App) -> None:
    def point(run: str) -> Locator:
        return page.locator(f".st-key-chart-tradeoff path[aria-label*='run: {run} · 4'][aria-label*='tuned']")

    page.goto(app.address)
    point("minimal").click(modifiers=["Shift"])
    expect(page.locator(".st-key-picked")).to_contain_text("minimal")
    point("quarter").click(modifiers=["Shift"])
    page.locator(".st-key-compare-these button").click()
    expect(page.locator(".st-key-finding h3")).to_be_visible()
    assert points(MINIMAL) in figures(page, "minimal")
    assert points(QUARTER) in figures(page, "quarter")
    point("quarter").click()
    expect(page).to_have_url(re.compile(r"inspect\?run="))
