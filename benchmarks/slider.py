"""Time from a key press on a slider of the Design page to the updated costs, in a real browser.

`python -m benchmarks.slider` starts the app with a temporary home and presses the arrow keys of one slider. Times are
measured in the page, from the key event to the change of the text, without the overhead of driving the browser.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.browser import VIEWPORT, chromium, running
from benchmarks.common import write_json

WARM_UP = 5
TARGET_MS = 150.0

# Resolves with the milliseconds from the key to the first change in the live figures.
MEASURE = """(key) => new Promise((done, fail) => {
  const counts = document.querySelector('.st-key-counts'), slider = document.querySelector(
    '.st-key-slider-5 input[type=range]');
  const before = counts.innerText;
  let pressed;
  slider.addEventListener('keydown', () => { pressed = performance.now(); }, {once: true, capture: true});
  const look = new MutationObserver(() => {
    if (counts.innerText !== before) { look.disconnect(); done(performance.now() - pressed); }
  });
  look.observe(counts, {subtree: true, childList: true, characterData: true});
  setTimeout(() => { look.disconnect(); fail(new Error('the counts did not change')); }, 10000);
  window.armed = true;
})"""


def main() -> None:
    """Measure and print the median and the spread in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presses", type=int, default=40)
    parser.add_argument("--address", help="address of a running dashboard; by default one is started")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    with running(chosen.address) as address:
        times = measure(address, chosen.presses)
    deciles = statistics.quantiles(times, n=10)
    figures = {
        "presses": len(times),
        "median_ms": round(statistics.median(times), 1),
        "p10_ms": round(deciles[0], 1),
        "p90_ms": round(deciles[-1], 1),
        "target_ms": TARGET_MS,
        "cores": os.cpu_count(),
    }
    write_json(chosen.json, figures)
    print(
        f"slider to counts: median {figures['median_ms']} ms ({figures['p10_ms']} to {figures['p90_ms']} ms, "
        f"{len(times)} key presses, {os.cpu_count()} cores); the target is {TARGET_MS:.0f} ms"
    )


def measure(address: str, presses: int) -> list[float]:
    """Return the milliseconds of each key press after the warm-up."""
    with chromium() as browser:
        page = browser.new_page(viewport=VIEWPORT)
        page.goto(f"{address}/design?s=moderate")
        page.locator(".st-key-start button, .st-key-open-run button").wait_for(timeout=60_000)
        page.wait_for_timeout(3_000)
        page.locator(".st-key-slider-5 input[type=range]:visible").focus()
        times = [_press(page, press) for press in range(WARM_UP + presses)]
    return times[WARM_UP:]


def _press(page: Page, press: int) -> float:
    key = "ArrowRight" if press % 20 < 10 else "ArrowLeft"
    page.evaluate(f"key => {{ window.took = ({MEASURE})(key) }}", key)
    page.keyboard.press(key)
    took = float(page.evaluate("() => window.took"))
    page.wait_for_timeout(150)
    return took


if __name__ == "__main__":
    main()
