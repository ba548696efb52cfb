"""Who is signed in at this portal. The browser has a key in a cookie; the session's token stays here."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

COOKIE = "fieldrec"
SESSIONS_MAX = 10_000  # the ones that were not used for longest go


@dataclass(frozen=True)
class Session:
    key: str
    token: str


class Sessions:
    """In memory: whoever was signed in when the portal ends signs in again."""

    def __init__(self, encrypted: bool) -> None:
        self._encrypted = encrypted
        self._tokens: OrderedDict[str, str] = OrderedDict()

    @property
    def cookie(self) -> str:
        """With the prefix, a browser takes it from this host over TLS alone."""
        return f"__Host-{COOKIE}" if self._encrypted else COOKIE

    def open(self, token: str, response: Response) -> None:
        key = secrets.token_urlsafe(32)
        self._tokens[key] = token
        if len(self._tokens) > SESSIONS_MAX:
            self._tokens.popitem(last=False)
        response.set_cookie(self.cookie, key, httponly=True, secure=self._encrypted, samesite="lax", path="/")

    def of(self, request: Request) -> Session | None:
        key = request.cookies.get(self.cookie, "")
        if (token := self._tokens.get(key)) is None:
            return None
        self._tokens.move_to_end(key)
        return Session(key, token)

    def close(self, key: str, response: Response) -> None:
        self._tokens.pop(key, None)
        response.delete_cookie(self.cookie, path="/", secure=self._encrypted, httponly=True, samesite="lax")
