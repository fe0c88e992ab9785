"""NIH ChestX-ray14: mined labels in every layout of their header, adjudicated labels, boxes, real counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options

MINED, ADJUDICATED, BOXES = (get_source(n) for n in ("nih", "nih-adjudicated", "nih-boxes"))
SPLIT = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
HEADS = {
    "names split at their commas": f"{SPLIT},OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]",
    "and a comma at the end": f"{SPLIT},OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],",
    "quoted": f'{SPLIT},"OriginalImage[Width,Height]","OriginalImagePixelSpacing[x,y]"',
    "of the sample": f"{SPLIT},OriginalImageWidth,OriginalImageHeight,OriginalImagePixelSpacing_x,Spacing_y",
}
TAIL = ",0,{p},058Y,M,PA,2682,2749,0.143,0.143"


def write_mined(folder: Path, rows: list[tuple[str, str]], head: str = "quoted", end: str = "") -> Path:
    lines = [HEADS[head]] + [f"{i},{labels}{TAIL.format(p=i.lstrip('0')[:1])}{end}" for i, labels in rows]
    file = folder / "Data_Entry_2017.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def balanced(loaded: Loaded) -> bool:
    return loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())


ROWS = [
    ("00000001_000.png", "Cardiomegaly|Effusion"),
    ("00000001_001.png", "Hernia"),
    ("00000002_000.png", "No Finding"),
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("end", ["", ","])
def test_cells_are_read_by_position(tmp_path: Path, ontology: Ontology, head: str, end: str) -> None:
    loaded = MINED.load_facts(write_mined(tmp_path, ROWS, head, end), ontology, Options())
    assert loaded.frame.select("patient_id", "study_id", "condition", "existence").rows() == [
        ("00000001", "00000001_000", "Cardiomegaly", "present"),
        ("00000001", "00000001_000", "Pleural Effusion", "present"),
    ]
    assert loaded.left_out == {
        "No Finding (closed_world is off)": 1,
        "no label that is a condition of the ontology": 1,
    }
    assert balanced(loaded)


def test_absence_only_if_the_user_says_so(tmp_path: Path, ontology: Ontology) -> None:
    file = write_mined(tmp_path, ROWS)
    assert set(MINED.load_facts(file, ontology, Options()).frame["existence"]) == {"present"}
    frame = MINED.load_labels(file, ontology, Options(closed_world=True)).frame
    normal = frame.filter(frame["patient_id"] == "00000002").to_dicts()[0]
    assert normal["Pneumothorax"] == 0 and normal["Lung Lesion"] == 0
    # the corpus has no label for these: nobody looked
    assert normal["Fracture"] is None and normal["Support Devices"] is None


def test_the_official_split_is_read_if_it_is_there(tmp_path: Path, ontology: Ontology) -> None:
    file = write_mined(tmp_path, ROWS)
    (tmp_path / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n", encoding="utf-8")
    (tmp_path / "test_list.txt").write_text("00000002_000.png\n", encoding="utf-8")
    loaded = MINED.load_labels(file, ontology, Options(closed_world=True))
    assert loaded.frame["own_split"].to_list() == ["train", "test"]
    assert [f.path.name for f in loaded.files] == [
        "Data_Entry_2017.csv",
        "train_val_list.txt",
        "test_list.txt",
    ]


def test_repeated_images_are_rejected(tmp_path: Path, ontology: Ontology) -> None:
    loaded = MINED.load_facts(write_mined(tmp_path, [ROWS[0], ROWS[0]]), ontology, Options())
    assert loaded.rejects["reason"].to_list() == ["a second row of the same image"] and balanced(loaded)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("a.png", "Effusion"), r"row 2, column 'Image Index'.*a\.png"),
        (("00000001_000.png", "Efusion"), r"row 2, column 'Finding Labels'.*Efusion"),
    ],
)
def test_bad_cells_are_told(tmp_path: Path, ontology: Ontology, row: tuple[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        MINED.load_facts(write_mined(tmp_path, [row]), ontology, Options())


def test_more_cells_than_names_are_told(tmp_path: Path, ontology: Ontology) -> None:
    with pytest.raises(UserError, match="more cells than the header names"):
        MINED.load_facts(write_mined(tmp_path, ROWS, "quoted", ",surprise"), ontology, Options())


def test_another_corpus_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "Data_Entry_2017.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert MINED.find(tmp_path) == ([], [str(tmp_path)])


ADJUDICATED_HEAD = (
    HEADS["names split at their commas"] + ",Fracture,Pneumothorax,Airspace opacity,Nodule or mass,Set Id"
)


def test_adjudicated_no_is_absence(tmp_path: Path, ontology: Ontology) -> None:
    file = tmp_path / "labels.csv"
    rows = [
        f"00000013_008.png,No Finding{TAIL.format(p=13)},NO,YES,YES,NO,test",
        f"00000013_009.png,No Finding{TAIL.format(p=13)},NO,NO,NO,YES,validation",
    ]
    file.write_text("\n".join([ADJUDICATED_HEAD, *rows]) + "\n", encoding="utf-8")
    loaded = ADJUDICATED.load_labels(file, ontology, Options())
    columns = ("own_split", "Fracture", "Pneumothorax", "Lung Opacity", "Lung Lesion", "Edema")
    assert loaded.frame.select(columns).rows() == [
        ("test", 0, 1, 1, 0, None),
        # a nodule is an opacity: "no airspace opacity" does not deny that
        ("validation", 0, 0, None, 1, None),
    ]
    assert balanced(loaded)


def test_adjudicated_value_that_is_neither_is_told(tmp_path: Path, ontology: Ontology) -> None:
    file = tmp_path / "labels.csv"
    row = f"00000013_008.png,No Finding{TAIL.format(p=13)},NO,MAYBE,YES,NO,test"
    file.write_text(f"{ADJUDICATED_HEAD}\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2, column 'Pneumothorax'.*'MAYBE' is not YES or NO"):
        ADJUDICATED.load_labels(file, ontology, Options())


def test_boxes_give_side_and_zone(tmp_path: Path, ontology: Ontology) -> None:
    file = tmp_path / "BBox_List_2017.csv"
    rows = [
        "Image Index,Finding Label,Bbox [x,y,w,h],,,",
        "00013118_008.png,Atelectasis,225.0,547.0,86.7,79.1,,,",
        "00013118_008.png,Mass,700,200,100,100,,,",
        "00014716_007.png,Cardiomegaly,300,500,400,300,,,",
        "00014716_007.png,Effusion,2000,500,400,300,,,",
    ]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    loaded = BOXES.load_facts(file, ontology, Options())
    assert loaded.frame.select("study_id", "condition", "location").rows() == [
        ("00013118_008", "Lung Lesion", "left upper lung zone"),
        ("00013118_008", "Atelectasis", "right mid lung zone"),
        ("00014716_007", "Cardiomegaly", None),
    ]
    assert loaded.rejects["reason"].to_list() == ["a box outside of the image"]
    assert loaded.rows_in == 4 and balanced(loaded)


@pytest.mark.real
def test_real_mined_counts(real_labels: Path, ontology: Ontology) -> None:
    loaded = MINED.load_labels(real_labels / "Data_Entry_2017_v2020.csv.gz", ontology, Options())
    given = loaded.report["labels_given"]
    assert isinstance(given, dict)
    assert loaded.rows_in == 112_120 and balanced(loaded)
    wanted = {"No Finding": 60_361, "Infiltration": 19_894, "Effusion": 13_317, "Atelectasis": 11_559}
    wanted |= {"Nodule": 6_331, "Hernia": 227}
    assert {k: given[k] for k in wanted} == wanted


@pytest.mark.real
def test_real_adjudicated_counts(real_labels: Path, ontology: Ontology) -> None:
    file = real_labels / "google2019_nih-chest-xray-labels.csv.gz"
    loaded = ADJUDICATED.load_facts(file, ontology, Options())
    assert loaded.rows_in == loaded.rows_out == 4_376
    assert loaded.report["yes"] == {
        "Fracture": 186,
        "Pneumothorax": 238,
        "Airspace opacity": 2_166,
        "Nodule or mass": 605,
    }


@pytest.mark.real
def test_real_boxes(real_labels: Path, ontology: Ontology) -> None:
    loaded = BOXES.load_facts(real_labels / "BBox_List_2017.csv.gz", ontology, Options())
    assert loaded.rows_in == loaded.rows_out == 984
    assert loaded.report["located"] == 781
