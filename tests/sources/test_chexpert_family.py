"""CheXpert's other tables, CheXpert Plus, BRAX: layouts as published, made-up content."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options

CHEXPERT, PLUS, BRAX = (get_source(n) for n in ("chexpert", "chexpert-plus", "brax"))


def balanced(loaded: Loaded) -> bool:
    return loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())


def write_table(file: Path, ontology: Ontology, path: str, value: str = "1.0") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    names = [c.name for c in ontology.conditions]
    head = ",".join(["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", *names])
    row = ",".join([path, "Male", "73", "Frontal", "AP", "0.0", *[value] * len(names)])
    file.write_text(f"{head}\n{row}\n", encoding="utf-8")
    return file


VALID = "CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg"
TRAIN = "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg"


@pytest.mark.parametrize(
    "name",
    [
        "valid.csv",
        "CheXpert-v1.0/valid.csv",
        "CheXpert-v1.0 batch 1 (validate & csv)/valid.csv",
        "a/b/valid.csv",
    ],
)
def test_what_is_found_is_loaded(tmp_path: Path, ontology: Ontology, name: str) -> None:
    file = write_table(tmp_path / name, ontology, VALID)
    assert CHEXPERT.find(tmp_path)[0] == [file]
    loaded = CHEXPERT.load_labels(tmp_path, ontology, Options())
    assert loaded.frame["own_split"].to_list() == ["validation"]
    assert [f.path for f in loaded.files] == [file]


def test_a_packed_copy_beside_the_plain_one_is_read_once(tmp_path: Path, ontology: Ontology) -> None:
    file = write_table(tmp_path / "train.csv", ontology, TRAIN)
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
    write_table(tmp_path / "valid.csv", ontology, VALID)
    write_table(tmp_path / "val_labels.csv", ontology, VALID)
    write_table(tmp_path / "copy" / "train.csv", ontology, TRAIN)
    assert CHEXPERT.find(tmp_path)[0] == [file, tmp_path / "valid.csv"]
    assert CHEXPERT.load_labels(tmp_path, ontology, Options()).rows_in == 2


def test_another_corpus_train_csv_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("image_id,class_name\n1,2\n", encoding="utf-8")
    assert CHEXPERT.find(tmp_path)[0] == []


def test_a_named_variant_is_read(tmp_path: Path, ontology: Ontology) -> None:
    file = write_table(tmp_path / "train_cheXbert.csv", ontology, TRAIN, "-1")
    assert CHEXPERT.load_labels(file, ontology, Options()).frame["Edema"].to_list() == [-1]


def write_plus(
    folder: Path, ontology: Ontology, sections: tuple[str, ...] = ("impression", "report")
) -> Path:
    table = folder / "df_chexpert_plus_240401.csv"
    head = (
        "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,report,"
        "section_findings,section_impression,age,sex,race,split"
    )
    rows = [
        'train/patient00001/study1/view1_frontal.jpg,,Frontal,AP,patient00001,1,"whole","",'
        '"1. SMALL RIGHT PLEURAL EFFUSION.\n2. NO PNEUMOTHORAX.",68,Female,White,train',
        'train/patient00001/study1/view2_lateral.jpg,,Lateral,,patient00001,1,"whole","",'
        '"1. SMALL RIGHT PLEURAL EFFUSION.\n2. NO PNEUMOTHORAX.",68,Female,White,train',
        'valid/patient64541/study1/view1_frontal.jpg,,Frontal,PA,patient64541,1,"No pneumonia.","",'
        '"",70,Male,White,valid',
        "train/patient00002/study1/view1_frontal.jpg,,Frontal,PA,patient00002,1,,,,70,Male,White,train",
    ]
    table.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    labels = folder / "chexbert_labels"
    labels.mkdir()
    names = [c.name for c in ontology.conditions]
    for section in sections:
        value = {"impression": 1.0, "report": 0.0, "findings": -1.0}[section]
        lines = [
            json.dumps(
                {"path_to_image": TRAIN.partition("/")[2], **dict.fromkeys(names, value), "No Finding": None}
            )
        ]
        (labels / f"{section}_fixed.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def test_plus_reports_become_facts(tmp_path: Path, ontology: Ontology) -> None:
    write_plus(tmp_path, ontology)
    loaded = PLUS.load_facts(tmp_path, ontology, Options())
    assert loaded.frame.select(
        "study_id", "own_split", "condition", "existence", "location", "severity"
    ).rows() == [
        ("patient00001/study1", "train", "Pneumothorax", "absent", None, None),
        ("patient00001/study1", "train", "Pleural Effusion", "present", "right", "small"),
        ("patient64541/study1", "validation", "Pneumonia", "absent", None, None),
    ]
    assert set(loaded.frame["image"]) == {
        "train/patient00001/study1/view1_frontal.jpg",
        "valid/patient64541/study1/view1_frontal.jpg",
    }
    # of the three studies one has no text
    assert loaded.rows_in == 3 and loaded.left_out == {"no report text": 1} and balanced(loaded)


def test_plus_labels_of_the_impression_come_first(tmp_path: Path, ontology: Ontology) -> None:
    write_plus(tmp_path, ontology)
    loaded = PLUS.load_labels(tmp_path, ontology, Options())
    assert loaded.frame.select("study_id", "Edema").rows() == [("patient00001/study1", 1)]
    assert loaded.report["label_files"] == ["impression_fixed.json"]


def test_plus_without_label_files_reads_reports(tmp_path: Path, ontology: Ontology) -> None:
    table = write_plus(tmp_path, ontology, ())
    frame = PLUS.load_labels(table, ontology, Options()).frame
    assert frame.select("Pleural Effusion", "Pneumothorax", "Pneumonia").rows() == [
        (1, 0, None),
        (None, None, 0),
    ]


def test_chexpert_takes_the_label_files_of_plus(tmp_path: Path, ontology: Ontology) -> None:
    write_plus(tmp_path, ontology)
    file = tmp_path / "chexbert_labels" / "report_fixed.json"
    assert CHEXPERT.load_labels(file, ontology, Options()).frame["Edema"].to_list() == [0]
    assert CHEXPERT.load_labels(tmp_path, ontology, Options()).frame["Edema"].to_list() == [1]


def test_broken_label_file_is_told(tmp_path: Path, ontology: Ontology) -> None:
    file = tmp_path / "impression_fixed.json"
    file.write_text('{"path_to_image": "train/patient1/study1/a.jpg"}\n{"path', encoding="utf-8")
    with pytest.raises(UserError, match=r"not a readable JSON file"):
        PLUS.load_labels(file, ontology, Options())
    file.write_text('{"path_to_image": "train/patient1/study1/a.jpg"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"no columns"):
        PLUS.load_labels(file, ontology, Options())


def test_brax(tmp_path: Path, ontology: Ontology) -> None:
    names = [c.name for c in ontology.conditions]
    first = ",DicomPath,PngPath,PatientID,PatientSex,PatientAge,AccessionNumber,StudyDate,No Finding"
    head = ",".join((first, *names, "ViewPosition,Rows,Columns,Manufacturer"))
    blank = "," * len(names)

    def row(number: int, patient: str, study: str, view: str, value: str) -> str:
        path = f"images/id_{patient}/Study_{study}/Series_1/image-{number}.png"
        return f"{number},d.dcm,{path},{patient},M,50,{study},1,,{value}{blank[:-1]},{view},100,100,X"

    rows = [
        row(1, "a", "9", "L", "1.0"),
        row(2, "a", "9", "PA", "1.0"),
        row(3, "b", "9", "", "-1.0"),  # the same accession number, another patient
        row(4, "c", "7", "AP", "1.0"),
        row(5, "c", "7", "PA", "0.0"),
    ]
    (tmp_path / "master_spreadsheet_update.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    loaded = BRAX.load_labels(tmp_path, ontology, Options())
    first = names[0]
    assert loaded.frame.select("study_id", "image_id", first).rows() == [
        ("a/9", "image-2", 1),
        ("b/9", "image-3", -1),
    ]
    assert loaded.rejects["key"].to_list() == ["c/7", "c/7"] and balanced(loaded)
