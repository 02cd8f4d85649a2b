"""Asks for the token, on every path but the one that says that the server responds."""

import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

from serving.predict import reply
from tpch_assets.settings import HEALTH

SENTENCE = "Send the server's token as Authorization: Bearer … (TPCH_SERVING_TOKEN)."


class Guard:
    """Lets a request through if its token is right. The comparison takes as long whatever is sent."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._wanted = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] == "http" and scope["path"] != HEALTH:
            given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if not secrets.compare_digest(given, self._wanted):
                await reply(send, 401, {"error": SENTENCE})
                return
        await self._app(scope, receive, send)
