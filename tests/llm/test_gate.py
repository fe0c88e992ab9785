"""The terms gate: what may be sent where, decided by addresses and not by names."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from nastdata.errors import UserError
from nastdata.llm.connection import is_loopback
from nastdata.llm.terms_gate import check_terms
from nastdata.recipe import Attestation, WriterSettings
from nastdata.sources import get_source


@pytest.mark.parametrize(
    ("addresses", "wanted"),
    [(["127.0.0.1"], True), (["::1", "127.0.0.1"], True), (["127.0.0.1", "10.0.0.5"], False), ([], False)],
)
def test_loopback_is_decided_by_address(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], wanted: bool
) -> None:
    def resolve(host: str, port: object) -> list[Any]:
        return [(0, 0, 0, "", (a, 0)) for a in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert is_loopback("http://localhost:8000/v1") is wanted


def test_restricted_rows_stay_unless_attested() -> None:
    sources = [get_source("mimic-cxr")]
    remote: dict[str, Any] = {"realizer": "openai", "per_item": True, "base_url": "https://192.0.2.7/v1"}
    with pytest.raises(UserError, match="forbid"):
        check_terms(WriterSettings(**remote), sources)
    partly = Attestation(zero_retention=True, no_training=True, attested_by="A. Person")
    with pytest.raises(UserError, match="forbid"):
        check_terms(WriterSettings(**remote, attestation=partly), sources)
    whole = partly.model_copy(update={"no_human_review": True})
    said = check_terms(WriterSettings(**remote, attestation=whole), sources)
    assert said["attestation"]["attested_by"] == "A. Person"
    assert check_terms(WriterSettings(**{**remote, "per_item": False}), sources)["rows_sent"] is False
    loopback = {**remote, "base_url": "http://127.0.0.1:1/v1"}
    assert check_terms(WriterSettings(**loopback), sources)["endpoint"] == "loopback"
    assert check_terms(WriterSettings(**remote), [get_source("phantom")])["attestation"] is None
