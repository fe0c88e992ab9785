"""Reports into facts, and the corpora that are mostly that: PadChest-GR, ReXGradient."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options
from nastdata.sources.denials import BOTH, SAME
from nastdata.sources.report_facts import ReportReader

GROUNDED, REX = get_source("padchest-gr"), get_source("rexgradient")


def balanced(loaded: Loaded) -> bool:
    return loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())


def test_said_and_denied_in_one_study_is_left_out(ontology: Ontology) -> None:
    reader = ReportReader(ontology)
    assert reader.read(["There is a pneumothorax.", "No pneumothorax. Cardiomegaly."], "s") == [
        Fact("Cardiomegaly", "present"),
        Fact("Pneumothorax", "uncertain"),
    ]
    assert reader.counts[BOTH] == 1


def test_the_other_side_may_be_denied(ontology: Ontology) -> None:
    found = ReportReader(ontology).read(["Right pleural effusion. No left pleural effusion."], "s")
    assert set(found) == {
        Fact("Pleural Effusion", "present", "right"),
        Fact("Pleural Effusion", "absent", "left"),
    }


def test_a_denial_beside_a_doubt_is_left_out(ontology: Ontology) -> None:
    reader = ReportReader(ontology)
    assert reader.read(["Possible pneumonia.", "No pneumonia."], "s") == []
    assert reader.counts[SAME] == 1
    assert reader.counts["uncertain findings"] == 1


def test_a_kind_of_it_forbids_the_denial_only(ontology: Ontology) -> None:
    found = ReportReader(ontology).read(["No lung opacity. Left lower lobe consolidation."], "s")
    assert found == [Fact("Consolidation", "present", "left lower lobe")]


def test_the_sample_is_the_same_in_any_order(ontology: Ontology) -> None:
    texts = {f"s{i}": f"{'No' if i % 2 else 'Small'} pleural effusion." for i in range(40)}
    samples = []
    for keys in (sorted(texts), sorted(texts, reverse=True)):
        reader = ReportReader(ontology, sample_size=5)
        for key in keys:
            reader.read([texts[key]], key)
        samples.append([(s.key, s.text, s.facts) for s in reader.sample])
    assert samples[0] == samples[1] and len(samples[0]) == 5
    assert all("Pleural Effusion" in facts[0] for _, _, facts in samples[0])


def test_another_language_is_counted_and_gives_nothing(ontology: Ontology) -> None:
    reader = ReportReader(ontology)
    text = "Sem evidência de derrame pleural ou pneumotórax. Área cardíaca aumentada, pulmões sem alterações."
    assert reader.read([text], "s") == []
    account = reader.account()
    assert account["reports in a language that is not read"] == 1


def study(number: int, *findings: dict[str, object]) -> dict[str, object]:
    return {"StudyID": f"st{number}", "ImageID": f"im{number}.png", "findings": list(findings)}


def finding(sentence: str, abnormal: bool = True, **more: object) -> dict[str, object]:
    blank = {
        "sentence_es": "",
        "boxes": [],
        "extra_boxes": [],
        "labels": [],
        "locations": [],
        "progression": None,
    }
    return {"sentence_en": sentence, "abnormal": abnormal, **blank, **more}


STUDIES = [
    study(1, finding("Left pleural effusion.", labels=["pleural effusion"], boxes=[[0.6, 0.7, 0.9, 0.95]])),
    study(2, finding("Consolidation.", labels=["consolidation"], boxes=[[0.1, 0.65, 0.35, 0.8]])),
    study(3, finding("No pneumothorax.", False)),
    study(4, finding("Raised left hemidiaphragm.", labels=["laminar atelectasis"], locations=["left"])),
    study(5, finding("Normal.", False)),
]


def write_grounded(folder: Path) -> Path:
    file = folder / "grounded_reports_20240819.json"
    file.write_text(json.dumps([*STUDIES, {"StudyID": "x"}]), encoding="utf-8")
    return file


def test_sentences_labels_and_boxes(tmp_path: Path, ontology: Ontology) -> None:
    write_grounded(tmp_path)
    table = "StudyID,PatientID,split\nst1,p1,train\nst2,p1,train\nst3,p3,validation\n"
    (tmp_path / "master_table.csv").write_text(table, encoding="utf-8")
    loaded = GROUNDED.load_facts(tmp_path, ontology, Options())
    rows = loaded.frame.select(
        "patient_id", "study_id", "own_split", "condition", "existence", "location"
    ).rows()
    assert sorted(rows) == [
        ("p1", "st1", "train", "Pleural Effusion", "present", "left"),
        ("p1", "st2", "train", "Consolidation", "present", "right lower lung zone"),
        ("p3", "st3", "validation", "Pneumothorax", "absent", None),
        ("st4", "st4", None, "Atelectasis", "present", "left"),
    ]
    assert loaded.rejects["reason"].to_list() == ["not a study with findings"]
    assert loaded.rows_in == 6 and balanced(loaded)


def test_patients_unknown_without_the_master_table(tmp_path: Path, ontology: Ontology) -> None:
    loaded = GROUNDED.load_facts(write_grounded(tmp_path), ontology, Options())
    assert "st1" in loaded.frame["patient_id"].to_list()
    assert "master_table.csv" in str(loaded.notes)


RECORD = {
    "PatientID": "GRDN1",
    "AccessionNumber": "GRDNA",
    "StudyInstanceUid": "1.2.3",
    "Findings": "The heart is enlarged. No pleural effusion.",
    "Impression": "None",
    "Indication": "Rule out pneumonia.",
    "Comparison": None,
    "ImagePath": ["../deid_png/GRDN1/a/lateral.png", "../deid_png/GRDN1/a/front.png"],
    "ImageViewPosition": ["LATERAL", "PA"],
}


@pytest.mark.parametrize("name", ["train_metadata_view_position.json", "valid_metadata.json"])
@pytest.mark.parametrize("keyed", [True, False])
def test_rexgradient(tmp_path: Path, ontology: Ontology, name: str, keyed: bool) -> None:
    folder = tmp_path / "metadata"
    folder.mkdir()
    second = {**RECORD, "StudyInstanceUid": "1.2.4", "Findings": None, "Impression": " "}
    records = [RECORD, second, {"PatientID": "x"} if not keyed else "broken"]
    data = {str(i): r for i, r in enumerate(records)} if keyed else records
    (folder / name).write_text(json.dumps(data), encoding="utf-8")
    loaded = REX.load_facts(tmp_path, ontology, Options())
    assert loaded.frame.select("study_id", "image", "own_split", "condition", "existence").rows() == [
        (
            "1.2.3",
            "GRDN1/a/front.png",
            "train" if "train" in name else "validation",
            "Cardiomegaly",
            "present",
        ),
        (
            "1.2.3",
            "GRDN1/a/front.png",
            "train" if "train" in name else "validation",
            "Pleural Effusion",
            "absent",
        ),
    ]
    assert len(loaded.rejects) == 1 and loaded.left_out == {"no report text": 1} and balanced(loaded)


def test_rexgradient_table(tmp_path: Path, ontology: Ontology) -> None:
    file = tmp_path / "test_metadata.csv"
    text = "StudyInstanceUid,PatientID,Findings,Impression\n1.2,p,Small left pleural effusion.,\n"
    file.write_text(text, encoding="utf-8")
    loaded = REX.load_facts(file, ontology, Options())
    assert loaded.frame.select("location", "severity", "own_split").row(0) == ("left", "small", "test")


def test_rexgradient_broken_file_is_told(tmp_path: Path, ontology: Ontology) -> None:
    file = tmp_path / "train_metadata.json"
    file.write_text('{"a": ', encoding="utf-8")
    with pytest.raises(UserError, match="not a readable JSON file"):
        REX.load_facts(file, ontology, Options())
