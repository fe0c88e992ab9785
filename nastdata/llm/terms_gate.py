"""The terms gate: restricted patient rows do not leave the machine (``docs/terms.md``).

Text that is made from the vocabulary alone carries no patient data and may go anywhere; what is held back is
``per_item`` work, which would tell a service which findings occur together in a study.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from nastdata.errors import UserError
from nastdata.recipe import WriterSettings
from nastdata.terms import Terms


class Owned(Protocol):
    """A source as the gate sees it: a name and its owners' terms."""

    @property
    def name(self) -> str:
        """Name of the source."""
        ...

    @property
    def terms(self) -> Terms:
        """What its owners allow."""
        ...


DEFAULT_URL = "https://api.openai.com/v1"


def is_loopback(url: str) -> bool:
    """Whether every address that the host of ``url`` resolves to is this machine's loopback.

    The name proves nothing ("localhost.example.com", or a hosts file that points localhost elsewhere);
    a host that does not resolve is not loopback.
    """
    host = urlsplit(url).hostname
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    addresses = {ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found}
    return bool(addresses) and all(_is_loopback(a) for a in addresses)


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_terms(writer: WriterSettings, sources: Sequence[Owned]) -> dict[str, Any]:
    """Refuse to send restricted rows to a service, unless the recipe attests what the terms ask for.

    Returns:
        What was decided and why, for the manifest.

    Raises:
        UserError: if the build would send restricted rows off this machine.
    """
    restricted = [s.name for s in sources if not s.terms.may_leave_machine]
    remote = writer.realizer == "openai" and not is_loopback(writer.base_url or DEFAULT_URL)
    decision: dict[str, Any] = {
        "rows_sent": writer.per_item and writer.realizer == "openai",
        "endpoint": "none" if writer.realizer != "openai" else "remote" if remote else "loopback",
        "restricted_sources": restricted,
        "attestation": None,
    }
    if not (restricted and remote and writer.per_item):
        return decision
    if not writer.attestation.complete:
        raise UserError(
            f"the terms of {', '.join(restricted)} forbid sending study rows to a service",
            where="writer.per_item",
            how="drop per_item (words then come from the vocabulary alone), use a server on this machine, or "
            "attest zero_retention, no_training, no_human_review and attested_by under writer.attestation",
        )
    if writer.batch_api:
        raise UserError(
            "a batch job is kept as files at the service, which zero retention rules out",
            where="writer.batch_api",
            how=f"--set writer.batch_api=false for study rows of {', '.join(restricted)}",
        )
    return {**decision, "attestation": writer.attestation.model_dump(mode="json")}
