"""Reports, CXR-LT, MAPLEZ, Chest ImaGenome: layouts as published, made-up content."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from trees import make_tree

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options

REPORTS, LONG_TAIL, GRAPHS = (get_source(n) for n in ("mimic-cxr-reports", "cxr-lt", "chest-imagenome"))
MAPLEZ, MAPLEZ_NIH = get_source("maplez-mimic"), get_source("maplez-nih")
PATIENT, STUDY = "p10000032", "s50414267"
REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with new onset ascites  // eval for infection

 TECHNIQUE:  Chest PA and lateral

 FINDINGS:

 There is no focal consolidation, pleural effusion or pneumothorax.  There is
 mild cardiomegaly.

 IMPRESSION:

 Small left pleural effusion.
"""


def balanced(loaded: Loaded) -> bool:
    return loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())


def facts(loaded: Loaded) -> list[tuple[str, str, str | None, str | None]]:
    """Return the facts that statements are made of: present ones, and plain denials."""
    plain = (pl.col("existence") != "uncertain") & pl.col("qualifier").is_null()
    return loaded.frame.filter(plain).select("condition", "existence", "location", "severity").rows()


def write_reports(folder: Path) -> Path:
    path = folder / "files" / "p10" / PATIENT / f"{STUDY}.txt"
    path.parent.mkdir(parents=True)
    path.write_text(REPORT, encoding="utf-8")
    other = path.parent.parent / "p10000764" / "s57375967.txt"
    other.parent.mkdir()
    other.write_text(" IMPRESSION: \n\n No pneumonia.\n", encoding="utf-8")
    return folder


WANTED = [
    ("Cardiomegaly", "present", None, "mild"),
    ("Pneumothorax", "absent", None, None),
]


def test_reports_in_their_folders(tmp_path: Path, ontology: Ontology) -> None:
    loaded = REPORTS.load_facts(write_reports(tmp_path), ontology, Options())
    assert loaded.frame["patient_id"].unique().sort().to_list() == [PATIENT, "p10000764"]
    # the effusion is denied in the findings and stated in the impression: nobody knows
    assert facts(loaded) == [*WANTED, ("Pneumonia", "absent", None, None)]
    reading = loaded.report["reading"]
    assert isinstance(reading, dict) and reading["findings both said and denied in one study"] == 1
    assert loaded.rows_in == 2 and balanced(loaded)


def test_reports_in_the_zip(tmp_path: Path, ontology: Ontology) -> None:
    folder = write_reports(tmp_path / "unpacked")
    file = tmp_path / "mimic-cxr-reports.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*.txt")):
            archive.write(path, path.relative_to(folder))
    zipped = REPORTS.load_facts(file, ontology, Options())
    assert zipped.frame.equals(REPORTS.load_facts(folder, ontology, Options()).frame)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(UserError, match="broken zip"):
        REPORTS.load_facts(file, ontology, Options())


def test_sectioned_table_needs_the_patients(tmp_path: Path, ontology: Ontology) -> None:
    tree = make_tree(tmp_path, 5)
    from nastdata.sources.mimic.labels import find_tables, load_images

    tables = find_tables(tree.mimic)
    assert tables is not None
    known, _ = load_images(tables)
    study = known["study_id"][0]
    file = tmp_path / "mimic_cxr_sectioned.csv"
    rows = [f'{study},"Small left pleural effusion.","No pneumothorax.",,', "s99999999,No edema.,,,"]
    head = "study,impression,findings,last_paragraph,comparison"
    file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    loaded = REPORTS.load_facts(file, ontology, Options())
    assert facts(loaded) == [
        ("Pneumothorax", "absent", None, None),
        ("Pleural Effusion", "present", "left", "small"),
    ]
    assert loaded.frame["image"].null_count() == 0
    assert loaded.rejects["reason"].to_list() == ["patient of the study not known"] and balanced(loaded)


LT_HEAD = (
    "dicom_id,subject_id,study_id,ViewPosition,ViewCodeSequence_CodeMeaning,fpath,Atelectasis,"
    "Calcification of the Aorta,Cardiomegaly,Lobar Atelectasis,Rib Fracture,Fracture,Infiltration,"
    "Pleural Effusion,Normal"
)


def write_long_tail(folder: Path) -> Path:
    rows = [
        "d1,10000032,50414267,PA,,files/p10/p10000032/s50414267/d1.jpg,0,1,0,1,1,0,1,0,0",
        "d2,10000032,50414267,LATERAL,,files/p10/p10000032/s50414267/d2.jpg,0,1,0,1,1,0,1,0,0",
        "d3,10000764,57375967,AP,,files/p10/p10000764/s57375967/d3.jpg,0,0,0,0,0,0,0,0,1",
    ]
    file = folder / "train_labeled.csv"
    file.write_text("\n".join([LT_HEAD, *rows]) + "\n", encoding="utf-8")
    return file


def test_long_tail_labels_are_positives_only(tmp_path: Path, ontology: Ontology) -> None:
    write_long_tail(tmp_path)
    loaded = LONG_TAIL.load_facts(tmp_path, ontology, Options())
    assert [f[:2] for f in facts(loaded)] == [
        ("Lung Opacity", "present"),
        ("Atelectasis", "present"),
        ("Fracture", "present"),
    ]
    assert set(loaded.frame["image"]) == {"files/p10/p10000032/s50414267/d1.jpg"}
    assert loaded.left_out == {"no definite label": 1} and balanced(loaded)


