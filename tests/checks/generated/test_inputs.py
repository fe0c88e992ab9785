"""Tables of unknown writers: which column is what, what its cells mean, and how two tables are joined."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastdata.checks.generated.inputs import Options
from nastdata.checks.generated.run import Settings, validate_captions
from nastdata.checks.generated.tables import Given
from nastdata.errors import UserError

TEXTS = ["No pleural effusion. Pneumothorax is seen.", "Cardiomegaly is present. No edema."]
IDS = ["s50000001", "s50000002"]
WIDE = [
    {
        "study_id": "50000001",
        "Pleural Effusion": "0.0",
        "Pneumothorax": "1.0",
        "Cardiomegaly": "",
        "Edema": "",
    },
    {
        "study_id": "50000002",
        "Pleural Effusion": "",
        "Pneumothorax": "",
        "Cardiomegaly": "1.0",
        "Edema": "0.0",
    },
]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as f:
            out = csv.DictWriter(f, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            out.writeheader()
            out.writerows(rows)
    elif path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(list(rows)))
    else:
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def captions(
    folder: Path, key: str = "study_id", text: str = "report", kind: str = "csv", **more: str
) -> Path:
    rows = [{key: i, text: t, **more} for i, t in zip(IDS, TEXTS, strict=True)]
    return write(folder / f"captions.{kind}", rows)


def judge(path: Path, against: Path | None = None, **options: Any) -> dict[str, Any]:
    settings = Settings(Options(**options), draws=10)
    return validate_captions([path], against, settings)[0]


def count(report: dict[str, Any]) -> dict[str, int]:
    (file,) = report["files"].values()
    return {k: v for k, v in file["verdicts"].items() if v}


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "parquet"])
@pytest.mark.parametrize("other", ["csv", "jsonl", "parquet"])
def test_every_kind_of_file(tmp_path: Path, kind: str, other: str) -> None:
    against = write(tmp_path / f"labels.{other}", WIDE)
    report = judge(captions(tmp_path, kind=kind), against)
    assert count(report) == {"supported": 4}
    assert report["passed"]


@pytest.mark.parametrize(
    "columns",
    [
        ["image_id", "caption"],
        ["Path", "Generated_Report"],
        ["ID", "prediction"],
        ["dicom_id", "model output"],
        ["study_id", "Some prose of mine"],
        ["file name", "impression"],
    ],
)
def test_columns_are_found_by_their_usual_names(tmp_path: Path, columns: list[str]) -> None:
    key, text = columns
    labels = [
        {key: i, **{k: v for k, v in row.items() if k != "study_id"}}
        for i, row in zip(IDS, WIDE, strict=True)
    ]
    report = judge(captions(tmp_path, key, text), write(tmp_path / "labels.csv", labels))
    (file,) = report["files"].values()
    assert (file["join"]["column"], file["text_column"]) == (key, text)
    assert count(report) == {"supported": 4}


def test_what_a_model_wrote_goes_before_the_radiologists_report(tmp_path: Path) -> None:
    path = captions(
        tmp_path, text="generated_text", report="Large right pleural effusion is seen here today."
    )
    assert count(judge(path, write(tmp_path / "labels.csv", WIDE))) == {"supported": 4}


def test_two_columns_that_could_be_the_text_are_the_users_choice(tmp_path: Path) -> None:
    path = captions(tmp_path, text="report", caption="Another text of the same row.")
    against = write(tmp_path / "labels.csv", WIDE)
    with pytest.raises(UserError, match="several columns could be the text: report, caption"):
        judge(path, against)
    assert count(judge(path, against, text="Report")) == {"supported": 4}


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (["effusion", "PNEUMOTHORAX", "cardiomegaly", "edema"], ["0", "1", "1", "0"]),
        (["label_Effusion", "label_Pneumothorax", "label_Cardiomegaly", "label_Edema"], ["0", "1", "1", "0"]),
        (
            ["PleuralEffusion", "Pneumothorax_gt", "chexpert_cardiomegaly", "Edema"],
            ["False", "TRUE", "yes", "no"],
        ),
        (
            ["pleural_effusion", "pneumothorax", "Cardiomegaly", "Oedema"],
            ["absent", "present", "Positive", "neg"],
        ),
    ],
)
def test_label_columns_and_values_of_many_writers(
    tmp_path: Path, names: list[str], values: list[str]
) -> None:
    a, b, c, d = names
    rows = [
        {"study_id": "50000001", a: values[0], b: values[1], c: "", d: "nan", "Hernia": "0"},
        {"study_id": "50000002", a: None, b: "None", c: values[2], d: values[3], "Hernia": "1"},
    ]
    report = judge(captions(tmp_path), write(tmp_path / "labels.csv", rows))
    assert count(report) == {"supported": 4}
    assert report["reference"]["unused_label_columns"] == ["Hernia"]


def test_several_columns_of_one_condition(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.csv",
        [{"id": "a", "caption": "No lung nodule."}, {"id": "b", "caption": "A lung mass."}],
    )
    rows = [{"id": "a", "Nodule": "0", "Mass": "0"}, {"id": "b", "Nodule": "0", "Mass": "1"}]
    assert count(judge(path, write(tmp_path / "l.csv", rows))) == {"supported": 2}
    rows = [{"id": "a", "Nodule": "0", "Mass": ""}, {"id": "b", "Nodule": "0", "Mass": "0"}]
    assert count(judge(path, write(tmp_path / "l.csv", rows))) == {"not_supported": 1, "contradicted": 1}


LONG = [
    ("50000001", "Effusion", "0"),
    ("50000001", "pneumothorax", "1"),
    ("50000002", "Cardiomegaly", "1"),
    ("50000002", "pulmonary edema", "0"),
]


@pytest.mark.parametrize("names", [("finding", "label"), ("condition", "existence"), ("Pathology", "value")])
def test_one_finding_a_row(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [{"study": k, names[0]: c, names[1]: v, "location": "", "severity": ""} for k, c, v in LONG]
    report = judge(captions(tmp_path), write(tmp_path / "l.csv", rows))
    assert (count(report), report["reference"]["form"]) == ({"supported": 4}, "long")
    given = Given(condition=names[0], existence=names[1])
    assert count(judge(captions(tmp_path), write(tmp_path / "l.csv", rows), given=given)) == {"supported": 4}


def test_names_in_one_cell(tmp_path: Path) -> None:
    rows = [
        {"study_id": IDS[0], "Finding Labels": "Pneumothorax|Hernia"},
        {"study_id": IDS[1], "Finding Labels": "Cardiomegaly"},
    ]
    path = write(tmp_path / "l.csv", rows)
    report = judge(captions(tmp_path), path)
    assert count(report) == {"supported": 2, "not_supported": 2}
    assert report["reference"]["unknown_conditions"] == {"Hernia": 1}
    report = judge(captions(tmp_path), path, closed=True)
    assert count(report)["supported"] == 4


FACTS = [
    [
        {"condition": "Pleural Effusion", "existence": "absent", "location": None, "severity": None},
        {"condition": "Pneumothorax", "existence": "present", "location": "right", "severity": "small"},
    ],
    [
        {"condition": "Cardiomegaly", "existence": 1},
        {"condition": "Edema", "existence": 0, "location": "left knee"},
    ],
]


@pytest.mark.parametrize("form", ["lists", "text", "labels", "one"])
def test_lists_of_facts(tmp_path: Path, form: str) -> None:
    if form == "labels":
        values: list[Any] = [{f["condition"]: f["existence"] for f in facts} for facts in FACTS]
    else:
        values = [json.dumps(f) if form == "text" else f for f in FACTS]
    rows = [{"study_id": k, "facts": v} for k, v in zip(IDS, values, strict=True)]
    if form == "one":
        rows = [{"study_id": k, "facts": f} for k, fs in zip(IDS, FACTS, strict=True) for f in fs]
    against = write(tmp_path / ("facts.csv" if form == "text" else "facts.jsonl"), rows)
    report = judge(captions(tmp_path), against)
    assert (count(report), report["reference"]["form"]) == ({"supported": 4}, "facts")
    if form != "labels":
        assert report["reference"]["unknown_places"] == {"left knee": 1}


def test_the_output_of_parse_is_a_reference(tmp_path: Path, run: Any) -> None:
    path = captions(tmp_path, kind="jsonl")
    done = run("parse", "--report", "--text-key", "report", str(path))
    (tmp_path / "facts.jsonl").write_text(done.stdout)
    assert count(judge(path, tmp_path / "facts.jsonl")) == {"supported": 4}


def test_a_file_may_hold_its_own_record(tmp_path: Path) -> None:
    rows = [
        {"caption": t, **{k: v for k, v in r.items() if k != "study_id"}}
        for t, r in zip(TEXTS, WIDE, strict=True)
    ]
    assert count(judge(write(tmp_path / "c.csv", rows))) == {"supported": 4}
    rows = [{"id": k, "caption": t, "facts": f} for k, t, f in zip(IDS, TEXTS, FACTS, strict=True)]
    assert count(judge(write(tmp_path / "c.jsonl", rows))) == {"supported": 4}
    long = [{"id": k, "caption": TEXTS[int(k[-1]) - 1], "finding": c, "label": v} for k, c, v in LONG]
    report = judge(write(tmp_path / "c.csv", long))
    assert (count(report), report["files"]["c"]["rows"]) == ({"supported": 4}, 2)


@pytest.mark.parametrize(
    ("left", "right", "way"),
    [
        (["a.png", "b.png"], ["a", "b"], "file ending"),
        (["x/y/a.png", "x/y/b.png"], ["z\\a.jpg", "z\\b.jpg"], "file name"),
        (["50000001", "50000002"], ["50000001.0", "50000002.0"], "as they are"),
        (["s50000001", "s50000002"], ["50000001", "50000002"], "digits"),
        (
            ["files/p10/p10000032/s50000001/a.jpg", "files/p10/p10000032/s50000002/b.jpg"],
            IDS,
            "study in the path",
        ),
        (
            ["train/patient00001/study1/view1_frontal.jpg", "train/patient00002/study1/view1_frontal.jpg"],
            ["patient00001/study1", "patient00002/study1"],
            "study in the path",
        ),
    ],
)
def test_keys_that_are_written_otherwise(tmp_path: Path, left: list[str], right: list[str], way: str) -> None:
    rows = [{"image": k, "caption": t} for k, t in zip(left, TEXTS, strict=True)]
    labels = [{**row, "study_id": k} for k, row in zip(right, WIDE, strict=True)]
    report = judge(write(tmp_path / "c.csv", rows), write(tmp_path / "l.csv", labels))
    (file,) = report["files"].values()
    assert count(report) == {"supported": 4}
    assert way in file["join"]["way"]


def test_rows_without_a_match_are_counted_and_named(tmp_path: Path) -> None:
    rows = [
        *({"study_id": i, "report": t} for i, t in zip(IDS, TEXTS, strict=True)),
        {"study_id": "s59999999", "report": "No edema."},
        {"study_id": "", "report": "No edema."},
        {"study_id": IDS[0], "report": ""},
    ]
    labels = [*WIDE, {**WIDE[0], "study_id": "51"}]
    (file,) = judge(write(tmp_path / "c.csv", rows), write(tmp_path / "l.csv", labels))["files"].values()
    assert (file["rows"], file["judged"], file["unmatched"], file["blank"]) == (5, 3, 2, 1)
    assert file["unmatched_some"][0] == "s59999999" and "line 5" in file["unmatched_some"][1]
    assert (file["reference_unused"], file["reference_unused_some"]) == (1, ["51"])
    assert file["verdicts"]["missed"] == 2  # a blank text leaves all out
    assert file["style"]["blank"] == 1


def test_rows_of_one_key_with_contradictory_labels_decide_nothing(tmp_path: Path) -> None:
    labels = [*WIDE, {**WIDE[0], "Pneumothorax": "0.0"}]
    report = judge(captions(tmp_path), write(tmp_path / "l.csv", labels))
    assert count(report) == {"supported": 3, "not_supported": 1}
    assert report["reference"]["keys_with_contradictory_labels_some"] == ["s50000001"]


def test_join_by_row(tmp_path: Path) -> None:
    rows = [{"caption": t} for t in TEXTS]
    labels = [{k: v for k, v in row.items() if k != "study_id"} for row in WIDE]
    path, against = write(tmp_path / "c.csv", rows), write(tmp_path / "l.csv", labels)
    with pytest.raises(UserError, match="--by-row"):
        judge(path, against)
    assert count(judge(path, against, by_row=True)) == {"supported": 4}
    with pytest.raises(UserError, match="2 captions, but 1 rows on record"):
        judge(path, write(tmp_path / "l.csv", labels[:1]), by_row=True)


@pytest.mark.parametrize(
    ("columns", "rows", "what"),
    [
        (["study_id", "Edema"], [("s50000001", "0.73")], "line 2, column 'Edema'.*'0.73' is not a label"),
        (
            ["study_id", "Edema", "Fracture"],
            [("s50000001", "1", "2"), ("s50000002", "1", "3")],
            "CheXbert's class",
        ),
        (["study_id", "age"], [("s50000001", "61")], "no labels and no facts"),
        (
            ["study_id", "Edema"],
            [("s1", "1"), ("s2", "0")],
            "no caption has a key that is on record .*'s50000001'.*'s1'",
        ),
        (["patient", "Edema"], [("p1", "1")], "no columns to join by"),
        (
            ["study_id", "facts"],
            [("s50000001", '[{"condition": "Edema", "existence": "perhaps so"}]')],
            "not a label",
        ),
        (["study_id", "facts"], [("s50000001", '[{"condition": "Hernia"}]')], "no label and no fact"),
        (
            ["study_id", "facts"],
            [("s50000001", '[{"condition": "Edema"}]'), ("s2", "Edema")],
            "no list of facts",
        ),
    ],
)
def test_unusable_references_are_reported(
    tmp_path: Path, columns: list[str], rows: list[tuple], what: str
) -> None:
    against = write(tmp_path / "l.csv", [dict(zip(columns, r, strict=True)) for r in rows])
    with pytest.raises(UserError) as caught:
        judge(captions(tmp_path), against)
    assert pytest.approx(len(str(caught.value).splitlines()), abs=1) == 1
    import re

    assert re.search(what, str(caught.value), re.S), str(caught.value)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([{"study_id": "s50000001", "report": ""}], "every text in 'report' is blank"),
        ([{"study_id": "s50000001", "n": "7"}], "no column of texts"),
        ([{"id": "1", "report": "No edema."}, {"id": "2", "report": 5}], "record 2: 'report' is a number"),
        ([{"study_id": "s50000001", "report": "The patient is rotated."}], None),
    ],
)
def test_unusable_captions_are_reported(tmp_path: Path, rows: list[dict[str, Any]], what: str | None) -> None:
    against = write(tmp_path / "l.csv", WIDE)
    if what is None:  # a text without a finding leaves out what is on record
        assert count(judge(write(tmp_path / "c.csv", rows), against)) == {"missed": 2}
        return
    with pytest.raises(UserError, match=what):
        judge(write(tmp_path / "c.json", rows), against)


def test_a_record_of_nothing_known_is_no_record(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", [{"caption": "No edema.", "finding": "Hernia", "label": "1"}])
    with pytest.raises(UserError, match="no label and no fact in it\nconditions that are not known: Hernia"):
        judge(path, given=Given(condition="finding", existence="label"))


def test_the_patient_is_what_is_resampled(tmp_path: Path) -> None:
    labels = [{"subject_id": "p", **row} for row in WIDE]
    (file,) = judge(captions(tmp_path), write(tmp_path / "l.csv", labels))["files"].values()
    assert file["clusters"] == {"by": "patient", "count": 1}
    (file,) = judge(captions(tmp_path), write(tmp_path / "l.csv", WIDE))["files"].values()
    assert file["clusters"] == {"by": "key", "count": 2}
