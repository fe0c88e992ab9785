"""MIMIC-CXR-JPG: folder layouts, both label files, views, the corpus's own split, bad rows."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from trees import make_tree

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Options

SOURCE = get_source("mimic-cxr")
LABELS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,"
    "Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)


def write(folder: Path, version: str = "2.0.0", kind: str = "chexpert", edema: str = "1.0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"10000032,50414267,,,,{edema},,,,,,,,,0.0,", "10000032,53189527,,,,,,,,,1.0,,,,,"]
    path = folder / f"mimic-cxr-{version}-{kind}.csv"
    path.write_text("\n".join([f"subject_id,study_id,{LABELS}", *rows]) + "\n", encoding="utf-8")
    return path


def write_images(folder: Path, version: str = "2.0.0", packed: bool = False) -> None:
    split = "dicom_id,study_id,subject_id,split\na,50414267,10000032,validate\nb,50414267,10000032,validate\n"
    split += "c,50414267,10000032,validate\nd,53189527,10000032,train\n"
    views = "dicom_id,subject_id,study_id,ViewPosition\na,10000032,50414267,LATERAL\nb,10000032,50414267,AP\n"
    views += "c,10000032,50414267,PA\nd,10000032,53189527,LL\n"
    for kind, text in (("split", split), ("metadata", views)):
        path = folder / f"mimic-cxr-{version}-{kind}.csv"
        if packed:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "layout",
    ["", "mimic-cxr-jpg", "2.1.0", "physionet.org/files/mimic-cxr-jpg/2.1.0", "a/mimic-cxr-jpg/2.0.0"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_tables_are_found_in_every_layout(
    tmp_path: Path, ontology: Ontology, layout: str, packed: bool
) -> None:
    write(tmp_path / layout, "2.1.0")
    write_images(tmp_path / layout, "2.1.0", packed)
    frame = SOURCE.load_labels(tmp_path, ontology, Options()).frame
    first, second = frame.to_dicts()
    assert (first["patient_id"], first["study_id"], first["own_split"]) == (
        "p10000032",
        "s50414267",
        "validation",
    )
    assert first["image"] == "files/p10/p10000032/s50414267/c.jpg"
    assert (second["image_id"], second["own_split"]) == ("d", "train")
    assert (first["Edema"], first["Pneumothorax"], first["No Finding"]) == (1, 0, None)
    assert second["No Finding"] == 1


def test_newest_version_and_chexpert_labels_are_preferred(tmp_path: Path, ontology: Ontology) -> None:
    write(tmp_path / "2.0.0", "2.0.0")
    write(tmp_path / "2.1.0", "2.1.0", "negbio", edema="0.0")
    loaded = SOURCE.load_labels(tmp_path, ontology, Options())
    assert loaded.report["label_file"] == "mimic-cxr-2.1.0-negbio.csv"
    assert loaded.frame["Edema"][0] == 0
    write(tmp_path / "2.1.0", "2.1.0")
    loaded = SOURCE.load_labels(tmp_path, ontology, Options())
    assert loaded.report["label_file"] == "mimic-cxr-2.1.0-chexpert.csv"


def test_a_named_label_file_is_the_one_that_is_read(tmp_path: Path, ontology: Ontology) -> None:
    write(tmp_path)
    named = write(tmp_path, kind="negbio", edema="-1.0")
    write_images(tmp_path)
    loaded = SOURCE.load_labels(named, ontology, Options())
    assert loaded.frame["Edema"][0] == -1
    assert loaded.frame["image_id"].to_list() == ["c", "d"]


def test_missing_tables_are_noted_and_images_left_null(tmp_path: Path, ontology: Ontology) -> None:
    write(tmp_path)
    loaded = SOURCE.load_labels(tmp_path, ontology, Options())
    assert loaded.frame["image"].to_list() == [None, None]
    assert loaded.frame["image_id"].to_list() == ["s50414267", "s53189527"]
    notes = loaded.report["notes"]
    assert isinstance(notes, list) and len(notes) == 2


def test_conflicting_study_is_rejected(tmp_path: Path, ontology: Ontology) -> None:
    path = write(tmp_path)
    with path.open("a", encoding="utf-8") as file:
        file.write("10000032,50414267,,,,0.0,,,,,,,,,0.0,\n")
    loaded = SOURCE.load_labels(tmp_path, ontology, Options())
    assert loaded.frame["study_id"].to_list() == ["s53189527"]
    assert len(loaded.rejects) == 2 and loaded.rows_in == 3 and loaded.rows_out == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("50414267,,", "abc,,", "column 'study_id': 'abc' is not a number"),
        ("1.0,,,,,,,,,0.0", "2.0,,,,,,,,,0.0", "row 2, column 'Edema': '2.0' is not 1, 0, -1 or blank"),
        ("Pneumonia", "Pneumnia", "did you mean 'Pneumnia'"),
    ],
)
def test_bad_label_rows_are_told(tmp_path: Path, ontology: Ontology, old: str, new: str, told: str) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        SOURCE.load_labels(tmp_path, ontology, Options())
    assert told in str(caught.value)


def test_unknown_split_is_told(tmp_path: Path, ontology: Ontology) -> None:
    write(tmp_path)
    write_images(tmp_path)
    path = tmp_path / "mimic-cxr-2.0.0-split.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("validate", "dev", 1), encoding="utf-8")
    with pytest.raises(UserError, match="column 'split': 'dev' is not train, validate or test"):
        SOURCE.load_labels(tmp_path, ontology, Options())


def test_missing_folder_says_what_is_needed(tmp_path: Path, ontology: Ontology) -> None:
    with pytest.raises(UserError, match="no MIMIC-CXR files found") as caught:
        SOURCE.load_labels(tmp_path, ontology, Options())
    assert "chexpert" in str(caught.value)
    with pytest.raises(UserError, match="no such file or folder"):
        SOURCE.load_labels(tmp_path / "x", ontology, Options())


def test_a_whole_tree_loads(tmp_path: Path, ontology: Ontology) -> None:
    make_tree(tmp_path, 300)
    loaded = SOURCE.load_labels(tmp_path, ontology, Options())
    assert len(loaded.frame) == loaded.rows_in == 300
    assert loaded.frame["image"].null_count() == 0
    assert loaded.frame["patient_id"].n_unique() < 300
    facts = SOURCE.load_facts(tmp_path, ontology, Options())
    assert facts.rows_in == 300 == facts.rows_out + sum(facts.left_out.values())
