"""Phantom: reproducible, true to itself, shaped like CheXpert, for any ontology."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.frames import FACTS_SCHEMA, labels_schema
from nastdata.ontology import Ontology, load_ontology
from nastdata.sources import get_source
from nastdata.sources.base import Options
from nastdata.sources.phantom.source import draw_phantoms
from nastdata.sources.phantom.truth import SHARES

SOURCE = get_source("phantom")
KNEE = Path(__file__).parents[1] / "data" / "knee.yaml"


@pytest.fixture(scope="module")
def drawn(ontology: Ontology) -> tuple[pl.DataFrame, pl.DataFrame]:
    options = Options(phantom_patients=1500)
    return SOURCE.load_labels(None, ontology, options).frame, SOURCE.load_facts(None, ontology, options).frame


def test_schemas_and_order(drawn: tuple[pl.DataFrame, pl.DataFrame], ontology: Ontology) -> None:
    labels, facts = drawn
    assert dict(labels.schema) == {**labels_schema(ontology), "No Finding": pl.Int8()}
    assert dict(facts.schema) == FACTS_SCHEMA
    assert labels["study_id"].is_sorted() and labels["study_id"].n_unique() == len(labels)
    assert labels["patient_id"].n_unique() == 1500
    assert labels.group_by("patient_id").len()["len"].max() == 3
    first = labels.row(0, named=True)
    assert first["image"] == f"phantom/{first['patient_id']}/{first['study_id'].split('/')[1]}.png"


def test_prevalence_follows_chexpert(drawn: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    labels, _ = drawn
    for name, (present, absent, uncertain) in SHARES.items():
        share = labels[name].value_counts(normalize=True)
        got = {label: float(x) for label, x in share.iter_rows()}
        assert got.get(1, 0.0) == pytest.approx(present, abs=0.05), name
        assert got.get(-1, 0.0) == pytest.approx(uncertain, abs=0.03), name
        assert got.get(0, 0.0) >= absent - 0.02, name


def test_findings_of_one_study_go_together(drawn: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    labels, _ = drawn
    edema = labels.filter(pl.col("Edema") == 1)
    rate = int((labels["Pleural Effusion"] == 1).sum()) / len(labels)
    among = int((edema["Pleural Effusion"] == 1).sum()) / len(edema)
    assert among > rate + 0.1


def test_no_label_contradicts_the_hierarchy(
    drawn: tuple[pl.DataFrame, pl.DataFrame], ontology: Ontology
) -> None:
    labels, _ = drawn
    for child in ontology.conditions:
        for parent in ontology.ancestors[child.name]:
            assert labels.filter((pl.col(child.name) == 1) & (pl.col(parent) == 0)).is_empty()


def test_facts_agree_with_labels(drawn: tuple[pl.DataFrame, pl.DataFrame], ontology: Ontology) -> None:
    labels, facts = drawn
    names = [c.name for c in ontology.conditions]
    told = labels.unpivot(on=names, index="study_id", variable_name="condition", value_name="label")
    expected = told.filter(pl.col("label").is_in([0, 1])).with_columns(
        pl.when(pl.col("label") == 1).then(pl.lit("present")).otherwise(pl.lit("absent")).alias("existence")
    )
    keys = ["study_id", "condition", "existence"]
    assert facts.select(keys).sort(keys).equals(expected.select(keys).sort(keys))
    absent = facts.filter(pl.col("existence") == "absent")
    assert absent["location"].null_count() == absent["severity"].null_count() == len(absent)
    for condition, place, grade in facts.select("condition", "location", "severity").unique().iter_rows():
        assert place is None or place in ontology.condition_by_name[condition].places
        assert grade is None or grade in ontology.grades(condition)
    located = facts.filter(pl.col("existence") == "present", pl.col("condition") == "Pleural Effusion")
    assert located["location"].null_count() == located["severity"].null_count() == 0


def test_an_implied_parent_has_the_place_of_its_only_child(ontology: Ontology) -> None:
    drawn = draw_phantoms(ontology, 3, 400)
    facts = drawn.facts.with_columns(drawn.drawn.alias("drawn")).filter(pl.col("existence") == "present")
    kinds = [c.name for c in ontology.conditions if "Lung Opacity" in c.parents]
    opacity = facts.filter(pl.col("condition") == "Lung Opacity", ~pl.col("drawn"))
    children = facts.filter(pl.col("condition").is_in(kinds))
    only = children.filter(pl.len().over("study_id") == 1)
    both = opacity.join(only, on="study_id", suffix="_child")
    assert len(both) > 20
    assert both["location"].equals(both["location_child"], null_equal=True)
    several = opacity.join(
        children.filter(pl.len().over("study_id") > 1).select("study_id").unique(), on="study_id"
    )
    assert several["location"].null_count() == len(several) > 0


@given(st.integers(1, 60), st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_more_patients_change_nobody(ontology: Ontology, patients: int, seed: int) -> None:
    few = draw_phantoms(ontology, seed, patients)
    many = draw_phantoms(ontology, seed, patients + 17)
    assert many.labels.head(len(few.labels)).equals(few.labels)
    assert many.facts.head(len(few.facts)).equals(few.facts)


def test_seeds_differ(ontology: Ontology) -> None:
    a, b = (draw_phantoms(ontology, s, 50).labels for s in (0, 1))
    assert not a.equals(b)


def test_other_processes_draw_the_same(ontology: Ontology) -> None:
    code = (
        "from nastdata.ontology import load_ontology as l;"
        "from nastdata.sources.phantom.source import draw_phantoms as d;"
        "import hashlib; x = d(l('chest_xray'), 5, 60);"
        "print(hashlib.sha256((x.labels.write_csv() + x.facts.write_csv()).encode()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": s, "POLARS_MAX_THREADS": s, "PATH": ""},
        ).stdout
        for s in ("1", "2")
    }
    assert len(hashes) == 1


def test_any_ontology_can_be_drawn() -> None:
    knee = load_ontology(str(KNEE))
    loaded = SOURCE.load_labels(None, knee, Options(phantom_patients=300))
    facts = SOURCE.load_facts(None, knee, Options(phantom_patients=300))
    assert {"Joint Effusion", "Osteophyte", "Degeneration"} <= set(loaded.frame.columns)
    assert facts.frame["severity"].drop_nulls().unique().sort().to_list() == ["large", "small"]
    assert facts.rows_in == facts.rows_out + sum(facts.left_out.values())
