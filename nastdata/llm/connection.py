"""Where bytes go: which addresses a client may connect to, checked on the open connection.

A name proves nothing, and neither does a look-up before the call: a proxy, a redirect or a second address of
the same name would take the body elsewhere. So the address of the other end is read from the connection
itself, before the first byte of a request is sent, and kept for the manifest.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from nastdata.errors import UserError

Reach = Literal["loopback", "own network", "remote"]
"""How far a server is: on this machine, at a private address, or anywhere."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def resolve(url: str) -> set[Address]:
    """Return every address that the host of ``url`` resolves to; none if it does not resolve."""
    host = urlsplit(url).hostname
    if not host:
        return set()
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return set()
    return {read_address(str(entry[4][0])) for entry in found}


def read_address(text: str) -> Address:
    """Return an address without its zone; an IPv4 address inside an IPv6 one as IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(url: str) -> bool:
    """Whether every address that the host of ``url`` resolves to is this machine's loopback.

    The name proves nothing ("localhost.example.com", or a hosts file that points localhost elsewhere);
    a host that does not resolve is not loopback.
    """
    found = resolve(url)
    return bool(found) and all(a.is_loopback for a in found)


def is_own_network(url: str) -> bool:
    """Whether every address of the host is private (RFC 1918, RFC 4193) or loopback."""
    found = resolve(url)
    return bool(found) and all(fits(a, "own network") for a in found)


def fits(address: Address, reach: Reach) -> bool:
    """Whether a connection to ``address`` stays within ``reach``."""
    if reach == "loopback":
        return address.is_loopback
    if reach == "own network":
        return address.is_loopback or (address.is_private and not address.is_link_local)
    return True


class PeerGuard:
    """Watches the connections of one HTTP client and refuses those that lead too far.

    Args:
        reach: how far connections may lead.
    """

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.peers: set[str] = set()
        """Addresses at the other end of every connection that was opened."""
        self.refused: str | None = None
        """The address that a connection was refused for."""

    async def on_request(self, request: Any) -> None:
        """Have the transport report to ``trace`` (an event hook for requests)."""
        request.extensions = {**request.extensions, "trace": self.trace}

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Look at a connection when it is open and nothing has been sent yet.

        Raises:
            ConnectionRefusedError: if it leads too far.
        """
        if not event.endswith((".connect_tcp.complete", ".connect_unix_socket.complete")):
            return
        there = info["return_value"].get_extra_info("server_addr")
        address = read_address(str(there[0]))
        if not fits(address, self.reach):
            self.refused = str(address)
            await info["return_value"].aclose()
            raise ConnectionRefusedError(f"{address} is not on {self.reach}")
        self.peers.add(str(address))

    def check(self, url: str) -> None:
        """Say that a connection was refused.

        Raises:
            UserError: if one was.
        """
        if self.refused:
            raise UserError(
                f"the connection leads to {self.refused}, which is not on {_PLACES[self.reach]}; "
                "nothing was sent",
                where=url,
                how="check the address, the hosts file and DNS",
            )


def find_peer(response: Any) -> str | None:
    """Return the address at the other end of the connection that a response came over."""
    stream = response.extensions.get("network_stream")
    there = stream.get_extra_info("server_addr") if stream is not None else None
    return str(read_address(str(there[0]))) if there else None


_PLACES = {"loopback": "this machine", "own network": "your own network", "remote": "the network"}


def make_http_client(
    openai: Any, guard: PeerGuard, *, restricted: bool, on_response: Callable[[Any], Any] | None = None
) -> Any:
    """Return an HTTP client for the SDK.

    Redirects are never followed. Proxies and other settings of the environment are ignored unless the server
    is remote and nothing restricted is sent.

    Args:
        openai: the SDK's module.
        guard: of its connections.
        restricted: whether restricted rows may be in what is sent.
        on_response: called with each response.
    """
    hooks: dict[str, list[Any]] = {"request": [guard.on_request]}
    if on_response is not None:
        hooks["response"] = [on_response]
    return openai.DefaultAsyncHttpxClient(
        event_hooks=hooks,
        follow_redirects=False,
        trust_env=guard.reach == "remote" and not restricted,
    )
