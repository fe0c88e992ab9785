"""``sources new`` on headers of public corpora and hospital exports: what it recognises and leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nastdata.errors import UserError
from nastdata.ontology import load_ontology
from nastdata.sources import list_sources
from nastdata.sources.own.read_yaml import read_settings
from nastdata.sources.own.starting.guess import guess_table
from nastdata.sources.own.starting.starter import write_starter

CHEST = load_ontology("chest_xray")
LABELS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,"
    "Lung Opacity,"
    "No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    # header and rows as released (values made up), and what the starter has to say
    "nih.csv": (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n"
        "00000001_000.png,Cardiomegaly|Emphysema,0,1,57,M,PA\n00000001_001.png,No Finding,1,1,58,M,AP\n",
        {
            "columns": {"patient": "Patient ID", "image": "Image Index", "view": "View Position"},
            "labels.layout": "list",
            "labels.separator": "|",
            "labels.names": {
                "Cardiomegaly": "Cardiomegaly",
                "Emphysema": "ignore",
                "No Finding": "nothing_found",
            },
        },
    ),
    "vinbigdata.csv": (
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
        "50a4,No finding,14,R11,,,,\n50a4,Cardiomegaly,3,R9,691.0,1375.0,1653.0,1831.0\n"
        "21a1,ILD,5,R9,1,2,3,4\n",
        {
            "labels.layout": "boxes",
            "labels.finding": "class_name",
            "labels.box.columns": ["x_min", "y_min", "x_max", "y_max"],
            "labels.box.width": "WIDTH",
            "agreement.reader": "rad_id",
        },
    ),
    "rsna.csv": (
        "patientId,x,y,width,height,Target\na1,,,,,0\nb2,264.0,152.0,213.0,379.0,1\n",
        {
            "labels.layout": "boxes",
            "labels.condition": "CONDITION",
            "labels.value": "Target",
            "labels.box.order": "x y width height",
            "labels.box.width": 1024,
        },
    ),
    "cvat.csv": (
        "filename,width,height,class,xmin,ymin,xmax,ymax\n"
        "image_001.jpg,1024,1024,nodule,310,420,530,670\nimage_002.jpg,1024,1024,mass,280,330,500,590\n",
        {
            "columns": {"image": "filename"},
            "labels.layout": "boxes",
            "labels.finding": "class",
            "labels.box.width": "width",
            "labels.box.height": "height",
            "labels.names": {"mass": "Lung Lesion", "nodule": "Lung Lesion"},
        },
    ),
    "google.csv": (
        "Image Index,Patient ID,View Position,Fracture,Pneumothorax,Airspace opacity,Nodule or mass,Set Id\n"
        "00000013_008.png,13,AP,NO,NO,YES,NO,test\n",
        {
            "labels.layout": "columns",
            "labels.columns.Airspace opacity": "Lung Opacity",
            "labels.columns.Nodule or mass": "ignore",
        },
    ),
    "mimic.csv": (
        f"subject_id,study_id,{LABELS}\n10000032,50414267,0.0,,1.0,-1.0,,,,,,,,,,1.0\n",
        {
            "columns": {"patient": "subject_id", "study": "study_id"},
            "labels.layout": "columns",
            "labels.columns.Lung Opacity": None,
            "labels.columns.Edema": "Edema",
        },
    ),
    "brax.csv": (
        f"DicomPath,PngPath,PatientID,PatientSex,AccessionNumber,StudyDate,{LABELS},ViewPosition,Rows,Columns\n"
        "Anonymized_DICOMs/a.dcm,images/a.png,p1,F,s1,20200101,,1,,-1,0,,,,,,,,,,PA,2000,1800\n",
        {
            "columns": {
                "patient": "PatientID",
                "study": "AccessionNumber",
                "image": "PngPath",
                "view": "ViewPosition",
            },
            "labels.layout": "columns",
        },
    ),
    "covid.csv": (
        "patientid,offset,sex,age,finding,survival,view,modality,date,location,folder,filename\n"
        "2,0,M,65,Pneumonia/Viral/COVID-19,Y,PA,X-ray,2020,Hanoi,images,a.jpg\n"
        "3,,F,52,No Finding,,AP,X-ray,2020,Rome,images,b.jpg\n"
        "4,,F,52,Pneumonia,,AP,X-ray,2020,Rome,images,c.jpg\n",
        {
            "columns": {"patient": "patientid", "image": "filename", "view": "view"},
            "labels.layout": "list",
            "labels.column": "finding",
            "labels.separator": "/",
        },
    ),
    "chexpert.csv": (
        f"Path,Sex,Age,Frontal/Lateral,AP/PA,{LABELS}\n"
        "v/train/patient00001/study1/view1_frontal.jpg,F,68,Frontal,AP,,1,,0,,,,,,,,,,\n"
        "v/train/patient00002/study1/view1_frontal.jpg,F,68,Lateral,,,1,,0,,,,,,,,,,\n",
        {
            "columns.patient.column": "Path",
            "columns.study.column": "Path",
            "columns.view": ["Frontal/Lateral", "AP/PA"],
        },
    ),
    "padchest.csv": (
        "ImageID,StudyID,PatientID,Projection,Labels\n"
        "1_a.png,1,7,PA,\"['pleural effusion', 'cardiomegaly']\"\n2_b.png,2,8,L,\"['normal']\"\n",
        {"labels.layout": "list", "labels.separator": "list", "labels.names.normal": "nothing_found"},
    ),
    "sided.csv": (
        "UID,PatientID,HeartSize,PleuralEffusion_Right,PleuralEffusion_Left,Atelectasis_Left\n"
        "a,1,2,0,1,1\nb,2,1,1,0,0\n",
        {
            "labels.columns.PleuralEffusion_Right": {"condition": "Pleural Effusion", "place": "right"},
            "labels.columns.Atelectasis_Left": {"condition": "Atelectasis", "place": "left"},
        },
    ),
    "openi.csv": (
        "uid,image,indication,comparison,findings,impression\n"
        "1,Xray Chest PA and Lateral,Positive TB test,None.,The cardiac silhouette is within normal limits. "
        "There is no pulmonary edema.,Normal chest x-XXXX.\n"
        "2,Chest two views,Preop,None.,Borderline cardiomegaly. Midline sternotomy. Clear lungs.,"
        "No acute pulmonary findings are seen today.\n",
        {"reports.columns": ["findings", "impression"], "columns.study": "uid"},
    ),
    "hospital.csv": (
        "Patienten-Nr;Accession;Dateiname;Pneumothorax;Erguss\n007;A1;D:\\pacs\\x\\a.png;vorhanden;nein\n"
        "008;A2;D:\\pacs\\y\\b.png;nicht vorhanden;ja\n",
        {
            "columns.patient": "Patienten-Nr",
            "columns.image.remove_prefix": "D:/pacs/",
            "labels.columns.Pneumothorax": "Pneumothorax",
            "labels.columns.Erguss": "ignore",
        },
    ),
    "r2gen.json": (
        json.dumps(
            {
                "train": [
                    {
                        "id": "a",
                        "study_id": 1,
                        "subject_id": 7,
                        "report": "No focal consolidation or effusion is seen.",
                    }
                ],
                "val": [
                    {
                        "id": "b",
                        "study_id": 2,
                        "subject_id": 8,
                        "report": "There is a small left pleural effusion.",
                    }
                ],
            }
        ),
        {
            "reports.column": "report",
            "columns": {"patient": "subject_id", "study": "study_id", "split": "split"},
        },
    ),
}


def starter(folder: Path, name: str, content: str) -> tuple[str, Path]:
    (folder / name).write_text(content, encoding="utf-8")
    out = folder / "mine.yaml"
    guess = guess_table([folder / name], CHEST)
    out.write_text(write_starter(guess, out, CHEST, "chest_xray", set(list_sources())), encoding="utf-8")
    return out.read_text(encoding="utf-8"), out


def dig(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data[part]
    return data


@pytest.mark.parametrize("name", SHAPES)
def test_tables_as_they_come_are_recognised(tmp_path: Path, name: str) -> None:
    content, wanted = SHAPES[name]
    text, out = starter(tmp_path, name, content)
    data = yaml.safe_load(text)
    for key, value in wanted.items():
        assert value is None or dig(data, key) == value, (key, text)
    # whatever was recognised, the file is one that can be read
    settings = read_settings(out)
    assert settings.name not in list_sources()
    assert (settings.rights.may_publish, settings.rights.may_leave_machine) == ("no", False)


def test_words_that_are_not_understood_are_listed_with_their_rows(tmp_path: Path) -> None:
    text, _ = starter(tmp_path, "hospital.csv", SHAPES["hospital.csv"][0])
    assert "not understood yet: vorhanden (1 row), nicht vorhanden (1 row)" in text


def test_near_names_are_suggested(tmp_path: Path) -> None:
    text, _ = starter(tmp_path, "x.csv", "pid,pleural efusion,pneumothorax,smoker\n1,1,0,1\n2,0,1,0\n")
    assert "pleural efusion: ignore   # not in the ontology; near: Pleural Effusion" in text
    assert "    pneumothorax: Pneumothorax\n" in text
    assert "    smoker: ignore   # not in the ontology\n" in text


@pytest.mark.parametrize(
    "name", ["chexpert.csv", "phantom.csv", "Über Größe!.csv", "....csv", "a" * 90 + ".csv"]
)
def test_any_files_name_gives_a_name_that_is_allowed(tmp_path: Path, name: str) -> None:
    _, out = starter(tmp_path, name, "pid,pneumothorax,effusion\n1,1,0\n")
    assert read_settings(out).name not in list_sources()


@pytest.mark.parametrize(
    "header", ['a"b', "x: y", "# c", "- d", "no", "{e}", "f\\g", "'h", "ä ö", "@i", "%j", "*k"]
)
def test_any_header_is_quoted_as_yaml_needs_it(tmp_path: Path, header: str) -> None:
    quoted = '"' + header.replace('"', '""') + '"'
    text, out = starter(tmp_path, "x.csv", f"pid,{quoted},pneumothorax,effusion\n1,1,1,0\n2,0,0,1\n")
    assert header in yaml.safe_load(text)["labels"]["columns"] or header == "no"
    assert header in read_settings(out).labels.columns  # type: ignore[union-attr]


def test_tables_without_rows_or_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no rows below the header"):
        starter(tmp_path, "x.csv", "pid,pneumothorax\n")
    with pytest.raises(UserError, match="row 2 has 3 cells where the header has 2"):
        starter(tmp_path, "x.csv", "pid,pneumothorax\n1,2,3\n")
