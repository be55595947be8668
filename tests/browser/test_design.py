"""Locks, undo by key, and strips under the sliders, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import App, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


# Whether a tick (under a slider) and the slider's thumb have the same middle.
TOGETHER = """tick => {
    const middle = box => (box.left + box.right) / 2;
    if (!tick.isConnected) return false;  // replaced while it was looked for
    const input = tick.closest('[class*=st-key-slider]').querySelector('input[type=range]');
    const thumb = input.closest('[data-rac][style*=translate]');
    return Math.abs(middle(tick.getBoundingClientRect()) - middle(thumb.getBoundingClientRect())) < 1.5;
}"""


def slider(page: Page, block: int) -> Locator:
    return page.locator(f".st-key-slider-{block} input[type=range]:visible")


def test_a_lock_a_move_and_undo_by_key(page: Page, app: App) -> None:
    page.goto(f"{app.address}/design?s=moderate")
    page.get_by_role("button", name="Block 2").click()
    expect(slider(page, 2)).to_be_disabled()
    slider(page, 1).focus()
    slider(page, 1).press("End")
    expect(slider(page, 1)).to_have_value("16")
    expect(page.locator(".st-key-counts")).not_to_contain_text("135,754")
    page.locator(".st-key-preset-quarter button").click()
    expect(slider(page, 1)).to_have_value("4")
    expect(slider(page, 2)).to_have_value("8")
    page.keyboard.press("Alt+z")
    expect(slider(page, 1)).to_have_value("16")
    page.keyboard.press("Alt+z")
    expect(page.locator(".st-key-counts")).to_contain_text("135,754")
    page.keyboard.press("Alt+Shift+z")
    expect(slider(page, 1)).to_have_value("16")


def test_ticks_stand_under_the_sliders_thumb(page: Page, app: App) -> None:
    """A slider's thumb and the tick of the count that it stands at have one place, at both ends and between."""
    page.goto(f"{app.address}/design?s=16,8,2,32,16,2,64,32,2")
    expect(slider(page, 9)).to_have_value("2")
    for block, preset in ((1, "dense"), (2, "moderate"), (3, "aggressive"), (8, "moderate")):
        row = page.locator(f".st-key-slider-{block}")
        tick = row.locator(f"[title$=': {preset}']")
        # While the page is still being drawn a slider may be on its way, and the tick be replaced by another.
        until(lambda tick=tick: tick.evaluate(TOGETHER), seconds=30)
