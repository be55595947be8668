"""Hosts and origins that the server accepts, without a server."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import Any

import pytest
from streamlit import config

from roboreg_core.errors import SpecError
from roboreg_core.paths import PROJECT
from roboreg_core.ui import allowed_hosts
from roboreg_core.ui.allowed_hosts import SETTING, AllowedHosts

HERE = "192.168.7.5"


def status(host: str | None, origin: str | None = None, kind: str = "http", here: str = "127.0.0.1") -> int:
    """Status of a request: 200 where the app behind the middleware was called."""
    given = {b"host": host, b"origin": origin}
    headers = [(name, value.encode("latin-1")) for name, value in given.items() if value is not None]
    scope = {"type": kind, "headers": headers, "server": (here, 8501)}
    sent: list[dict[str, Any]] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        sent.append({"status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    app = AllowedHosts(behind, allowed_hosts.configured_names())
    asyncio.run(app(scope, lambda: None, send))  # type: ignore[arg-type]
    if sent[0]["status"] == 403:
        assert SETTING.encode() in sent[1]["body"]
        assert sent[1]["body"].count(b"\n") == 1
    return int(sent[0]["status"])


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"server.address": "127.0.0.1", "browser.serverAddress": "localhost"}
    monkeypatch.setattr(config, "get_option", options.__getitem__)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "host",
    ["localhost:8501", "localhost", "LOCALHOST.:8501", "app.localhost:1", "127.0.0.1:8501", "127.0.0.5", "[::1]:8501"],
)
def test_this_machine_is_accepted(host: str, kind: str) -> None:
    assert status(host, kind=kind) == 200
    assert status(host, f"http://{host}", kind) == 200


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8501", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost",
        "10.0.0.1", "localhost@evil.example", "evil.example#localhost", "localhost/evil", "localhost:port", "[::1", "",
        "[::2]:8501", "0.0.0.0:8501", "\xe9vil",
    ],
)  # fmt: skip
def test_strangers_are_refused(host: str, kind: str) -> None:
    assert status(host, f"http://{host}", kind) == 403
    assert status(host, None, kind) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://localhost.evil.example:8501", "null", "evil.example"]
)
def test_a_stranger_s_page_is_refused(origin: str) -> None:
    assert status("localhost:8501", origin, "websocket") == 403
    assert status("localhost:8501", origin) == 403


def test_a_missing_host_is_refused() -> None:
    assert status(None) == 403


def test_the_proxy_s_name_is_accepted_when_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "roboreg.example.org"
    assert status(name, f"https://{name}", "websocket") == 403
    monkeypatch.setenv(SETTING, f"other.example:8443, {name}")
    assert status(name, f"https://{name}", "websocket") == 200
    assert status("localhost", f"https://{name}", "websocket") == 200, "a proxy that does not pass the name"
    assert status("other.example") == 200
    assert status(f"sub.{name}") == 403


@pytest.mark.parametrize("value", ["https://roboreg.example.org", "a b,c/d", "*:x", "*.example.org", "\xe9.example"])
def test_the_setting_is_checked(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, value)
    with pytest.raises(SpecError, match=SETTING):
        allowed_hosts.configured_names()


def test_a_wrong_setting_ends_the_start_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "https://roboreg.example.org")
    done = subprocess.run(
        [sys.executable, "-c", "import app"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.splitlines()[-1].startswith(f"error: {SETTING}")


def test_own_addresses_and_names_are_accepted_when_served_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    own = socket.gethostname()
    assert not allowed_hosts.is_public()
    for address in ("0.0.0.0", "", "::"):
        options = {"server.address": address, "browser.serverAddress": "localhost"}
        monkeypatch.setattr(config, "get_option", options.__getitem__)
        assert allowed_hosts.is_public()
        assert status(f"{own}:8501", f"http://{own}:8501") == 200
        assert status(f"{HERE}:8501", f"http://{HERE}:8501", here=HERE) == 200
        assert status(f"{HERE}:8501", here=f"::ffff:{HERE}") == 200
        assert status("192.168.7.6", here=HERE) == 403
        assert status("evil.example", here=HERE) == 403
