"""From a finished run to its damage and to the pictures behind a number, as a person reads them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from roboreg_core import paths
from roboreg_core.runs.spec import KIND
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.store.store import Store
from roboreg_core.ui.inspect.gallery import PER_PAGE
from tests.browser.conftest import App, click_until
from tests.shipped_runs import shipped_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUN = shipped_run("moderate")


def figures(app: App) -> Summary:
    store = Store(app.home, shipped=paths.recorded())
    assert any(record.id.startswith(RUN) for record in store.list_records(KIND))
    return summary(store.find_record(RUN), store)


def mark(page: Page, chart: str, *words: str) -> Locator:
    """The number on the mark of a chart whose aria-label holds all of these words: it is what a person clicks."""
    found = page.locator(f"[class*=st-key-chart-{chart}] text[aria-label]")
    for each in words:
        found = found.and_(page.locator(f'[aria-label*="{each}"]'))
    return found.first


def pictures(page: Page, what: str) -> Locator:
    return page.locator(f".st-key-pictures-{what} .pictures img")


def counted(page: Page, what: str, number: int) -> None:
    """All pages together have exactly so many pictures, and each says which it shows."""
    title = page.locator(f".st-key-pictures-{what}")
    seen = 0
    for start in range(0, number, PER_PAGE):
        end = min(start + PER_PAGE, number)
        expect(title).to_contain_text(re.compile(rf"{number:,}\simages?, {start + 1:,}–{end:,}"))
        expect(pictures(page, what)).to_have_count(end - start)
        seen += end - start
        if end < number:
            title.get_by_role("button", name=re.compile("next", re.I)).click()
    assert seen == number


def test_pictures_behind_the_numbers(page: Page, browser: Browser, app: App) -> None:
    found = figures(app)
    verdict = found.paired["tuned"].verdict

    # A finished run opens on its damage.
    page.goto(f"{app.address}/inspect?run={RUN}")
    expect(page.locator(".st-key-finding")).to_contain_text(f"costs {-100 * verdict.difference:.1f}")
    expect(page.get_by_text(re.compile("Pruning lost .* fine-tuning recovered"))).to_be_visible()
    cats = int(found.stage_changes.counts[found.stage_changes.bands.index("lost"), 3])
    click_until(mark(page, "changes", "class: cat", "band: lost;"), page.locator(".st-key-pictures-band"))
    counted(page, "band", cats)
    expect(page).to_have_url(re.compile("band=lost"))
    first = page.locator(".st-key-pictures-band figcaption").first
    for network in ("dense", "pruned", "tuned"):
        expect(first).to_contain_text(network)

    # A cell of the confusion matrix opens as many pictures as it says; the number is what is clicked.
    page.get_by_role("tab", name="Confusion").click()
    cell = mark(page, "confusion", "true class: cat", "predicted class: dog")
    expect(cell).to_be_visible()
    number = int(found.paired["tuned"].confusion.after[3, 5])
    assert f"images: {number}" in str(cell.get_attribute("aria-label"))
    click_until(cell, page.locator(".st-key-pictures-cell"))
    counted(page, "cell", number)
    other = int(found.paired["tuned"].confusion.after[8, 0])
    mark(page, "confusion", "true class: ship", "predicted class: airplane").click()
    counted(page, "cell", other)

    # Without a mouse, or by touch: the lists.
    page.locator(".st-key-predicted input").fill("truck")
    page.keyboard.press("Enter")
    counted(page, "cell", int(found.paired["tuned"].confusion.after[8, 9]))

    # The difference shows what came and what left, and its address shows it to somebody else.
    page.get_by_text("Difference", exact=True).click()
    mark(page, "confusion", "true class: cat", "predicted class: dog").click()
    entered, left = found.moved("tuned", 3, 5)
    counted(page, "entered", len(entered))
    expect(page).to_have_url(re.compile("true=cat.*predicted=dog"))
    context = browser.new_context()
    context.set_default_timeout(60_000)
    fresh = context.new_page()
    fresh.goto(page.url)
    for what, images in (("entered", entered), ("left", left)):
        counted(fresh, what, len(images))
    assert len(entered) - len(left) == found.paired["tuned"].confusion.difference[3, 5]
    context.close()
