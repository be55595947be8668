"""Explore through a real browser: a sweep defined, started, watched, stopped and resumed; correlations; a search."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from roboreg_core import paths
from roboreg_core.correlation.correlations import KINDS, correlate
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.store import Store
from roboreg_core.sweeps import control, sweep_store
from roboreg_core.sweeps.grid import source_grid
from roboreg_core.sweeps.points import frame
from tests.browser.conftest import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# A cheap one: filters by the size of their weights need no images to prune.
GRID = "?sweep-method=l1&sweep-stage-1=8-10&sweep-stage-2=16-17&sweep-stage-3=32-34"
LOAD_MS, SWEEP_MS = 180_000, 300_000


def open_explore(page: Page, app: App, query: str = "") -> None:
    page.goto(f"{app.address}/explore{query}")
    expect(page.get_by_role("tab", name="Sweeps")).to_be_visible(timeout=LOAD_MS)


def test_a_sweep_is_defined_started_watched_stopped_and_resumed(page: Page, small_app: App) -> None:
    open_explore(page, small_app, GRID)
    cost = page.locator(".st-key-sweep-cost")
    expect(cost).to_contain_text("18 schedules")
    # One count typed away: the number follows before anything starts.
    field = page.locator(".st-key-sweep-stage-3 input")
    field.fill("32, 34")
    field.press("Enter")
    expect(cost).to_contain_text("12 schedules")
    expect(cost).to_contain_text("Takes about", timeout=LOAD_MS)
    page.locator(".st-key-sweep-start button").click()
    store = Store(small_app.home)
    stop = page.locator("[class*='st-key-stop-'] button")
    expect(stop).to_be_visible()
    sweep = next(each for each in sweep_store.sweeps(store) if not each.recorded)
    card = page.locator(f".st-key-sweep-{sweep.id}")
    expect(card).to_contain_text(re.compile(r"[1-9]\d* of 12.points"), timeout=SWEEP_MS)
    # Closing the page changes nothing.
    page.reload()
    expect(card).to_contain_text(re.compile(r"[1-9]\d* of 12.points, about"), timeout=SWEEP_MS)
    stop.click()
    resume = card.locator("[class*='st-key-resume-'] button")
    expect(resume).to_be_visible(timeout=SWEEP_MS)
    before = control.status(store, sweep)
    assert 0 < before.done < 12
    resume.click()
    expect(card).to_contain_text(re.compile("All 12.points measured"), timeout=SWEEP_MS)
    assert control.status(store, sweep).done == 12
    # Deleted, it can be brought back at once.
    card.locator("[class*='st-key-more-'] button").click()
    page.locator(f".st-key-delete-{sweep.id} button").click()
    page.locator(".st-key-undo button").click()
    expect(card).to_be_visible()
    assert sweep in sweep_store.sweeps(store)
    store.close()


def mark(page: Page, chart: str, *words: str) -> Locator:
    """The mark of a chart whose aria-label holds all of these words."""
    found = page.locator(f"[class*=st-key-chart-{chart}] path[aria-label]")
    for each in words:
        found = found.and_(page.locator(f'[aria-label*="{each}"]'))
    return found.first


def click(marked: Locator) -> None:
    """Click a mark in its middle, where its number may lie on it and the header does not."""
    marked.evaluate("mark => mark.scrollIntoView({block: 'center'})")
    marked.click(force=True)


def test_both_heatmaps_are_read_and_a_point_leads_to_its_run(page: Page, app: App) -> None:
    store = Store(app.home, paths.recorded())
    grid = next(each for each in sweep_store.sweeps(store) if each.spec.grid == source_grid())
    found = correlate(frame(sweep_store.points_of(store, grid)))
    store.close()
    open_explore(page, app, f"?explore-tab=Correlation&sweep={grid.id}")
    expect(page.get_by_text("n = 27").first).to_be_visible(timeout=LOAD_MS)
    for kind in KINDS:
        with_parameters = f"{found.cells[kind]['k']['parameters'].value:.4f}"
        cell = mark(page, f"correlation-{kind}", "of: stage 3 (k)", "with: parameters")
        assert f"correlation: {with_parameters}" in str(cell.get_attribute("aria-label"))
    # A cell of either map opens the points behind it, a point its card, and the card the run that began there.
    click(mark(page, "correlation-spearman", "of: stage 1 (i)", "with: pruned, test"))
    expect(page).to_have_url(re.compile("one=i.*other=pruned"))
    expect(
        page.get_by_text(re.compile("^Stage 1 .i. and accuracy after pruning .test images.: Pearson"))
    ).to_be_visible()
    click(mark(page, "scatter", f"schedule: {presets()['moderate']}"))
    expect(page.locator(".st-key-card-point")).to_contain_text("135,754 parameters")
    page.locator(".st-key-card-inspect-point button").click()
    expect(page).to_have_url(re.compile("inspect.*run="))
    expect(page.get_by_text("Keeping half the filters in every block").first).to_be_visible()


def test_a_budget_is_searched_and_its_answer_opened_in_design(page: Page, app: App) -> None:
    open_explore(page, app, "?explore-tab=Search")
    field = page.locator(".st-key-limit-macs input")
    expect(page.get_by_text("With at most 20,275,520 MACs")).to_be_visible(timeout=LOAD_MS)
    field.fill("1")
    field.press("Enter")
    expect(page.get_by_text(re.compile("must be at least 1,936,000"))).to_be_visible()
    field.fill("40")
    field.press("Enter")
    expect(page.get_by_text("With at most 16,220,416 MACs")).to_be_visible()
    first = page.locator(".st-key-card-answer-1 [role=img]")
    counts = str(first.get_attribute("aria-label")).rpartition(": ")[2]
    page.locator(".st-key-card-design-answer-1 button").click()
    expect(page).to_have_url(re.compile(f"design.*s={re.escape(counts).replace(',', '(,|%2C)')}"))
    expect(page.locator(".st-key-counts")).to_contain_text(f"{cost(Schedule.parse(counts)).parameters:,}")
