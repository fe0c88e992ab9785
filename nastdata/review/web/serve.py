"""Serve a review on this machine until it is interrupted."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from nastdata.dataset.folder import DatasetFolder
from nastdata.errors import UserError
from nastdata.review.extras import need
from nastdata.review.web.app import ReviewApp
from nastdata.terms import inherit_terms

LOOPBACK = "127.0.0.1"


def check_host(host: str, folder: DatasetFolder | None) -> None:
    """Refuse an address that a dataset may not be served to, or that is not one address.

    Args:
        host: as asked for.
        folder: the dataset; None for an ontology, which holds no patient's data.

    Raises:
        UserError: if it is refused.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise UserError(
            "not an IP address", where=f"--host {host}", how="e.g. --host 192.168.1.20, this machine's own"
        ) from None
    if address.is_loopback:
        return
    if address.is_unspecified or address.is_multicast:
        raise UserError(
            "not one address of this machine",
            where=f"--host {host}",
            how="give the one that the other device reaches, e.g. --host 192.168.1.20",
        )
    if folder is None:
        return
    terms = inherit_terms((folder.manifest or {}).get("sources") or [])
    if terms.may_publish != "yes" or not terms.may_leave_machine:
        raise UserError(
            f"the terms of {', '.join(terms.strictest) or 'unknown sources'} do not allow serving its rows "
            "to another machine",
            where=f"--host {host}",
            how="leave --host out and review on this machine",
        )


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        UserError: if the address or the port can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # a link that is shown must work at once
        sock.listen(128)
    except OSError as e:
        sock.close()
        how = "choose another --port, or leave it out" if port else "leave --host out"
        raise UserError(f"can't listen there ({e.strerror})", where=f"{host}:{port}", how=how) from e
    return sock


def serve(
    make_app: Callable[[str], ReviewApp],
    people: list[str],
    host: str,
    port: int,
    announce: Callable[[str, str], None],
) -> None:
    """Serve until interrupted.

    Args:
        make_app: given the name of the session's cookie, returns the application.
        people: who gets a link.
        host: address to listen on.
        port: 0 for any free one.
        announce: told (person, link) at the start, and each time a link was used.

    Raises:
        UserError: if the extra is missing, or the address can't be had.
    """
    uvicorn = need("uvicorn")
    need("starlette")
    sock = open_socket(host, port)
    port = sock.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    names = {shown} | ({"localhost"} if ipaddress.ip_address(host).is_loopback else set())
    hosts = frozenset(f"{name}:{port}" for name in names)
    app = make_app(f"nastdata_review_{port}")

    def invite(person: str) -> None:
        announce(person, f"http://{shown}:{port}/enter?token={app.keys.make_link(person)}")

    app.entered = invite
    config: Any = uvicorn.Config(
        app.build(hosts),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        limit_concurrency=200,
    )
    server = uvicorn.Server(config)
    for person in people:
        invite(person)
    try:
        server.run(sockets=[sock])
    except KeyboardInterrupt:
        # how a review page is ended; uvicorn has closed its connections by then
        pass
    finally:
        sock.close()
