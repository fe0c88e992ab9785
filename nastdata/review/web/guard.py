"""Who may talk to the page: Host and Origin are checked, one-time links become sessions, headers are set."""

from __future__ import annotations

import secrets
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 200_000
"""Bytes of a form."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # not `no-referrer`: forms would then be sent with the origin "null"
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass
class Keys:
    """Links that work once, and the sessions that they opened; all of them are gone with the process."""

    links: dict[str, str] = field(default_factory=dict)
    """Token -> person."""
    sessions: dict[str, str] = field(default_factory=dict)
    """Cookie -> person."""

    def make_link(self, person: str) -> str:
        """Return a new token for a person."""
        token = secrets.token_urlsafe(32)
        self.links[token] = person
        return token

    def open_session(self, token: str) -> tuple[str, str] | None:
        """Use up a token; return a session's cookie and its person, or None if the token is not known."""
        known = next((t for t in self.links if secrets.compare_digest(t.encode(), token.encode())), None)
        if known is None:
            return None
        person = self.links.pop(known)
        cookie = secrets.token_urlsafe(32)
        self.sessions[cookie] = person
        return cookie, person

    def find_person(self, cookie: str) -> str | None:
        """Return whose session a cookie is."""
        found = None
        for known, person in self.sessions.items():
            if secrets.compare_digest(known.encode(), cookie.encode("utf-8", "replace")):
                found = person
        return found


class Guard:
    """Refuses what does not come from our own page.

    A page elsewhere that gets a browser to talk to this address (DNS rebinding) names another host; one that
    posts a form here names another origin. A request that names neither is no browser's, and may only read.

    Args:
        app: to guard.
        hosts: values of Host that are answered, with the port.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            return
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        refused = self._refuse(scope["method"], headers)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_headers(message)
            await send(message)

        if refused is not None:
            from starlette.responses import PlainTextResponse

            await PlainTextResponse(refused[1], refused[0])(scope, receive, send_guarded)
            return
        await self._app(scope, _limit(receive), send_guarded)

    def _refuse(self, method: str, headers: list[tuple[str, str]]) -> tuple[int, str] | None:
        hosts = [v for k, v in headers if k == "host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 421, "This address is not served here: open the link that the terminal shows.\n"
        if method in ("GET", "HEAD"):
            return None
        if method != "POST":
            return 405, "Not allowed.\n"
        origins = [v for k, v in headers if k == "origin"]
        if origins != [f"http://{hosts[0].lower()}"]:
            return 403, "This form was not sent from the review page.\n"
        length = next((v for k, v in headers if k == "content-length"), "")
        if not length.isdigit() or int(length) > MAX_BODY:
            return 413, "Too long.\n"
        return None


def set_headers(message: MutableMapping[str, Any]) -> None:
    """Add the headers that every answer carries."""
    given = {k.lower() for k, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *((k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in given),
    ]


def _limit(receive: Receive) -> Callable[[], Any]:
    """Stop reading a body that is longer than it said."""
    seen = 0

    async def take() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            return {"type": "http.disconnect"}
        return message

    return take
