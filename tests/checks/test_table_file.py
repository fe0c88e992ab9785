"""Plain tables of captions, of whatever origin."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from nastdata.checks.generated.table_file import Columns, validate_table
from nastdata.checks.verdicts import Report
from nastdata.errors import UserError
from nastdata.ontology import Ontology

ALL = Columns("caption", "finding", "label", "where", "grade")
GOOD = [
    ("There is no pleural effusion.", "Pleural Effusion", "0", None, None),
    ("Small left pleural effusion.", "pleural effusion", "present", "left", "small"),
    ("Consolidation is not in the right lower lobe.", "Consolidation", "absent", "right lower lobe", None),
    ("There is no large pneumothorax.", "pneumothorax", "no", None, "large"),
    ("Mild cardiomegaly.", "Cardiomegaly", "TRUE", None, "mild"),
]


def write(path: Path, rows: list[tuple], columns: Columns = ALL) -> Path:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns.given.values(), pl.String), orient="row")
    writers = {".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson, ".json": frame.write_json}
    if path.suffix == ".tsv":
        frame.write_csv(path, separator="\t")
    else:
        writers.get(path.suffix, frame.write_csv)(path)
    return path


def reasons(report: Report) -> dict[tuple[str, str], str]:
    rows = report.failures.select("rule", "key", "reason").iter_rows()
    return {(rule, key): reason for rule, key, reason in rows}


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl", "ndjson", "json"])
def test_good_captions_pass_in_every_format(tmp_path: Path, ontology: Ontology, kind: str) -> None:
    name = tmp_path / f"captions.{kind}"
    if kind == "ndjson":
        write(tmp_path / "a.jsonl", GOOD).rename(name)
    else:
        write(name, GOOD)
    report = validate_table(name, ALL, ontology)
    assert report.passed, report.failures


@pytest.mark.parametrize(
    ("row", "rule", "reason"),
    [
        (("There is pleural effusion.", "Pleural Effusion", "0", None, None), "round_trip", "existence read"),
        (("There is no edema.", "Pneumonia", "0", None, None), "round_trip", "condition not mentioned"),
        (("Small pleural effusion.", "Pleural Effusion", "1", None, "large"), "round_trip", "severity read"),
        (("Left pleural effusion.", "Pleural Effusion", "1", "right", None), "round_trip", "location read"),
        (("Left pleural effusion.", "Pleural Effusion", "1", None, None), "round_trip", "location read"),
        (("Pneumothorax with a flurb.", "Pneumothorax", "1", None, None), "round_trip", "unlicensed word"),
        (("Pneumothorax and fracture.", "Pneumothorax", "1", None, None), "round_trip", "mentions Fracture"),
        (("Possible pneumothorax.", "Pneumothorax", "1", None, None), "round_trip", "existence read"),
        ((None, "Pneumothorax", "1", None, None), "required", "text is blank"),
        (("  ", "Pneumothorax", "1", None, None), "required", "text is blank"),
        (("No edema.", None, "0", None, None), "required", "condition is blank"),
        (("No edema.", "Oedemo", "0", None, None), "vocabulary", "condition 'Oedemo'"),
        (("No edema.", "Edema", "-1", None, None), "vocabulary", "existence '-1'"),
        (("No edema.", "Edema", "0", "left knee", None), "vocabulary", "location 'left knee'"),
        (
            ("Cardiomegaly.", "Cardiomegaly", "1", "right lower lobe", None),
            "facts",
            "Cardiomegaly can't be in",
        ),
    ],
)
def test_a_bad_caption_is_named(
    tmp_path: Path, ontology: Ontology, row: tuple, rule: str, reason: str
) -> None:
    report = validate_table(write(tmp_path / "c.csv", [*GOOD, row]), ALL, ontology)
    assert not report.passed
    assert rule in report.failed_rules
    assert reasons(report)[rule, f"row {len(GOOD) + 1}"].startswith(reason)
    assert set(report.failures["key"]) == {f"row {len(GOOD) + 1}"}


def test_attributes_without_a_column_are_not_compared(tmp_path: Path, ontology: Ontology) -> None:
    columns = Columns("caption", "finding", "label")
    rows = [("Large left pleural effusion.", "Pleural Effusion", "1"), ("No edema.", "Edema", "0")]
    assert validate_table(write(tmp_path / "c.csv", rows, columns), columns, ontology).passed


def test_one_text_with_two_facts_is_a_contradiction(tmp_path: Path, ontology: Ontology) -> None:
    rows = [GOOD[0], ("There is no pleural effusion.", "Pleural Effusion", "1", None, None)]
    report = validate_table(write(tmp_path / "c.csv", rows), ALL, ontology)
    assert {"round_trip", "consistency"} <= set(report.failed_rules)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "can't be read"),
        (b"caption,finding,label,where,grade\n", "no rows"),
        (b"caption,findings,label,where,grade\na,b,c,d,e\n", "no column finding"),
        (b"caption,finding,label,where,grade\n\xff\xfe,b,c,d,e\n", "can't be read"),
    ],
)
def test_an_unusable_file_is_told(tmp_path: Path, ontology: Ontology, content: bytes, what: str) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=what):
        validate_table(path, ALL, ontology)


def test_a_file_of_another_kind_is_told(tmp_path: Path, ontology: Ontology) -> None:
    path = tmp_path / "captions.docx"
    path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"known: \.csv"):
        validate_table(path, ALL, ontology)


def test_a_nested_column_is_told(tmp_path: Path, ontology: Ontology) -> None:
    path = tmp_path / "c.jsonl"
    row = {"caption": ["a"], "finding": "Edema", "label": "0"}
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match="holds lists"):
        validate_table(path, Columns("caption", "finding", "label"), ontology)
