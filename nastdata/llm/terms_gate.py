"""The terms gate: restricted patient rows do not leave the machine (``docs/terms.md``).

Text that is made from the vocabulary alone carries no patient data and may go anywhere; what is held back is
``per_item`` work, which would tell a service which findings occur together in a study.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from nastdata.errors import UserError
from nastdata.llm.chat import find_url
from nastdata.llm.connection import Reach, is_loopback, is_own_network
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


def check_terms(writer: WriterSettings, sources: Sequence[Owned]) -> dict[str, Any]:
    """Refuse to send restricted rows to a service, unless the recipe attests what the terms ask for.

    Returns:
        What was decided and why, for the manifest.

    Raises:
        UserError: if the build would send restricted rows off this machine.
    """
    restricted = [s.name for s in sources if not s.terms.may_leave_machine]
    asks = writer.realizer == "openai"
    reach = find_reach(writer) if asks else None
    decision: dict[str, Any] = {
        "rows_sent": writer.per_item and asks,
        "endpoint": reach or "none",
        "restricted_sources": restricted,
        "attestation": None,
        "own_server": writer.own_server if reach == "own network" else None,
    }
    if not (restricted and writer.per_item and asks) or reach == "loopback":
        return decision
    if reach == "own network":
        return decision
    if writer.own_server:
        raise UserError(
            "not every address of this server is on your own network",
            where=f"writer.base_url {find_url(writer)}",
            how="name a server with private addresses only, or drop writer.own_server",
        )
    if not writer.attestation.complete:
        raise UserError(
            f"the terms of {', '.join(restricted)} forbid sending study rows to a service",
            where="writer.per_item",
            how="drop per_item (words then come from the vocabulary alone), use a server on this machine, "
            "state under writer.own_server that it is your own, or attest zero_retention, no_training, "
            "no_human_review and attested_by under writer.attestation",
        )
    if writer.batch_api:
        raise UserError(
            "a batch job is kept as files at the service, which zero retention rules out",
            where="writer.batch_api",
            how=f"--set writer.batch_api=false for study rows of {', '.join(restricted)}",
        )
    if not proves_name(find_url(writer)):
        raise UserError(
            "study rows go to a service only over https, which proves the server's name",
            where=f"writer.base_url {find_url(writer)}",
            how="use its https address",
        )
    return {**decision, "attestation": writer.attestation.model_dump(mode="json")}


def proves_name(url: str) -> bool:
    """Whether the server must prove its name before it gets anything."""
    return url.startswith("https://")


def find_reach(writer: WriterSettings) -> Reach:
    """Return how far the writer's connections may lead."""
    url = find_url(writer)
    if is_loopback(url):
        return "loopback"
    return "own network" if writer.own_server and is_own_network(url) else "remote"
