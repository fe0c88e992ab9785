"""``per_item`` asks as the papers do, once per item or claim set, and only where the terms allow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from batch_server import serve_batches
from trees import make_tree

from nastdata.errors import UserError
from nastdata.pipeline import Built, make
from nastdata.progress import Progress
from nastdata.recipe import check_recipe

ATTESTED = {
    "zero_retention": True,
    "no_training": True,
    "no_human_review": True,
    "attested_by": "A. Person",
}


def build(kind: str, url: str, cache: Path, *, writer: dict[str, Any] | None = None, **more: Any) -> Built:
    asks = {"realizer": "openai", "model": "m", "base_url": url, "cache": str(cache), "per_item": True}
    recipe = {
        "recipe": kind,
        "phantom_patients": 90,
        "limit": 24,
        "audit": {"enabled": False},
        "writer": {**asks, **(writer or {})},
        **more,
    }
    return make(check_recipe(recipe, where="test"), Progress(quiet=True))


def test_one_question_for_each_option_set_of_mednega(tmp_path: Path) -> None:
    with serve_batches() as (url, seen):
        rows = build("mednega", url, tmp_path / "a.sqlite").configs["mednega"]
        # The items of a group share their four options, which is what makes them balanced: one question for
        # the negated texts of a group, one for their affirmative twins.
        groups = rows["group_id"].n_unique()
        assert len(rows) == 24 and groups == 6
        # A group in which a finding is denied by two phrases is asked about in two parts.
        assert 2 * groups <= seen.live == sum(seen.paid.values()) < 3 * groups
        assert rows["realizer"].cast(pl.String).str.starts_with("openai:m#").all()
        by_group = rows.group_by("group_id").agg(pl.col("plan_id").n_unique())
        assert by_group["plan_id"].to_list() == [1] * groups
        assert len(set(rows["plan_id"])) == groups


def test_one_question_for_each_item_of_the_published_design(tmp_path: Path) -> None:
    with serve_batches() as (url, seen):
        rows = build("mednega", url, tmp_path / "a.sqlite", design="paper").configs["mednega"]
        assert len(rows) == rows["group_id"].n_unique() == 24
        assert seen.live == 2 * 24


def test_one_question_for_each_claim_set(tmp_path: Path) -> None:
    more = {"captions": {"enabled": False}, "claims": {"balanced": False}}
    with serve_batches() as (url, seen):
        rows = build("contextual", url, tmp_path / "a.sqlite", **more).configs["contextual_claims"]
        assert len(rows) == rows["group_id"].n_unique() == 24
        assert seen.live == 24
        assert rows["realizer"].cast(pl.String).str.starts_with("openai:m#").all()


def test_the_sets_of_a_closed_family_share_a_question(tmp_path: Path) -> None:
    with serve_batches() as (url, seen):
        built = build("contextual", url, tmp_path / "a.sqlite", captions={"enabled": False})
        rows = built.configs["contextual_claims"]
        assert seen.live == rows["group_id"].n_unique() < len(rows)
        for _, group in rows.group_by("group_id"):
            assert len({frozenset(c) for c in group["claims"].to_list()}) == 1


@pytest.fixture(scope="module")
def chests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A made-up tree of a restricted corpus."""
    return {"mimic-cxr": str(make_tree(tmp_path_factory.mktemp("tree"), 300).mimic)}


def send_abroad(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate takes the test's server for a service elsewhere (its own decision: ``test_gate.py``)."""
    monkeypatch.setattr("nastdata.llm.terms_gate.is_loopback", lambda url: False)
    monkeypatch.setattr("nastdata.llm.terms_gate.proves_name", lambda url: True)


def restricted(url: str, tmp_path: Path, data: dict[str, str], **writer: Any) -> Built:
    given = {"source": ["mimic-cxr"], "data": data, "design": "paper", "limit": 8}
    return build("mednega", url, tmp_path / "a.sqlite", writer=writer, **given)


def test_restricted_rows_go_to_a_server_on_this_machine(tmp_path: Path, chests: dict[str, str]) -> None:
    with serve_batches() as (url, seen):
        built = restricted(url, tmp_path, chests)
    sent = built.manifest["sent_to_services"]
    assert sent["rows_sent"] and sent["endpoint"] == "loopback" and sent["attestation"] is None
    assert seen.live == 2 * len(built.configs["mednega"]) > 0


def test_restricted_rows_do_not_go_elsewhere(
    tmp_path: Path, chests: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send_abroad(monkeypatch)
    with serve_batches() as (url, seen):
        with pytest.raises(UserError, match="mimic-cxr forbid sending study rows"):
            restricted(url, tmp_path, chests)
        with pytest.raises(UserError, match="forbid"):
            restricted(url, tmp_path, chests, attestation={**ATTESTED, "no_training": False})
        with pytest.raises(UserError, match="zero retention rules out"):
            restricted(url, tmp_path, chests, attestation=ATTESTED, batch_api=True)
        assert not seen.events


def test_restricted_rows_go_elsewhere_if_attested_and_told(
    tmp_path: Path, chests: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send_abroad(monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    with serve_batches() as (url, _):
        built = restricted(url, tmp_path, chests, attestation=ATTESTED)
    assert len(built.configs["mednega"]) > 0
    sent = built.manifest["sent_to_services"]
    assert built.manifest["ledger"]["peers"] == ["127.0.0.1"] and sent.pop("own_server") is None
    assert sent == {
        "rows_sent": True,
        "endpoint": "remote",
        "restricted_sources": ["mimic-cxr"],
        "attestation": ATTESTED,
    }


def test_the_bank_of_a_restricted_source_may_go_anywhere(
    tmp_path: Path, chests: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    send_abroad(monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    with serve_batches() as (url, seen):
        built = restricted(url, tmp_path, chests, per_item=False, wordings=2)
        assert built.manifest["sent_to_services"]["rows_sent"] is False
        said = " ".join(seen.prompts)
    assert seen.live > 0 and "Construction to lean on" in said
    rows = built.configs["mednega"]
    ids = {str(v) for c in ("patient_id", "study_id", "image_id", "item_id", "group_id") for v in rows[c]}
    assert len(ids) > 8 and not [i for i in ids if i in said]
