"""CheXpert: image rows to studies, bad rows, another organ's file, the real file's figures."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from nastdata.errors import UserError
from nastdata.frames import FACTS_SCHEMA, labels_schema
from nastdata.ontology import Ontology, load_ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options

SOURCE = get_source("chexpert")
HEAD = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding"
KNEE = Path(__file__).parents[1] / "data" / "knee.yaml"


def write(
    folder: Path, ontology: Ontology, rows: list[tuple[str, str, dict[str, str]]], shuffle: int = 0
) -> Path:
    """Write rows of (path, view, labels)."""
    names = [c.name for c in ontology.conditions]
    lines = []
    for path, view, labels in rows:
        side = "Frontal" if view else "Lateral"
        cells = ",".join(labels.get(n, "") for n in names)
        lines.append(f"{path},Female,68,{side},{view},{labels.get('No Finding', '')},{cells}")
    if shuffle:
        random.Random(shuffle).shuffle(lines)
    file = folder / "train.csv"
    file.write_text("\n".join([f"{HEAD},{','.join(names)}", *lines]) + "\n", encoding="utf-8")
    return file


def balanced(loaded: Loaded) -> bool:
    return loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())


def row(
    patient: int, study: int, view: int, kind: str, labels: dict[str, str]
) -> tuple[str, str, dict[str, str]]:
    where = "frontal" if kind else "lateral"
    return f"CheXpert-v1.0/train/patient{patient:05}/study{study}/view{view}_{where}.jpg", kind, labels


def test_images_collapse_to_studies_with_the_preferred_image(tmp_path: Path, ontology: Ontology) -> None:
    same = {"Edema": "1.0", "Fracture": "0.0", "Pneumonia": "-1.0"}
    rows = [
        row(1, 1, 1, "", same),
        row(1, 1, 2, "AP", same),
        row(1, 1, 3, "PA", same),
        row(2, 1, 1, "AP", {}),
    ]
    file = write(tmp_path, ontology, rows)
    loaded = SOURCE.load_labels(file, ontology, Options())
    assert dict(loaded.frame.schema) == {**labels_schema(ontology), "No Finding": pl.Int8()}
    first, second = loaded.frame.to_dicts()
    assert (first["patient_id"], first["study_id"]) == ("patient00001", "patient00001/study1")
    assert first["image"].endswith("view3_frontal.jpg")
    assert first["image_id"] == "patient00001/study1/view3_frontal"
    assert (first["Edema"], first["Fracture"], first["Pneumonia"], first["Atelectasis"]) == (1, 0, -1, None)
    assert second["Edema"] is None
    assert (loaded.rows_in, loaded.rows_out) == (4, 4)
    assert loaded.files[0].rows == 4 and len(loaded.files[0].sha256) == 64


def test_order_of_rows_does_not_matter(tmp_path: Path, ontology: Ontology) -> None:
    rows = [row(p, s, v, "AP", {"Edema": str(p % 2)}) for p in range(9) for s in (1, 2) for v in (1, 2)]
    frames = [
        SOURCE.load_labels(write(tmp_path, ontology, rows, shuffle), ontology, Options()).frame
        for shuffle in (0, 1, 2)
    ]
    assert frames[0].equals(frames[1]) and frames[0].equals(frames[2])
    assert frames[0]["study_id"].is_sorted()


def test_conflicting_study_is_rejected_with_the_reason(tmp_path: Path, ontology: Ontology) -> None:
    rows = [
        row(1, 1, 1, "AP", {"Edema": "1"}),
        row(1, 1, 2, "AP", {"Edema": ""}),
        row(1, 2, 1, "AP", {"Edema": "1"}),
    ]
    loaded = SOURCE.load_labels(write(tmp_path, ontology, rows), ontology, Options())
    assert loaded.frame["study_id"].to_list() == ["patient00001/study2"]
    assert loaded.rejects["key"].to_list() == ["patient00001/study1"] * 2
    assert all("Edema" in t for t in loaded.rejects["text"])
    assert balanced(loaded)


def test_facts_are_labels_of_studies_with_a_definite_one(tmp_path: Path, ontology: Ontology) -> None:
    rows = [
        row(1, 1, 1, "AP", {"Edema": "1", "Fracture": "0", "Pneumonia": "-1"}),
        row(2, 1, 1, "AP", {"Edema": "-1"}),
    ]
    loaded = SOURCE.load_facts(write(tmp_path, ontology, rows), ontology, Options())
    assert dict(loaded.frame.schema) == FACTS_SCHEMA
    assert loaded.frame.select("condition", "existence", "location", "severity").rows() == [
        ("Edema", "present", None, None),
        ("Pneumonia", "uncertain", None, None),
        ("Fracture", "absent", None, None),
    ]
    assert loaded.left_out == {"no definite label": 1}
    assert balanced(loaded)


def test_path_without_patient_is_told(tmp_path: Path, ontology: Ontology) -> None:
    file = write(tmp_path, ontology, [row(1, 1, 1, "AP", {}), ("images/view1.jpg", "AP", {})])
    with pytest.raises(UserError, match=r"row 3, column 'Path'.*images/view1\.jpg"):
        SOURCE.load_labels(file, ontology, Options())


def test_misspelt_label_column_names_the_nearest(tmp_path: Path, ontology: Ontology) -> None:
    file = write(tmp_path, ontology, [row(1, 1, 1, "AP", {})])
    file.write_text(file.read_text(encoding="utf-8").replace("Pneumothorax", "Pneumotorax"), encoding="utf-8")
    with pytest.raises(UserError, match="no column 'Pneumothorax' \\(did you mean 'Pneumotorax'"):
        SOURCE.load_labels(file, ontology, Options())


def test_missing_file_is_told(tmp_path: Path, ontology: Ontology) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        SOURCE.load_labels(tmp_path / "nothing.csv", ontology, Options())
    with pytest.raises(UserError, match="no CheXpert files found in"):
        SOURCE.load_labels(tmp_path, ontology, Options())


def test_folder_gives_train_and_valid_with_their_own_split(tmp_path: Path, ontology: Ontology) -> None:
    folder = tmp_path / "CheXpert-v1.0-small"
    folder.mkdir()
    write(folder, ontology, [row(1, 1, 1, "AP", {"Edema": "1"})])
    valid = (
        (folder / "train.csv").read_text(encoding="utf-8").replace("train/patient00001", "valid/patient64541")
    )
    (folder / "valid.csv").write_text(valid, encoding="utf-8")
    loaded = SOURCE.load_labels(tmp_path, ontology, Options())
    assert loaded.frame["own_split"].to_list() == ["train", "validation"]
    assert len(loaded.files) == 2


def test_another_organ_needs_its_own_columns_only(tmp_path: Path) -> None:
    knee = load_ontology(str(KNEE))
    rows = [row(1, 1, 1, "AP", {"Joint Effusion": "1", "Osteophyte": "0"})]
    loaded = SOURCE.load_labels(write(tmp_path, knee, rows), knee, Options())
    assert loaded.frame.select("Joint Effusion", "Osteophyte", "Degeneration").row(0) == (1, 0, None)


def test_environment_variable_names_the_file(
    tmp_path: Path, ontology: Ontology, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, ontology, [row(1, 1, 1, "AP", {"Edema": "1"})])
    monkeypatch.setenv("NASTDATA_CHEXPERT", str(file))
    assert SOURCE.find(None) == ([file], [str(file)])


@pytest.mark.real
def test_real_file_has_the_known_figures(real_labels: Path, ontology: Ontology) -> None:
    loaded = SOURCE.load_labels(real_labels / "chexpert_train.csv.gz", ontology, Options())
    f = loaded.frame
    assert (loaded.rows_in, len(f), f["patient_id"].n_unique(), len(loaded.rejects)) == (
        223_414,
        187_641,
        64_540,
        0,
    )
    labels = loaded.report["labels"]
    assert isinstance(labels, dict)
    assert [labels["Edema"][k] for k in ("present", "absent", "uncertain")] == [48905, 15667, 11571]
    assert [labels["Pleural Other"][k] for k in ("present", "absent", "uncertain")] == [2441, 206, 1771]
    names = [c.name for c in ontology.conditions]
    present = pl.sum_horizontal((pl.col(n) == 1).fill_null(False).cast(pl.Int32) for n in names)
    absent = pl.sum_horizontal((pl.col(n) == 0).fill_null(False).cast(pl.Int32) for n in names)
    normal = (pl.col("No Finding") == 1).fill_null(False)
    assert len(f.filter((present >= 2) & (absent >= 3) & ~normal)) == 3908
