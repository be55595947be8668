"""Host names under which the dashboard answers: protection against DNS rebinding.

A web page can make its own name point to 127.0.0.1; its requests then look like those of the dashboard's own pages,
except that `Host` and `Origin` contain the page's name. Streamlit's `server.allowedHosts` checks WebSockets only.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

from roboreg_core.errors import SpecError

SETTING = "ROBOREG_HOSTS"


class AllowedHosts:
    """ASGI middleware that refuses requests and WebSockets for other hosts with status 403.

    Accepted are hosts in `names`, `localhost`, loopback addresses, and the address at which the connection arrived.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its host names are allowed; else respond with status 403."""
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            hosts = headers.getlist("host") or [""]
            origins = [origin.partition("://")[2] for origin in headers.getlist("origin")]
            here = scope["server"][0] if scope.get("server") else ""
            refused = next((host for host in hosts + origins if not self._is_allowed(host_name(host), here)), None)
            if refused is not None:
                text = f"The host name {refused!r} is not allowed: add it to {SETTING} to serve RoboReg under it.\n"
                await PlainTextResponse(text, status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_allowed(self, name: str, here: str) -> bool:
        if name in self._names or name == "localhost" or name.endswith(".localhost"):
            return True
        address = _address(name)
        return address is not None and (address.is_loopback or address == _address(here))


def middleware() -> Middleware:
    """`AllowedHosts` with the names from `configured_names`, to pass to `streamlit.App`.

    Raises `SpecError`: `ROBOREG_HOSTS` is not a comma-separated list of host names.
    """
    return Middleware(AllowedHosts, names=configured_names())


def configured_names() -> set[str]:
    """Host names in Streamlit's `server.address` and `browser.serverAddress` and in `ROBOREG_HOSTS`.

    If other machines can reach the server, the names of this machine are included.

    Raises `SpecError`: `ROBOREG_HOSTS` is not a comma-separated list of host names.
    """
    names = {host_name(str(config.get_option(option) or "")) for option in ("server.address", "browser.serverAddress")}
    if is_public():
        names |= {socket.gethostname().lower(), f"{socket.gethostname()}.local".lower(), socket.getfqdn().lower()}
    for listed in filter(None, map(str.strip, os.environ.get(SETTING, "").split(","))):
        if not host_name(listed) or not re.fullmatch(r"[\w.:\[\]-]+", listed, re.ASCII):  # no wildcards
            raise SpecError(
                f"{SETTING} must be host names separated by commas, got {listed!r}: e.g. roboreg.example.org"
            )
        names.add(host_name(listed))
    return names - {""}


def is_public() -> bool:
    """True if the server listens at an address that other machines can reach."""
    listening = str(config.get_option("server.address") or "")
    address = _address(listening)
    return listening != "localhost" and not (address is not None and address.is_loopback)


def host_name(place: str) -> str:
    """Host name in `place`, which is `host` or `host:port`: in lower case, without brackets; empty if it is invalid."""
    with suppress(ValueError):
        parts = urlsplit(f"//{place}")
        _ = parts.port  # raises ValueError if it is no number
        if parts.netloc == place and "@" not in place:
            return (parts.hostname or "").rstrip(".")
    return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address in `name`; an IPv4 address mapped to IPv6 is an IPv4 address."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
