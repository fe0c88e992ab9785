"""VinDr-CXR: both layouts, agreement of readers, places by the image's size, the real table's counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options

SOURCE = get_source("vindr-cxr")
KAGGLE = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"
LABELS = (
    *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture"),
    *("Consolidation", "Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity"),
    *("Lung cavity", "Lung cyst", "Mediastinal shift", "Nodule/Mass", "Pleural effusion"),
    *("Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture", "Other lesion", "COPD"),
    *("Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases", "No finding"),
)


def write_kaggle(
    folder: Path, rows: list[tuple[str, str, str, str]], head: str = KAGGLE, more: str = ""
) -> Path:
    """Write rows of (image, class, reader, box)."""
    file = folder / "train.csv"
    lines = [f"{i},{c},0,{r},{box or ',,,'}{more}" for i, c, r, box in rows]
    file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return file


def none(image: str, *readers: str) -> list[tuple[str, str, str, str]]:
    return [(image, "No finding", r, "") for r in readers]


def balanced(loaded: Loaded) -> bool:
    return loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())


LOWER_LEFT, UPPER_LEFT = "1400,1500,1900,1900", "1400,300,1900,600"
ROWS = [
    # two readers agree on an effusion, one sees a nodule too
    ("a", "Pleural effusion", "R1", LOWER_LEFT),
    ("a", "Pleural effusion", "R2", LOWER_LEFT),
    ("a", "Nodule/Mass", "R2", UPPER_LEFT),
    *none("a", "R3"),
    *none("b", "R1", "R2", "R3"),
]


def test_two_of_three_agree(tmp_path: Path, ontology: Ontology) -> None:
    loaded = SOURCE.load_labels(write_kaggle(tmp_path, ROWS), ontology, Options())
    columns = (
        "study_id",
        "Pleural Effusion",
        "Lung Lesion",
        "Lung Opacity",
        "Pneumothorax",
        "Pleural Other",
        "Edema",
    )
    assert loaded.frame.select(columns).rows() == [
        # a doubtful nodule leaves the opacity open; thickening is not all that pleura can have
        ("a", 1, -1, None, 0, None, None),
        ("b", 0, 0, 0, 0, None, None),
    ]
    assert loaded.rows_in == loaded.rows_out == 7 and balanced(loaded)
    assert loaded.report["readers_by_label"] == {"Nodule/Mass": {"1": 1}, "Pleural effusion": {"2": 1}}


def test_a_finding_that_may_show_as_an_opacity_forbids_to_deny_it(tmp_path: Path, ontology: Ontology) -> None:
    rows = [("a", "ILD", "R1", LOWER_LEFT), *none("a", "R2", "R3")]
    loaded = SOURCE.load_labels(write_kaggle(tmp_path, rows), ontology, Options())
    assert loaded.frame.select("Lung Opacity", "Consolidation").row(0) == (-1, 0)


def test_one_reader_is_not_enough(tmp_path: Path, ontology: Ontology) -> None:
    rows = [("a", "Cardiomegaly", "R1", LOWER_LEFT), *none("b", "R1")]
    loaded = SOURCE.load_labels(write_kaggle(tmp_path, rows), ontology, Options())
    assert loaded.frame.select("study_id", "Cardiomegaly", "Pneumothorax").rows() == [("a", -1, None)]
    assert balanced(loaded)


@pytest.mark.parametrize(
    ("head", "more"),
    [(f"{KAGGLE},width,height", ",2000,2000"), (f"{KAGGLE},Columns,Rows", ",2000,2000")],
)
def test_boxes_give_places_by_the_images_size(
    tmp_path: Path, ontology: Ontology, head: str, more: str
) -> None:
    loaded = SOURCE.load_facts(write_kaggle(tmp_path, ROWS, head, more), ontology, Options())
    present = loaded.frame.filter(loaded.frame["existence"] == "present")
    assert present.select("study_id", "condition", "location").rows() == [
        ("a", "Pleural Effusion", "left lung base")
    ]


def test_sizes_may_be_in_a_table_of_their_own(tmp_path: Path, ontology: Ontology) -> None:
    file = write_kaggle(tmp_path, ROWS)
    without = SOURCE.load_facts(file, ontology, Options())
    assert without.report["boxes_without_image_size"] == 3
    assert "image_sizes.csv" in str(without.notes)
    (tmp_path / "train_meta.csv").write_text("image_id,dim0,dim1\na,2000,4000\n", encoding="utf-8")
    loaded = SOURCE.load_facts(file, ontology, Options())
    present = loaded.frame.filter(loaded.frame["existence"] == "present")
    # 4000 wide: what was on the image's right is on its left
    assert present["location"].to_list() == ["right lung base"]
    assert loaded.report["boxes_without_image_size"] == 0 and not loaded.notes


def write_physionet(folder: Path) -> Path:
    folder = folder / "annotations"
    folder.mkdir()

    def row(image: str, reader: str | None, *labels: str) -> str:
        cells = ",".join("1" if x in labels else "0" for x in LABELS)
        return f"{image},{reader},{cells}" if reader else f"{image},{cells}"

    names = ",".join(LABELS)
    train = [f"image_id,rad_id,{names}"]
    train += [row("a", r, "Pneumonia", "Rib fracture") for r in ("R8", "R9")] + [
        row("a", "R10", "No finding")
    ]
    test = [f"image_id,{names.replace('Other diseases', 'Other disease')}", row("t", None, "Edema")]
    boxes = ["image_id,rad_id,class_name,x_min,y_min,x_max,y_max", "a,R8,Rib fracture,10,10,20,20"]
    test_boxes = ["image_id,class_name,x_min,y_min,x_max,y_max", "t,Edema,10,10,90,90"]
    for name, lines in (
        ("image_labels_train", train),
        ("image_labels_test", test),
        ("annotations_train", boxes),
        ("annotations_test", test_boxes),
    ):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_physionets_layout(tmp_path: Path, ontology: Ontology) -> None:
    write_physionet(tmp_path)
    loaded = SOURCE.load_labels(tmp_path, ontology, Options())
    columns = ("study_id", "own_split", "image", "Pneumonia", "Fracture", "Edema", "Consolidation")
    assert loaded.frame.select(columns).rows() == [
        ("a", "train", "train/a.dicom", 1, 1, 0, 0),
        # the test part is the consensus of five
        ("t", "test", "test/t.dicom", 0, None, 1, 0),
    ]
    assert len(loaded.files) == 4 and loaded.rows_in == 6 and balanced(loaded)


def test_named_table_of_labels_is_enough(tmp_path: Path, ontology: Ontology) -> None:
    folder = write_physionet(tmp_path)
    (folder / "annotations_test.csv").unlink()
    (folder / "annotations_train.csv").unlink()
    loaded = SOURCE.load_labels(folder / "image_labels_train.csv", ontology, Options())
    assert loaded.frame["study_id"].to_list() == ["a"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "Plural effusion", "R1", "")], r"row 2, column 'class_name'"),
        ([("a", "ILD", "R1", "1,2,x,4")], r"row 2, column 'x_max'.*not a number"),
        ([("", "ILD", "R1", "")], r"row 2, column 'image_id'"),
    ],
)
def test_bad_cells_are_told(
    tmp_path: Path, ontology: Ontology, rows: list[tuple[str, str, str, str]], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        SOURCE.load_labels(write_kaggle(tmp_path, rows), ontology, Options())


@pytest.mark.real
def test_real_counts(real_labels: Path, ontology: Ontology) -> None:
    loaded = SOURCE.load_labels(real_labels / "vinbigdata-train.csv.gz", ontology, Options())
    by_label = loaded.report["readers_by_label"]
    assert isinstance(by_label, dict)
    assert loaded.rows_in == 67_914 and len(loaded.frame) == 15_000 and balanced(loaded)
    wanted = {
        "Aortic enlargement": (1_744, 602, 721),
        "Cardiomegaly": (1_297, 520, 483),
        "Pleural effusion": (439, 195, 398),
        "Pleural thickening": (365, 517, 1_099),
        "Pulmonary fibrosis": (633, 384, 600),
        "Consolidation": (31, 90, 232),
        "Atelectasis": (18, 44, 124),
        "Pneumothorax": (45, 13, 38),
    }
    assert {k: tuple(by_label[k][n] for n in "321") for k in wanted} == wanted
