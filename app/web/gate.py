"""Who may: the PIN of the label, sessions, tokens against forged requests, and the lock after wrong PINs.

A press of the key makes a new gate, so it ends a lock; nothing else does before its time.
"""

import binascii
import os

from micropython import const

from app import uptime
from bootloader.hmac import equal

_TRIES = const(5)
_LOCK_MS = const(600_000)
_SESSIONS = const(3)  # a further one ends the oldest
_TOKEN_BYTES = const(16)


class Refused(Exception):
    """`status` of HTTP, and the words; `fields` for the program."""

    def __init__(self, status, words, **fields):
        super().__init__(words)
        self.status, self.words, self.fields = status, words, fields


class Gate:
    """`hosts`: the names under which the page may be asked for (a name that was rebound to our address is none)."""

    def __init__(self, pin):
        self.hosts: tuple = ()
        self.hello = _token()  # to be sent back with the PIN: only a page of ours can have read it
        self._pin = pin
        self._wrong = 0
        self._locked_ms = None  # until then
        self._sessions: list = []  # [token, its csrf token], the oldest first

    def locked_s(self):
        """How long no PIN is looked at; 0 if one is."""
        if self._locked_ms is None:
            return 0
        left_ms = self._locked_ms - uptime.ms()
        if left_ms <= 0:
            self._locked_ms, self._wrong = None, 0
            return 0
        return (left_ms + 999) // 1000

    def sign_in(self, pin):
        """(session token, csrf token) for the right PIN, else Refused. Each wrong one counts, whoever sent it."""
        locked_s = self.locked_s()
        if locked_s:
            raise Refused(429, f"locked for {locked_s} s; a press of the WiFi key unlocks", locked_s=locked_s)
        if type(pin) is str and equal(pin.encode(), self._pin.encode()):
            self._wrong = 0
            return self._new_session()
        self._wrong += 1
        if self._wrong >= _TRIES:
            self._locked_ms = uptime.ms() + _LOCK_MS
        raise Refused(401, "wrong PIN", tries_left=_TRIES - self._wrong)

    def _new_session(self):
        session = (_token(), _token())
        self._sessions.append(session)
        if len(self._sessions) > _SESSIONS:
            self._sessions.pop(0)
        return session

    def csrf(self, token):
        """The csrf token that belongs to a session's token; "" if there is no such session."""
        for kept, csrf in self._sessions:
            if equal(kept.encode(), token.encode()):
                return csrf
        return ""

    def sign_out(self, token):
        self._sessions = [session for session in self._sessions if session[0] != token]

    def check(self, host, method, path_is_open, token, csrf):
        """Refused unless a request with these headers may be answered. `path_is_open`: without a session."""
        if host.partition(":")[0].lower() not in self.hosts:
            raise Refused(421, "this device has another name")
        known = self.csrf(token)
        if not known and not path_is_open:
            raise Refused(401, "sign in with the PIN of the label")
        if method.upper() not in ("GET", "HEAD"):
            expected = self.hello if path_is_open else known
            if not equal(csrf.encode(), expected.encode()):
                raise Refused(403, "the request does not come from this page")


def _token():
    return binascii.hexlify(os.urandom(_TOKEN_BYTES)).decode()
