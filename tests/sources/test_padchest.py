"""PadChest: both forms of its label lists, places, absence only from normal studies."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options
from nastdata.sources.padchest.labels import LabelReader, Tally, split_findings

SOURCE = get_source("padchest")
COLUMNS = ("", "ImageID", "ImageDir", "StudyID", "PatientID", "Projection", "MethodLabel", "Labels")
LIST = "LabelsLocalizationsBySentence"
Row = tuple[str, str, str, str, str, str]


def write(folder: Path, rows: list[Row]) -> Path:
    """Write rows of (image, study, patient, projection, labels, list)."""
    path = folder / "PADCHEST_test.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, LIST])
        for i, (image, study, patient, view, labels, text) in enumerate(rows):
            writer.writerow([i, image, "7", study, patient, view, "Physician", labels, text])
    return path


def load(folder: Path, ontology: Ontology, rows: list[Row], options: Options | None = None) -> Loaded:
    loaded = SOURCE.load_facts(write(folder, rows), ontology, options or Options())
    assert loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())
    return loaded


def read(
    ontology: Ontology, text: str, strength: tuple[str, ...] = ("exact",)
) -> list[tuple[str, str | None]]:
    return LabelReader(ontology, strength).read(text, Tally())


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("['pleural effusion', 'loc pleural', 'loc left']", [("Pleural Effusion", "left")]),
        ("[['pleural effusion', 'loc basal', 'loc right']]", [("Pleural Effusion", "right lung base")]),
        ("['infiltrates', 'loc basal', 'loc left']", [("Lung Opacity", "left lung base")]),
        ("['infiltrates', 'loc basal bilateral']", [("Lung Opacity", "both lung bases")]),
        ("['infiltrates', 'loc middle lobe']", [("Lung Opacity", "right middle lobe")]),
        ("['infiltrates', 'loc lingula']", [("Lung Opacity", "lingula")]),
        ("['infiltrates', 'loc right', 'loc upper lobe']", [("Lung Opacity", "right upper lobe")]),
        ("['infiltrates', 'loc left', 'loc right']", [("Lung Opacity", None)]),
        (
            "['infiltrates', 'loc left lower lobe', 'loc right upper lobe']",
            [("Lung Opacity", "left lower lobe"), ("Lung Opacity", "right upper lobe")],
        ),
        ("['cardiomegaly', 'loc cardiac']", [("Cardiomegaly", None)]),
        ("[[' pneumonia', '', 'loc right lower lobe']]", [("Pneumonia", "right lower lobe")]),
        # a label that does not start with a blank begins another sentence of the report
        ("[' pneumonia', '', 'loc right lower lobe']", [("Pneumonia", None)]),
        ("['rib fracture', 'loc rib', 'loc right', 'unchanged']", [("Fracture", "right ribs")]),
        ("[nan, ['cardiomegaly']]", [("Cardiomegaly", None)]),
        ("[['cardiomegaly'], nan]", [("Cardiomegaly", None)]),
        ("nan", []),
        ("[]", []),
        ("['loc left']", []),
        ("['pneumothorax', 'loc left lower lobe']", [("Pneumothorax", "left")]),
        ("[['cardiomegaly', 'loc cardiac'], ['cardiomegaly']]", [("Cardiomegaly", None)]),
        (
            "['atelectasis', 'pleural effusion', 'loc left', 'cardiomegaly', 'pneumothorax', 'loc right']",
            [
                ("Atelectasis", None),
                ("Pleural Effusion", "left"),
                ("Cardiomegaly", None),
                ("Pneumothorax", "right"),
            ],
        ),
        (
            "[['atelectasis', 'loc right'], ['pleural effusion']]",
            [("Atelectasis", "right"), ("Pleural Effusion", None)],
        ),
        (
            "['nodule', ' infiltrates', 'loc right upper lobe', 'loc left lower lobe']",
            [("Lung Lesion", None), ("Lung Opacity", None)],
        ),
    ],
)
def test_lists_become_facts(ontology: Ontology, text: str, facts: list[tuple[str, str | None]]) -> None:
    assert read(ontology, text) == facts


def test_strength_is_a_setting(ontology: Ontology) -> None:
    text = "['costophrenic angle blunting', 'consolidation']"
    assert read(ontology, text) == [("Consolidation", None)]
    assert read(ontology, text, ("exact", "broad"))[0] == ("Pleural Effusion", None)
    assert ("Lung Opacity", None) in read(ontology, text, ("exact", "implied"))


@pytest.mark.parametrize(
    "text", ["['a'", "{'a': 1}", "[1]", "__import__('os')", "[['a', ['b']]]", "'normal'"]
)
def test_what_is_no_list_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="label"):
        list(split_findings(text))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        list(split_findings(text))
    except ValueError:
        return


def test_places_are_possible_for_their_condition(ontology: Ontology) -> None:
    locations = [
        "loc right",
        "loc left",
        "loc bilateral",
        "loc basal",
        "loc rib",
        "loc left lower lobe",
        "loc cardiac",
    ]
    for label in ("infiltrates", "pneumothorax", "rib fracture", "cardiomegaly", "NSG tube"):
        for a in locations:
            for b in locations:
                for condition, place in read(ontology, f"['{label}', '{a}', '{b}']"):
                    assert place is None or place in ontology.condition_by_name[condition].places


def test_study_has_its_preferred_image_and_keeps_its_texts(tmp_path: Path, ontology: Ontology) -> None:
    text = "['cardiomegaly', 'loc cardiac']"
    rows = [
        ("a.png", "9" * 42, "8" * 40, "L", "['cardiomegaly']", text),
        ("b.png", "9" * 42, "8" * 40, "PA", "['cardiomegaly']", text),
    ]
    row = load(tmp_path, ontology, rows).frame.row(0, named=True)
    assert (row["image_id"], row["image"]) == ("b.png", "7/b.png")
    assert (row["study_id"], row["patient_id"]) == ("9" * 42, "8" * 40)


def test_absence_comes_from_normal_studies_only_when_asked_for(tmp_path: Path, ontology: Ontology) -> None:
    rows = [
        ("a.png", "1", "1", "PA", "['normal']", "[['normal'], ['normal']]"),
        ("b.png", "2", "2", "PA", "['normal', 'suboptimal study']", "['normal', 'suboptimal study']"),
        ("c.png", "3", "3", "PA", "['exclude']", "['exclude']"),
        ("d.png", "4", "4", "PA", "['scoliosis']", "['scoliosis', 'normal']"),
        ("e.png", "5", "5", "PA", "nan", "nan"),
    ]
    open_world = load(tmp_path, ontology, rows)
    assert open_world.frame.is_empty()
    assert sum(open_world.left_out.values()) == 5
    assert open_world.left_out["no information (exclude, unchanged or no label)"] == 2
    closed = load(tmp_path, ontology, rows, Options(closed_world=True))
    assert closed.frame["study_id"].unique().to_list() == ["1"]
    assert closed.frame["condition"].to_list() == [c.name for c in ontology.conditions]
    assert set(closed.frame["existence"]) == {"absent"}
    labels = SOURCE.load_labels(tmp_path, ontology, Options(closed_world=True)).frame
    assert labels.row(0, named=True)["Edema"] == 0


def test_broken_list_and_torn_study_are_rejected(tmp_path: Path, ontology: Ontology) -> None:
    rows = [
        ("a.png", "1", "1", "PA", "['cardiomegaly']", "['cardiomegaly'"),
        ("b.png", "2", "2", "PA", "['cardiomegaly']", "['cardiomegaly']"),
        ("c.png", "2", "3", "PA", "['cardiomegaly']", "['cardiomegaly']"),
        ("d.png", "4", "4", "PA", "['cardiomegaly']", "['cardiomegaly']"),
    ]
    loaded = load(tmp_path, ontology, rows)
    assert loaded.frame["study_id"].to_list() == ["4"]
    assert sorted(loaded.rejects["key"]) == ["a.png", "b.png", "c.png"]
    assert loaded.rejects.filter(loaded.rejects["key"] == "a.png")["reason"][0] == "not a list of labels"


def test_blank_id_and_missing_column_are_told(tmp_path: Path, ontology: Ontology) -> None:
    path = write(tmp_path, [("a.png", "", "1", "PA", "[]", "[]")])
    with pytest.raises(UserError, match="row 2, column 'StudyID': blank is not an id"):
        SOURCE.load_facts(path, ontology, Options())
    text = gzip.decompress(path.read_bytes()).replace(b"PatientID", b"PatientId")
    path.write_bytes(text)
    with pytest.raises(UserError, match="did you mean 'PatientId'"):
        SOURCE.load_facts(path, ontology, Options())


@pytest.mark.real
def test_real_file_has_the_known_figures(real_labels: Path, ontology: Ontology) -> None:
    path = real_labels / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
    loaded = SOURCE.load_facts(path, ontology, Options())
    assert loaded.rows_in == 160_861
    report = loaded.report
    assert report["normal_studies"] == 35_687
    assert report["studies_read"] == 109_930
    there = loaded.frame.filter(pl.col("existence") == "present")
    assert 56_000 <= there.select("study_id", "condition").n_unique() <= 66_009
    assert isinstance(report["lateralised"], int) and report["lateralised"] >= 24_000
