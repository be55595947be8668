"""The real app on a free port with a home of its own, and a Chromium that drives it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as Unanswered

from benchmarks.small_project import copy_project

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
READY_SECONDS, WORK_SECONDS = 60.0, 600.0
# torch and the worker are loaded behind the first page, which takes a while on a busy machine.
expect.set_options(timeout=60_000)


@dataclass
class App:
    """One dashboard process, of the project in a folder."""

    project: Path
    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it as a machine that shuts down would."""
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        self.process.wait(60)


def start(home: Path, project: Path = ROOT, **variables: str) -> App:
    """Start the dashboard of `project` on `home` with these environment variables, and wait until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROBOREG_")}
    log = home.parent / f"app-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=project,
            env=environment | variables | {"ROBOREG_HOME": str(home)},
            stdout=output,
            stderr=output,
        )
    app = App(project=project, home=home, port=port, process=process)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{app.address}/_stcore/health", timeout=1):
                return app
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the app did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The dashboard, with nothing but the recorded runs."""
    running = start(tmp_path_factory.mktemp("browser") / "home")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that ships fewer images, for what trains or measures much: it takes a fraction of the time.

    3,000 training, all 2,000 validation and 2,000 test images.
    """
    return copy_project(tmp_path_factory.mktemp("small") / "project", train=5_000, test=2_000)


@pytest.fixture(scope="module")
def small_app(tmp_path_factory: pytest.TempPathFactory, small_project: Path) -> Iterator[App]:
    """The dashboard of `small_project`."""
    running = start(tmp_path_factory.mktemp("browser") / "home", small_project)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium; without one the browser tests are skipped, and that is said loudly."""
    if CHROMIUM is None:
        message = "NO CHROMIUM FOUND: the browser tests did not run; install one (Debian: apt-get install chromium)"
        warnings.warn(message, UserWarning, stacklevel=1)
        pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


def until(ask: Callable[[], object], seconds: float = WORK_SECONDS) -> None:
    """Wait for what a job does; generously, since a loaded machine takes several times as long."""
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def click_until(mark: Locator, shown: Locator) -> None:
    """Click a mark of a chart until its answer stands: a chart that is just being drawn does not hear a click yet."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        mark.click()
        try:
            shown.wait_for(timeout=15_000)
        except Unanswered:
            assert time.monotonic() < deadline, f"no answer to clicks on {mark}"
        else:
            return


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without cookies or history."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(visitor: BrowserContext) -> Page:
    """An empty page of that browser."""
    return visitor.new_page()
