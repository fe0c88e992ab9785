"""The image of a study: frontal by a stated order, only frontal, lateral, or every one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.pipeline import make
from nastdata.progress import Progress
from nastdata.recipe import load_recipe
from nastdata.records import FRONTAL, LATERAL, PAIR
from nastdata.sources import get_source
from nastdata.sources.base import Loaded, Options
from nastdata.sources.openi.image_views import pick_images, read_views

LABELS = "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,"
LABELS += "Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
VIEWS = ("frontal", "frontal-only", "lateral", "all")
IMAGES = [
    ("patient1/study1/view1_frontal", "Frontal,AP"),
    ("patient1/study1/view2_frontal", "Frontal,PA"),
    ("patient1/study1/view3_lateral", "Lateral,"),
    ("patient1/study2/view1_lateral", "Lateral,"),
    ("patient2/study1/view1_frontal", "Frontal,AP"),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [f"{'a/train/'}{name}.jpg,Male,50,{view},{','.join(['1.0'] * 14)}" for name, view in IMAGES]
    path = tmp_path / "train.csv"
    path.write_text("\n".join([f"Path,Sex,Age,Frontal/Lateral,AP/PA,{LABELS}", *rows]) + "\n")
    return path


def load(table: Path, ontology: Ontology, views: str, source: str = "chexpert") -> Loaded:
    loaded = get_source(source).load_labels(table, ontology, Options(views=views))
    assert loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())
    return loaded


def images_of(loaded: Loaded) -> list[tuple[Any, ...]]:
    return loaded.frame.select("study_id", "image_id").rows()


def test_chexpert(table: Path, ontology: Ontology) -> None:
    one, two, three = "patient1/study1", "patient1/study2", "patient2/study1"
    frontal = load(table, ontology, "frontal")
    assert images_of(frontal) == [(one, f"{one}/view2_frontal"), (two, f"{two}/view1_lateral"),
                                  (three, f"{three}/view1_frontal")]  # fmt: skip
    only = load(table, ontology, "frontal-only")
    assert [s for s, _ in images_of(only)] == [one, three]
    assert only.rejects.select("reason", "key").rows() == [("no frontal view in the study", two)]
    lateral = load(table, ontology, "lateral")
    assert [i for _, i in images_of(lateral)] == [f"{one}/view3_lateral", f"{two}/view1_lateral"]
    assert lateral.rejects["reason"].to_list() == ["no lateral view in the study"]
    every = load(table, ontology, "all")
    assert [i for _, i in images_of(every)] == [name for name, _ in IMAGES]
    assert every.frame["study_id"].n_unique() == 5 and every.frame["patient_id"].n_unique() == 2


def test_padchest(tmp_path: Path, ontology: Ontology) -> None:
    header = "ImageID,ImageDir,StudyID,PatientID,Projection,Labels,LabelsLocalizationsBySentence"
    label = "\"['pleural effusion']\",\"[['pleural effusion', 'loc right']]\""
    views = {"a.png": "L", "b.png": "AP_horizontal", "c.png": "PA", "d.png": "L"}
    rows = [f"{name},3,s{int(name == 'd.png')},p1,{view},{label}" for name, view in views.items()]
    table = tmp_path / "PADCHEST_x.csv"
    table.write_text("\n".join([header, *rows]) + "\n")
    found = {
        v: images_of(load(table, ontology, v, "padchest"))
        for v in ("frontal", "frontal-only", "lateral", "all")
    }
    assert found["frontal"] == [("s0", "c.png"), ("s1", "d.png")]
    assert found["frontal-only"] == [("s0", "c.png")]
    assert found["lateral"] == [("s0", "a.png"), ("s1", "d.png")]
    assert found["all"] == [
        ("s0/a.png", "a.png"),
        ("s0/b.png", "b.png"),
        ("s0/c.png", "c.png"),
        ("s1/d.png", "d.png"),
    ]


def test_mimic(tmp_path: Path, ontology: Ontology) -> None:
    conditions = sorted([*(c.name for c in ontology.conditions), "No Finding"])
    ones = ",".join("1.0" for _ in conditions)
    (tmp_path / "mimic-cxr-2.0.0-chexpert.csv").write_text(
        f"subject_id,study_id,{','.join(conditions)}\n10000001,50000001,{ones}\n10000001,50000002,{ones}\n"
    )
    (tmp_path / "mimic-cxr-2.0.0-metadata.csv").write_text(
        "dicom_id,subject_id,study_id,ViewPosition\n"
        "aa,10000001,50000001,LATERAL\nbb,10000001,50000001,AP\ncc,10000001,50000002,LL\n"
    )
    found = {
        v: images_of(load(tmp_path, ontology, v, "mimic-cxr"))
        for v in ("frontal", "frontal-only", "lateral", "all")
    }
    one, two = "s50000001", "s50000002"
    assert found["frontal"] == [(one, "bb"), (two, "cc")]
    assert found["frontal-only"] == [(one, "bb")]
    assert found["lateral"] == [(one, "aa"), (two, "cc")]
    assert found["all"] == [(f"{one}/aa", "aa"), (f"{one}/bb", "bb"), (f"{two}/cc", "cc")]


def test_openi() -> None:
    known = {"a": 4, "b": 1, "c": 0}
    assert pick_images(["a", "b", "c", "d"], "frontal", {}) == (("a", None),)
    assert pick_images(["a", "b", "c", "d"], "frontal", known) == (("c", PAIR),)
    assert pick_images(["a", "d"], "frontal", known) == (("d", None),)
    assert pick_images(["b", "c"], "frontal", known) == (("c", FRONTAL),)
    assert pick_images(["b", "c"], "frontal", known, has_lateral=True) == (("c", PAIR),)
    assert pick_images(["a"], "frontal", known) == (("a", LATERAL),)
    assert pick_images(["a", "b", "c", "d"], "frontal-only", known) == (("c", PAIR),)
    assert pick_images(["a", "b", "c", "d"], "lateral", known) == (("a", LATERAL),)
    assert pick_images(["d"], "lateral", known) == ()
    assert pick_images(["a", "b"], "all", {}) == (("a", None), ("b", None))


@pytest.mark.usefixtures("real_labels")
def test_openi_views_are_read_from_tables_that_lie_beside_it(tmp_path: Path) -> None:
    known, files = read_views(tmp_path)
    views = list(known.values())
    assert (views.count(0), views.count(1), views.count(2), views.count(4)) == (3121, 405, 1419, 1322)
    assert len(files) == 2
    (tmp_path / "indiana_projections.csv").write_text(
        "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n1,1_IM-0001-3001.dcm.png,Lateral\n"
    )
    known, files = read_views(tmp_path)
    assert known["CXR1_IM-0001-4001"] == 0 and known["CXR1_IM-0001-3001"] == 4 and len(files) == 3


def test_a_dataset_of_all_views_holds_each_image(table: Path) -> None:
    small = [("audit.enabled", "false"), ("claims.enabled", "false"), ("captions.balanced", "false")]
    chosen = [("source", "chexpert"), ("images.views", "all"), ("data.chexpert", str(table)), *small]
    recipe = load_recipe("contextual", chosen)
    built = make(recipe, Progress(quiet=True))
    frame = built.configs["contextual_captions"]
    assert frame["image_id"].n_unique() == 5 and built.manifest["recipe"]["images"]["views"] == "all"
    assert frame.group_by("patient_id").agg(pl.col("split").n_unique())["split"].max() == 1


def test_views_that_a_source_does_not_know_are_refused() -> None:
    recipe = load_recipe("mednega", [("images.views", "lateral")])
    with pytest.raises(UserError, match="views"):
        make(recipe, Progress(quiet=True))
