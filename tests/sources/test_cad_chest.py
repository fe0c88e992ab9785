"""CAD-Chest: lenient reading, certainty, places, grades, and files that are cut off."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from trees import make_tree

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options
from nastdata.sources.json_stream import RecordStream

SOURCE = get_source("cad-chest")


def entity(name: str, score: Any = 3, **other: Any) -> dict[str, Any]:
    return {
        "entity_name": name,
        "probability_score": score,
        "probability": "positive",
        "location": None,
        **other,
    }


def record(*entities: Any, study: Any = 50414267, **other: Any) -> dict[str, Any]:
    return {"study_id": study, "subject_id": "10000032", "dicom_id": "d1", "entity": list(entities), **other}


def load(folder: Path, ontology: Ontology, *records: Any, options: Options | None = None) -> Loaded:
    path = folder / "cad_disease.json"
    path.write_text(json.dumps(list(records)), encoding="utf-8")
    loaded = SOURCE.load_facts(path, ontology, options or Options())
    assert loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())
    return loaded


def said(loaded: Loaded) -> list[tuple[Any, ...]]:
    """Return the facts that statements are made of: present ones, and plain denials."""
    plain = (pl.col("existence") != "uncertain") & pl.col("qualifier").is_null()
    return loaded.frame.filter(plain).select("condition", "existence", "location", "severity").rows()


@pytest.mark.parametrize(
    ("mention", "facts"),
    [
        (entity("edema"), [("Edema", "present", None, None)]),
        (entity(" Pleural  Effusion "), [("Pleural Effusion", "present", None, None)]),
        (entity("edema", -3), [("Edema", "absent", None, None)]),
        (entity("edema", "-3 "), [("Edema", "absent", None, None)]),
        (entity("edema", 2), []),
        (entity("edema", 0), []),
        (entity("edema", None, probability="no "), [("Edema", "absent", None, None)]),
        (entity("edema", None, probability="perhaps"), []),
        (entity("thymoma"), []),
        (
            entity("pleural effusion", location=["left"], level=["small"]),
            [("Pleural Effusion", "present", "left", "small")],
        ),
        (entity("pleural effusion", level=["severe"]), [("Pleural Effusion", "present", None, "large")]),
        (entity("edema", level=["mild to moderate"]), [("Edema", "present", None, "moderate")]),
        (entity("edema", level=["increasing"]), [("Edema", "present", None, None)]),
        (entity("edema", level=["increasing", "mild"]), [("Edema", "present", None, "mild")]),
        (entity("edema", level=["humongous"]), [("Edema", "present", None, None)]),
        (entity("edema", level=["mild", "severe"]), [("Edema", "present", None, None)]),
        (entity("atelectasis", location=["right left"]), [("Atelectasis", "present", None, None)]),
        (entity("atelectasis", location=["right", "left"]), [("Atelectasis", "present", None, None)]),
        (
            entity("atelectasis", location=["bibasilar"]),
            [("Atelectasis", "present", "both lung bases", None)],
        ),
        (
            entity("atelectasis", location=["left", "basal"]),
            [("Atelectasis", "present", "left lung base", None)],
        ),
        (
            entity("atelectasis", location="left lower lobe"),
            [("Atelectasis", "present", "left lower lobe", None)],
        ),
        (
            entity("atelectasis", location=["mid to lower", "left"]),
            [("Atelectasis", "present", "left", None)],
        ),
        (
            entity("atelectasis", location=["right middle lobe", "left lower lobe"]),
            [
                ("Atelectasis", "present", "left lower lobe", None),
                ("Atelectasis", "present", "right middle lobe", None),
            ],
        ),
        (
            entity("pneumothorax", location=["apicolateral", "right-sided"]),
            [("Pneumothorax", "present", "right lung apex", None)],
        ),
        (entity("cardiomegaly", location=["left"]), [("Cardiomegaly", "present", None, None)]),
        (entity("fracture", location=["rib", "right"]), [("Fracture", "present", "right ribs", None)]),
        (
            entity(
                "pleural effusion",
                location=["right"],
                level=["moderate"],
                location2=["left"],
                level2=["small"],
            ),
            [
                ("Pleural Effusion", "present", "left", "small"),
                ("Pleural Effusion", "present", "right", "moderate"),
            ],
        ),
        (entity("pleural effusion", -3, location=["left"]), [("Pleural Effusion", "absent", "left", None)]),
        (entity("edema", -3, level=["severe"]), []),
        ({" Entity Name": "edema", "probability_score ": 3}, [("Edema", "present", None, None)]),
        ({"entity_name": "edema", "probability_score": 3}, [("Edema", "present", None, None)]),
        ({}, []),
    ],
)
def test_mentions_become_facts(
    tmp_path: Path, ontology: Ontology, mention: dict[str, Any], facts: list[tuple[Any, ...]]
) -> None:
    assert said(load(tmp_path, ontology, record(mention))) == facts


def test_mentions_may_be_keyed_or_single(tmp_path: Path, ontology: Ontology) -> None:
    keyed = {**record(), "entity": {"edema": {"probability_score": 3}}}
    single = {**record(study=2), "entity": entity("edema")}
    none = {**record(study=3), "entity": None}
    loaded = load(tmp_path, ontology, keyed, single, none)
    assert said(loaded) == [("Edema", "present", None, None)] * 2
    assert loaded.left_out == {"no definite fact": 1}


def test_denials_that_other_mentions_contradict_are_left_out(tmp_path: Path, ontology: Ontology) -> None:
    loaded = load(
        tmp_path,
        ontology,
        record(entity("edema", -3), entity("edema", 2), entity("lung opacity", -3), entity("pneumonia", 3)),
        record(
            entity("pleural effusion", location=["left"]),
            entity("pleural effusion", -3, location=["right"]),
            study=2,
        ),
    )
    assert said(loaded) == [
        ("Pleural Effusion", "present", "left", None),
        ("Pleural Effusion", "absent", "right", None),
        ("Pneumonia", "present", None, None),
    ]


def test_records_without_ids_or_twice_are_rejected(tmp_path: Path, ontology: Ontology) -> None:
    good = record(entity("edema"))
    bad = [good, {"entity": []}, "text", record(study="x"), {**record(study=7), "entity": 3}]
    loaded = load(tmp_path, ontology, good, *bad)
    assert len(loaded.frame) == 1
    assert loaded.rejects["reason"].to_list() == [
        "a second record of the same study",
        "no subject_id or study_id",
        "not a record",
        "no subject_id or study_id",
        "mentions not readable",
    ]
    assert loaded.rejects["key"].to_list() == [f"record {i}" for i in range(2, 7)]


def test_ids_and_image_without_mimic_tables(tmp_path: Path, ontology: Ontology) -> None:
    row = load(tmp_path, ontology, record(entity("edema"), study="50414267.0")).frame.row(0, named=True)
    assert (row["patient_id"], row["study_id"], row["own_split"]) == ("p10000032", "s50414267", None)
    assert row["image"] == "files/p10/p10000032/s50414267/d1.jpg"


def test_joined_to_mimic_tables(tmp_path: Path, ontology: Ontology) -> None:
    tree = make_tree(tmp_path, 200)
    for data in (tmp_path, tree.cad):
        loaded = SOURCE.load_facts(data, ontology, Options())
        assert len(loaded.files) == 3
        assert loaded.frame["own_split"].null_count() == loaded.frame["image"].null_count() == 0
        assert loaded.rows_in == 200
        places = loaded.frame.select("condition", "location").unique().drop_nulls()
        assert all(p in ontology.condition_by_name[c].places for c, p in places.iter_rows())
    labels = SOURCE.load_labels(tmp_path, ontology, Options())
    assert set(labels.frame["Edema"].drop_nulls()) == {-1, 0, 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("{}", "not a JSON list"),
        ("[", "cut off"),
        ("[{}, ", "cut off"),
        ('[{}, {"a": "b', "cut off or broken (at byte 11, after 1 records)"),
        ("[{} {} x]", "cut off or broken (at byte 7, after 2 records)"),
        ("[{}] []", "text after the end"),
    ],
)
def test_broken_json_is_told_with_its_byte(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "cad_disease.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        list(RecordStream(path))
    assert told in str(caught.value) and str(path) in str(caught.value)


def test_file_cut_off_anywhere_is_a_user_error(tmp_path: Path) -> None:
    whole = json.dumps(
        [record(entity("edema"), note="größer") for _ in range(3)], ensure_ascii=False
    ).encode()
    path = tmp_path / "c.json"
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError, match=r"at byte [\d,]+, after \d records"):
            list(RecordStream(path))
    path.write_bytes(gzip.compress(whole))
    assert len(list(RecordStream(path))) == 3
    path.write_bytes(gzip.compress(whole)[:-12])
    with pytest.raises(UserError, match="gzip file is cut off"):
        list(RecordStream(path))


def test_records_across_blocks_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [record(entity("edema"), note="größer", study=i) for i in range(40)]
    path = tmp_path / "c.json"
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    for size in (1, 7, 64, 1000):
        monkeypatch.setattr("nastdata.sources.json_stream.CHUNK", size)
        assert list(RecordStream(path)) == records


def test_missing_file_is_told(tmp_path: Path, ontology: Ontology) -> None:
    with pytest.raises(UserError, match="no CAD-Chest files found"):
        SOURCE.load_facts(tmp_path, ontology, Options())
