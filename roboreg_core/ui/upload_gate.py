"""Refusal of uploads by visitors who are not signed in: Streamlit keeps the files in memory for the whole visit."""

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from roboreg_core.ui import access

_PATH = "/_stcore/upload_file/"


class UploadGate:
    """ASGI middleware that refuses uploads with status 403 unless `access.may_upload` permits the session."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it is an upload that the visitor may not make."""
        if scope["type"] == "http" and scope["method"] not in ("GET", "OPTIONS") and _PATH in scope["path"]:
            visit = scope["path"].partition(_PATH)[2].partition("/")[0]
            if not access.may_upload(visit):
                await PlainTextResponse("Sign in first to upload files.\n", status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def middleware() -> Middleware:
    """`UploadGate`, to pass to `streamlit.App`."""
    return Middleware(UploadGate)
