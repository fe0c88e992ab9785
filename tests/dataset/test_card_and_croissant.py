"""Card and Croissant say the same, inherit the terms of the sources, and are read by the tools for them."""

from __future__ import annotations

import itertools
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dataset_frames import SCHEMAS, make_frames, make_manifest, make_rejects, make_terms
from hypothesis import given
from hypothesis import strategies as st

from nastdata.dataset.folder import write_dataset
from nastdata.report.card import render_card
from nastdata.report.columns import COLUMN_NOTES
from nastdata.report.croissant import make_croissant
from nastdata.report.describe import describe
from nastdata.terms import inherit_terms


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card") / "out"
    return write_dataset(folder, make_frames(20), make_rejects(), make_manifest())


def read_head(text: str) -> dict[str, Any]:
    head: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return head


def test_card_and_croissant_agree(out: Path) -> None:
    text = (out / "README.md").read_text()
    head, croissant = read_head(text), json.loads((out / "croissant.json").read_text())
    sets = {r["@id"]: r for r in croissant["recordSet"]}
    assert croissant["alternateName"] == head["pretty_name"]
    assert croissant["description"] in text
    assert croissant["keywords"] == head["tags"]
    assert head["license"] == "other"
    assert head["license_name"] == croissant["license"][0].lower().replace(" ", "-")
    for line in (*croissant["rai:dataLimitations"], *croissant["rai:dataBiases"]):
        assert line in text
    for line in croissant["citeAs"].splitlines():
        assert line in text
    for info, files in zip(head["dataset_info"], head["configs"], strict=True):
        config = info["config_name"]
        assert files["config_name"] == config
        splits = {d[f"{config}_splits/split_name"]: d for d in sets[f"{config}_splits"]["data"]}
        assert {s["name"]: s["num_examples"] for s in info["splits"]} == {
            name: d[f"{config}_splits/rows"] for name, d in splits.items()
        }
        assert [f["split"] for f in files["data_files"]] == list(splits)
        fields = [f["@id"].partition("/")[2] for f in sets[config]["field"]]
        assert fields == ["split", *(f["name"] for f in info["features"])] == ["split", *SCHEMAS[config]]


def test_features_of_the_card_are_those_of_the_files(out: Path) -> None:
    import pyarrow.parquet as pq
    from datasets import Features

    for info in read_head((out / "README.md").read_text())["dataset_info"]:
        schema = pq.read_schema(out / "data" / info["config_name"] / "train-00000-of-00001.parquet")
        assert Features.from_arrow_schema(schema)._to_yaml_list() == info["features"]


# mlcroissant's own libraries use each other's old names.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mlcroissant_reads_every_record_set(out: Path, caplog: pytest.LogCaptureFixture) -> None:
    mlc = pytest.importorskip("mlcroissant")
    with caplog.at_level(logging.ERROR):
        dataset = mlc.Dataset(jsonld=str(out / "croissant.json"))
        issues = dataset.metadata.ctx.issues
        assert not issues.errors
        assert all("datePublished" in w for w in issues.warnings)
        rows = {row["item_id"]: row for row in make_frames(20)["mednega"].to_dicts()}
        seen = 0
        for record in dataset.records("mednega"):
            row = rows[record["mednega/item_id"].decode()]
            assert record["mednega/split"].decode() == row["split"]
            assert [t.decode() for t in record["mednega/negated_choices"]] == row["negated_choices"]
            assert [list(v) for v in record["mednega/choice_labels"]] == row["choice_labels"]
            seen += 1
        assert seen == 20
        for config in set(SCHEMAS) - {"mednega", "contextual_claims"}:
            assert len(list(itertools.islice(dataset.records(config), 3))) == 3
        claim = next(iter(dataset.records("contextual_claims")))["contextual_claims/claim_facts"]
        assert claim[0]["contextual_claims/claim_facts/existence"] == b"absent"


def test_croissant_holds_the_hashes_of_the_files(out: Path) -> None:
    croissant = json.loads((out / "croissant.json").read_text())
    manifest = json.loads((out / "manifest.json").read_text())
    files = {d["contentUrl"]: d["sha256"] for d in croissant["distribution"] if d["@type"] == "cr:FileObject"}
    assert files == {k: v for k, v in manifest["outputs"].items() if k.startswith("data/")}


def test_a_publication_date_comes_from_outside_only(monkeypatch: pytest.MonkeyPatch) -> None:
    about = describe({**make_manifest(), "rows": {"mednega": {"train": 1}}})
    assert "datePublished" not in make_croissant(about, {})
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert make_croissant(about, {})["datePublished"] == "2023-11-14"


def test_every_column_has_a_meaning() -> None:
    assert {c for schema in SCHEMAS.values() for c in schema} <= set(COLUMN_NOTES)


def test_limits_are_told() -> None:
    text = render_card(describe({**make_manifest(), "rows": {"mednega": {"train": 1}}}))
    for said in (
        "not reviewed by a radiologist",
        "one report counts as one patient",
        "A note on quality",
        "Not for clinical use",
        "81.0 % [80.0, 82.0], chance 25.0 %",
        "Warning: n-grams get far",
        "100 rows read, 90 used, 4 rejected, 6 left out",
        "arXiv:2602.12498",
        "arXiv:2512.17121",
        "Somebody et al., Some Agreement",
    ):
        assert said in text, said


PUBLISH = st.sampled_from(("yes", "private", "no"))


@given(st.lists(PUBLISH, min_size=1, max_size=4))
def test_the_strictest_terms_are_inherited(kinds: list[str]) -> None:
    sources = [{"name": str(i), "title": str(i), "terms": make_terms(k)} for i, k in enumerate(kinds)]
    got = inherit_terms(sources)
    assert got.may_publish == next(k for k in ("no", "private", "yes") if k in kinds)
    assert got.may_leave_machine == all(k == "yes" for k in kinds)
    assert set(got.strictest) == {str(i) for i, k in enumerate(kinds) if k == got.may_publish}


@pytest.mark.parametrize(
    ("licences", "hub"),
    [
        (["apache-2.0"], "apache-2.0"),
        (["CC BY-NC-ND 4.0", "cc-by-nc-nd-4.0"], "cc-by-nc-nd-4.0"),
        (["apache-2.0", "cc-by-4.0"], "other"),
        (["PhysioNet Credentialed Health Data Use Agreement 1.5.0"], "other"),
    ],
)
def test_the_licence_is_that_of_the_sources(licences: list[str], hub: str) -> None:
    sources = [{"name": n, "title": n, "terms": make_terms("yes", n)} for n in licences]
    manifest = {**make_manifest(), "sources": sources, "rows": {"mednega": {"train": 1}}}
    head = read_head(render_card(describe(manifest)))
    assert head["license"] == hub
    if hub == "other":
        assert all(n.lower().replace(" ", "-") in head["license_name"] for n in licences)
        assert re.fullmatch("[a-z0-9.-]+", head["license_name"]), "the Hub's pattern"


def test_without_sources_nothing_may_be_passed_on() -> None:
    assert inherit_terms([]).may_publish == "no"
