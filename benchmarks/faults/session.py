"""An app on a separate home, with a page in a browser, and the checks after a fault."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.browser import VIEWPORT, chromium
from benchmarks.faults.campaign import Setting, Wrong
from benchmarks.faults.server import TRACEBACK, Server
from roboreg_core.store.record_store import DATABASE
from roboreg_core.store.store import Store

PAGE_MS = 300_000


class Session:
    """An app and a visitor.

    Attributes:
        home: folder of the app's store.
        store: the same store, opened by this process as the command line does.
        project: the copy of the project that is run.
        server: the running server.
        browser: for further visitors.
        page: the visitor's page.
    """

    def __init__(self, setting: Setting, browser: Browser, name: str, home: Path | None = None) -> None:
        self.home = home or setting.folder / "homes" / name
        self.project, self.browser = setting.project, browser
        self._log, self._read = setting.folder / f"{name}.log", 0
        self.page: Page = browser.new_page(viewport=VIEWPORT)
        self.page.set_default_timeout(PAGE_MS)
        self.start()
        self.store = Store(self.home)

    def start(self) -> None:
        """Start the app on the home as it is."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.server = Server(self.project, self.home, self._log)

    def start_over(self) -> None:
        """Start the app on an empty home, after a fault that it did not survive."""
        self.server.close()
        self.store.close()
        _empty(self.home)
        self._read = len(self._log.read_text(errors="replace"))
        self.start()
        self.store = Store(self.home)

    def open(self, path: str) -> None:
        """Open a page of the app."""
        self.page.goto(f"{self.server.address}/{path}")

    def click(self, key: str) -> None:
        """Click the button with this key once it is there."""
        self.page.locator(f".st-key-{key} button").first.click()

    def check(self) -> None:
        """Raise `Wrong` on a damaged database, or a traceback in the log or on the page."""
        with closing(sqlite3.connect(self.home / DATABASE)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise Wrong(f"integrity_check of the database must be ok, got {found}")
        self.check_log()
        self.check_page()

    def check_log(self) -> None:
        """Raise `Wrong` on a traceback in the log since the last check."""
        text = self._log.read_text(errors="replace")
        new, self._read = text[self._read :], len(text)
        if TRACEBACK in new:
            raise Wrong(f"traceback in the server's log: {new[new.index(TRACEBACK) :][-1500:]}")

    def check_page(self) -> None:
        """Raise `Wrong` on a traceback on the page."""
        shown = self.page.locator("[data-testid=stException]")
        if shown.count():
            raise Wrong(f"traceback on a page: {shown.first.inner_text()[:600]}")

    def close(self) -> None:
        """End the app and delete the content of its home."""
        self.leave()
        _empty(self.home)

    def leave(self) -> None:
        """End the app and close the page."""
        self.page.context.close()
        self.server.close()
        self.store.close()


def _empty(folder: Path) -> None:
    for path in folder.glob("*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def opened(setting: Setting, name: str, home: Path | None = None) -> Iterator[Session]:
    """Yield a session in a new browser, by default on a home called `name`; close both afterwards."""
    with chromium() as browser:
        session = Session(setting, browser, name, home)
        try:
            yield session
        finally:
            session.close()
