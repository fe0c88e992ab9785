"""SIIM-ACR masks and RSNA boxes: sides, zones, sizes, absence, broken rows, real counts."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options

SIIM, RSNA = get_source("siim-acr"), get_source("rsna-pneumonia")
SIZE = 1024


def balanced(loaded: Loaded) -> bool:
    return loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())


def draw(left: int, right: int, top: int, bottom: int) -> str:
    """Return run lengths of a rectangle in pixels."""
    first = f"{left * SIZE + top} {bottom - top}"
    return " ".join([first, *[f"{SIZE - (bottom - top)} {bottom - top}"] * (right - left - 1)])


def write_siim(folder: Path, rows: list[tuple[str, str]]) -> Path:
    file = folder / "train-rle.csv"
    lines = ["ImageId, EncodedPixels", *(f"{i},{p}" for i, p in rows)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_masks_give_side_zone_and_size(tmp_path: Path, ontology: Ontology) -> None:
    rows = [
        ("a", draw(100, 200, 100, 250)),  # 1.4 % of the image: small
        ("b", " " + draw(700, 900, 100, 600)),  # 9.5 %: moderate, over two zones
        ("c", "-1"),
        ("d", draw(100, 200, 100, 250)),
        ("d", draw(800, 900, 100, 250)),
    ]
    loaded = SIIM.load_facts(write_siim(tmp_path, rows), ontology, Options())
    assert loaded.frame.select("study_id", "existence", "location", "severity").rows() == [
        ("a", "present", "right lung apex", "small"),
        ("b", "present", "left", "moderate"),
        ("c", "absent", None, None),
        ("d", "present", "left lung apex", "small"),
        ("d", "present", "right lung apex", "small"),
    ]
    assert loaded.rows_in == loaded.rows_out == 5
    assert loaded.report["masks"] == 3 + 1


def test_a_broken_mask_is_rejected_and_the_others_are_read(tmp_path: Path, ontology: Ontology) -> None:
    loaded = SIIM.load_facts(write_siim(tmp_path, [("a", "1 2 3"), ("b", "-1")]), ontology, Options())
    assert loaded.rejects["reason"].to_list() == ["run lengths that are not pairs"]
    assert loaded.frame["study_id"].to_list() == ["b"] and balanced(loaded)


def test_a_mask_beside_none_is_told(tmp_path: Path, ontology: Ontology) -> None:
    with pytest.raises(UserError, match="a mask, and none as well"):
        SIIM.load_facts(write_siim(tmp_path, [("a", "-1"), ("a", "1 2")]), ontology, Options())


RSNA_HEAD = "patientId,x,y,width,height,Target"


def write_rsna(folder: Path, *rows: str) -> Path:
    file = folder / "stage_2_train_labels.csv"
    file.write_text("\n".join([RSNA_HEAD, *rows]) + "\n", encoding="utf-8")
    return file


ROWS = ("a,100.0,600.0,200.0,200.0,1", "a,700.0,600.0,200.0,250.0,1", "b,,,,,0", "c,,,,,0")


def test_rsna_boxes_and_absence(tmp_path: Path, ontology: Ontology) -> None:
    file = write_rsna(tmp_path, *ROWS)
    loaded = RSNA.load_facts(file, ontology, Options())
    present = loaded.frame.filter(loaded.frame["existence"] == "present")
    assert present.select("condition", "location").rows() == [
        ("Lung Opacity", "left lower lung zone"),
        ("Lung Opacity", "right lower lung zone"),
        ("Pneumonia", "left lower lung zone"),
        ("Pneumonia", "right lower lung zone"),
    ]
    absent = loaded.frame.filter(loaded.frame["existence"] == "absent")
    assert absent.select("study_id", "condition").rows() == [("b", "Pneumonia"), ("c", "Pneumonia")]
    assert "stage_2_detailed_class_info.csv" in str(loaded.notes) and balanced(loaded)


def test_only_a_normal_image_has_no_opacity(tmp_path: Path, ontology: Ontology) -> None:
    file = write_rsna(tmp_path, *ROWS)
    classes = "patientId,class\na,Lung Opacity\nb,Normal\nc,No Lung Opacity / Not Normal\n"
    (tmp_path / "stage_2_detailed_class_info.csv").write_text(classes, encoding="utf-8")
    frame = RSNA.load_labels(file, ontology, Options()).frame
    assert frame.select("study_id", "Pneumonia", "Lung Opacity").rows() == [
        ("a", 1, 1),
        ("b", 0, 0),
        ("c", 0, None),
    ]


def test_rsna_contradiction_is_told(tmp_path: Path, ontology: Ontology) -> None:
    with pytest.raises(UserError, match="with and without pneumonia"):
        RSNA.load_labels(write_rsna(tmp_path, ROWS[0], "a,,,,,0"), ontology, Options())


def test_zip_with_several_files_is_told(tmp_path: Path, ontology: Ontology) -> None:
    file = tmp_path / "stage_2_train_labels.csv.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", RSNA_HEAD + "\n")
        archive.writestr("b.csv", RSNA_HEAD + "\n")
    with pytest.raises(UserError, match="2 files in it"):
        RSNA.load_labels(file, ontology, Options())


@pytest.mark.real
def test_real_siim_counts(real_labels: Path, ontology: Ontology) -> None:
    loaded = SIIM.load_labels(real_labels / "siim-pneumothorax-train-rle.csv.gz", ontology, Options())
    assert (loaded.rows_in, len(loaded.frame), loaded.report["masks"]) == (12_954, 12_047, 3_576)
    assert len(loaded.rejects) == 0


@pytest.mark.real
def test_real_rsna_counts(real_labels: Path, ontology: Ontology) -> None:
    loaded = RSNA.load_labels(real_labels / "kaggle_stage_2_train_labels.csv.zip", ontology, Options())
    assert (loaded.rows_in, len(loaded.frame)) == (30_227, 26_684)
    assert loaded.report["images_with_boxes"] == 6_012
