"""DNS rebinding: requests to the real server under other names."""

from __future__ import annotations

from http.client import HTTPConnection

import pytest

from tests.browser.conftest import App

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
}


def answer(app: App, method: str, path: str, host: str, **headers: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", app.port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": host, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    found = connection.getresponse()
    text = "" if found.status == 101 else found.read().decode()
    connection.close()
    return found.status, text


PATHS = [("GET", path) for path in ("/", "/jobs", "/media/x.csv", "/_stcore/health", "/_stcore/host-config")]


@pytest.mark.parametrize(("method", "path"), [*PATHS, ("PUT", "/_stcore/upload_file/session/file")])
def test_a_rebound_page_is_refused(app: App, method: str, path: str) -> None:
    status, text = answer(app, method, path, f"evil.example:{app.port}")
    assert status == 403
    assert "ROBOREG_HOSTS" in text
    assert answer(app, method, path, f"localhost:{app.port}")[1] != text


def test_a_rebound_websocket_is_refused(app: App) -> None:
    expected = {"evil.example": 403, "localhost": 101, "127.0.0.1": 101, "[::1]": 101}
    for host, status in expected.items():
        place = f"{host}:{app.port}"
        assert answer(app, "GET", "/_stcore/stream", place, Origin=f"http://{place}", **HANDSHAKE)[0] == status, host
    place = f"localhost:{app.port}"
    assert answer(app, "GET", "/_stcore/stream", place, Origin="http://evil.example", **HANDSHAKE)[0] == 403
