"""What a person sees first, through a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_first_page_shows_the_recorded_runs(page: Page, app: App) -> None:
    page.goto(app.address)
    expect(page.get_by_text("How accurate is a ResNet-20 on CIFAR-10")).to_be_visible()
    expect(page.get_by_text("All 6 runs")).to_be_visible()
