"""Permission to write when the dashboard is served to others: by OpenID Connect, or by a password.

With `[auth]` in `.streamlit/secrets.toml`, people who sign in at the OIDC provider may write; else with
`ROBOREG_PASSWORD`, those who know it; with neither, everyone. `author` is passed to the store, which calls it before
every write, so that the permission does not depend on which button was shown.
"""

from __future__ import annotations

import hmac
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from roboreg_core.errors import AccessError
from roboreg_core.store.names import clean_name
from roboreg_core.ui import allowed_hosts

SETTING = "ROBOREG_PASSWORD"
OPEN = (
    "Everyone who can reach this server may start, change and delete: set up a login, see docs/serving.md, or serve it "
    f"on 127.0.0.1 without {allowed_hosts.SETTING}."
)
# Wrong passwords that all visitors together may enter within the period.
WRONG, PERIOD_SECONDS = 5, 60.0
# Session key, set by the server only: it belongs to no widget.
_NAME = "signed-in-as"

log = logging.getLogger(__name__)

# Ids of the visits that may upload, for `upload_gate.UploadGate`, which runs outside of them.
_may_upload: set[str] = set()
_lock = threading.Lock()
_wrong: deque[float] = deque(maxlen=WRONG)
# Set once secrets contained `[auth]` or could not be read: a file that is being replaced must not permit everyone.
_oidc = threading.Event()


def auth_section() -> Mapping[str, Any] | None:
    """The section `[auth]` of Streamlit's secrets, which configures OpenID Connect; None if there is none.

    {} if the secrets cannot be read, or if the section was removed while the server runs: nobody can then sign in.
    """
    try:
        found = st.secrets.get("auth")
    except StreamlitSecretNotFoundError as error:
        found = None if error.error_id == "no-secrets-found" else {}
    except (OSError, ValueError):
        found = {}
    if found is not None:
        _oidc.set()
    return found if isinstance(found, Mapping) else {} if _oidc.is_set() else None


def uses_password() -> bool:
    """True if visitors sign in with the password in `ROBOREG_PASSWORD`, not by OpenID Connect."""
    return auth_section() is None and bool(os.environ.get(SETTING))


def needs_login() -> bool:
    """True if only people who are signed in may write."""
    return auth_section() is not None or bool(os.environ.get(SETTING))


def is_open() -> bool:
    """True if other machines can reach the server, directly or through a proxy, and no login is configured."""
    return (allowed_hosts.is_public() or bool(os.environ.get(allowed_hosts.SETTING))) and not needs_login()


def person() -> str | None:
    """Name or e-mail address of the visitor; None if the visitor is not signed in, or no login is configured."""
    section = auth_section()
    if section is None:
        return st.session_state.get(_NAME) if uses_password() else None
    if not section or not st.user.get("is_logged_in"):
        return None
    return next((str(st.user[name]) for name in ("email", "name", "sub") if st.user.get(name)), "signed in")


def may_write() -> bool:
    """True if the visitor may start, change and delete: is signed in, or no login is configured."""
    return not needs_login() or person() is not None


def author() -> str | None:
    """Name of the visitor whose page this thread runs, for the store to record with a write.

    None if no login is configured, and in threads that run no visitor's page.

    Raises `AccessError`: the visitor is not signed in and may not write.
    """
    if get_script_run_ctx(suppress_warning=True) is None or not needs_login():
        return None
    name = person()
    if name is None:
        raise AccessError("only people who are signed in may start, change or delete: sign in first")
    return name


def permitted(act: Callable[[], None]) -> Callable[[], None]:
    """`act` for visitors who may write; it raises `AccessError` for others. For actions that do not use the store."""

    def checked() -> None:
        author()
        act()

    return checked


def note_visit() -> None:
    """Record for `may_upload` whether this visitor may write; called in every run of a page."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        (_may_upload.add if may_write() else _may_upload.discard)(context.session_id)


def may_upload(session_id: str) -> bool:
    """True if the Streamlit session with this id may upload files; `note_visit` records it."""
    return not needs_login() or session_id in _may_upload


def enter_password(name: str, password: str) -> None:
    """Sign the visitor in under `name` until the visit ends.

    Raises:
        AccessError: the password is wrong, or visitors of this server entered five wrong passwords in the last minute.
        SpecError: the name is empty, too long or contains control characters.
    """
    cleaned = clean_name(name, "a name")
    with _lock:
        wait = _wrong[0] + PERIOD_SECONDS - time.monotonic() if len(_wrong) == WRONG else 0.0
        if wait > 0:
            raise AccessError(f"{WRONG} wrong passwords were entered within {PERIOD_SECONDS:.0f} s: wait {wait:.0f} s")
        if not uses_password() or not hmac.compare_digest(password.encode(), os.environ[SETTING].encode()):
            _wrong.append(time.monotonic())
            raise AccessError("the password is wrong: ask the person who runs this server")
    st.session_state[_NAME] = cleaned


def leave() -> None:
    """Sign out a visitor who signed in with the password."""
    st.session_state.pop(_NAME, None)


def warn_if_open() -> None:
    """Log a warning if everyone who can reach the server may write; called when the server starts."""
    if is_open():
        log.warning(OPEN)
