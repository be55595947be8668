"""Time from a key press on a slider of the Design page to the updated preview, in a real browser.

`python -m benchmarks.preview` starts the app with a temporary home, waits for the first preview and lowers one block
after another, so that every schedule is new. Times are measured in the page: from the key event until the measured
value replaces the greyed one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.browser import VIEWPORT, chromium, running
from benchmarks.common import write_json

# Alternating stages; a round changes each block once.
BLOCKS = (9, 5, 1, 8, 3, 7, 6, 2, 4)
WARM_UP = 1
TARGET_SECONDS = 2.0
WAIT_SECONDS = 300.0

# Resolves with the milliseconds from the key to the new figure.
MEASURE = """(block) => new Promise((done, fail) => {
  const slider = document.querySelector(`.st-key-slider-${block} input[type=range]`);
  let pressed, greyed = false;
  slider.addEventListener('keydown', () => { pressed = performance.now(); }, {once: true, capture: true});
  const look = new MutationObserver(() => {
    if (pressed === undefined) return;
    if (document.querySelector('.st-key-preview-old')) greyed = true;
    else if (greyed && document.querySelector('.st-key-preview')) {
      look.disconnect();
      done(performance.now() - pressed);
    }
  });
  look.observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['class']});
  setTimeout(() => { look.disconnect(); fail(new Error('no new preview came')); }, 300000);
})"""


def main() -> None:
    """Measure and print the median and the spread in seconds, and the median of each block."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="changes of each block")
    parser.add_argument("--address", help="address of a running dashboard; by default one is started")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    with running(chosen.address) as address:
        first, times = measure(address, chosen.rounds)
    seconds = [took for _, took in times]
    deciles = statistics.quantiles(seconds, n=10)
    figures = {
        "changes": len(seconds),
        "first_s": round(first, 2),
        "median_s": round(statistics.median(seconds), 2),
        "p10_s": round(deciles[0], 2),
        "p90_s": round(deciles[-1], 2),
        "by_block_s": {
            block: round(statistics.median(took for each, took in times if each == block), 2)
            for block in sorted(BLOCKS)
        },
        "target_s": TARGET_SECONDS,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    write_json(chosen.json, figures)
    print(
        f"slider to preview: median {figures['median_s']} s ({figures['p10_s']} to {figures['p90_s']} s, "
        f"{len(seconds)} changes, {os.cpu_count()} cores, load {figures['load']}); the target is "
        f"{TARGET_SECONDS:g} s; by block {figures['by_block_s']}; the first after opening {figures['first_s']} s"
    )


def measure(address: str, rounds: int) -> tuple[float, list[tuple[int, float]]]:
    """Return the seconds from opening the page to the first preview, then (block, seconds) of each change."""
    with chromium() as browser:
        page = browser.new_page(viewport=VIEWPORT)
        opened = time.monotonic()
        page.goto(f"{address}/design?s=moderate")
        page.locator(".st-key-preview").wait_for(timeout=WAIT_SECONDS * 1000)
        first = time.monotonic() - opened
        page.wait_for_timeout(2_000)
        times = [(block, _press(page, block)) for block in (BLOCKS[:1] * WARM_UP + BLOCKS * rounds)]
    return first, times[WARM_UP:]


def _press(page: Page, block: int) -> float:
    page.locator(f".st-key-slider-{block} input[type=range]:visible").focus()
    page.evaluate(f"block => {{ window.took = ({MEASURE})(block) }}", block)
    page.keyboard.press("ArrowLeft")
    took = float(page.evaluate("() => window.took"))
    page.wait_for_timeout(1_000)
    return took / 1000


if __name__ == "__main__":
    main()