def test_long_tail_normal_studies_if_the_user_says_so(tmp_path: Path, ontology: Ontology) -> None:
    loaded = LONG_TAIL.load_labels(write_long_tail(tmp_path), ontology, Options(closed_world=True))
    columns = ("study_id", "Cardiomegaly", "Pleural Effusion", "Edema")
    assert loaded.frame.select(columns).rows() == [
        ("s50414267", None, None, None),
        ("s57375967", 0, 0, None),  # this excerpt has no label for edema
    ]


MAPLEZ_HEAD = "subjectid_studyid,type_annotation,report,cardiomegaly,pleural effusion,lung edema,pneumothorax"


def write_maplez(file: Path, study: str) -> Path:
    rows = [
        f"{study},labels,,1,1,0,-3",
        f"{study},probability,,95,100,5,101",
        f"{study},severity,,1,3,-1,-1",
        f"{study},location,,-1,left base,-1,-1",
    ]
    file.write_text("\n".join([MAPLEZ_HEAD, *rows]) + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("source", "name", "study", "patient"),
    [
        (MAPLEZ, "mimic_llm_annotations.csv", "10000032_50414267", "p10000032"),
        (MAPLEZ_NIH, "nih_llm_annotations_test.csv", "00000013_008.png", "00000013"),
    ],
)
def test_maplez(
    tmp_path: Path, ontology: Ontology, source: object, name: str, study: str, patient: str
) -> None:
    write_maplez(tmp_path / name, study)
    loaded = source.load_facts(tmp_path, ontology, Options())  # type: ignore[attr-defined]
    assert facts(loaded) == [
        ("Cardiomegaly", "present", None, "mild"),
        ("Edema", "absent", None, None),
        ("Pleural Effusion", "present", "left lung base", "large"),
    ]
    assert loaded.frame["patient_id"].unique().to_list() == [patient]
    labels = source.load_labels(tmp_path, ontology, Options()).frame  # type: ignore[attr-defined]
    assert labels["Pneumothorax"].to_list() == [-1]
    assert loaded.rows_in == 4 and balanced(loaded)


def test_maplez_refuses_what_it_does_not_know(tmp_path: Path, ontology: Ontology) -> None:
    file = write_maplez(tmp_path / "mimic_llm_annotations.csv", "10000032_50414267")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(",labels,", ",lables,"), encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2, column 'type_annotation'.*lables"):
        MAPLEZ.load_facts(file, ontology, Options())
    file.write_text(text + "x_y,labels,,1,1,1,1\n", encoding="utf-8")
    loaded = MAPLEZ.load_facts(file, ontology, Options())
    assert loaded.rejects["reason"].to_list() == ["not a study of this corpus"] and balanced(loaded)


def graph(dicom: str, view: str, *entries: tuple[str, list[list[str]], list[list[str]]]) -> dict[str, object]:
    return {
        "image_id": dicom,
        "viewpoint": view,
        "patient_id": 10000032,
        "study_id": 50414267,
        "objects": [],
        "attributes": [
            {
                "bbox_name": region,
                "name": region.title(),
                "attributes": phrases,
                "phrases": ["..."] * len(phrases),
                "sections": ["finalreport"] * len(phrases),
                "severity_cues": grades,
            }
            for region, phrases, grades in entries
        ],
    }


NO_PNX = [["anatomicalfinding|no|pneumothorax", "nlp|no|abnormal"]]
SAID = (
    ("right lung", [["anatomicalfinding|yes|pleural effusion"], *NO_PNX], [[], []]),
    ("right costophrenic angle", [["anatomicalfinding|yes|pleural effusion"]], [["severity|yes|mild"]]),
    ("left lung", NO_PNX, [[]]),
    ("cardiac silhouette", [["anatomicalfinding|no|enlarged cardiac silhouette"]], [[]]),
    ("left lower lung zone", [["anatomicalfinding|yes|pulmonary edema/hazy opacity"]], [[]]),
)


def test_scene_graphs(tmp_path: Path, ontology: Ontology) -> None:
    file = tmp_path / "silver_dataset" / "scene_graph.zip"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("scene_graph/d1_SceneGraph.json", json.dumps(graph("d1", "AP", *SAID)))
        archive.writestr("scene_graph/d2_SceneGraph.json", json.dumps(graph("d2", "PA", *SAID)))
        archive.writestr("scene_graph/d3_SceneGraph.json", "{")
    loaded = GRAPHS.load_facts(tmp_path, ontology, Options())
    # "right lung" says less than the angle; a label of edema or any haze denies and states neither
    assert facts(loaded) == [
        ("Cardiomegaly", "absent", None, None),
        ("Pneumothorax", "absent", None, None),
        ("Pleural Effusion", "present", "right costophrenic angle", "small"),
    ]
    assert set(loaded.frame["image"]) == {"files/p10/p10000032/s50414267/d2.jpg"}
    assert loaded.rejects["key"].to_list() == ["scene_graph/d3_SceneGraph.json"]
    assert loaded.rows_in == 3 and balanced(loaded)


def test_scene_graphs_one_side_denied(tmp_path: Path, ontology: Ontology) -> None:
    said = ("right lung", NO_PNX, [[]])
    (tmp_path / "d1_SceneGraph.json").write_text(json.dumps(graph("d1", "AP", said)), encoding="utf-8")
    loaded = GRAPHS.load_facts(tmp_path, ontology, Options())
    assert facts(loaded) == [("Pneumothorax", "absent", "right", None)]
