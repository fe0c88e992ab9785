"""A small good tree for every built-in source, in the layout as published, with made-up content."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from hostile.mutate import zip_of

NAMES = (
    "Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
    "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
MARKS = ("1.0,,0.0,,-1.0,,,1.0,0.0,,,,1.0", ",1.0,,0.0,,,1.0,,,0.0,,,", "0.0,0.0,,,,1.0,,,,1.0,,0.0,")
REPORT = """ FINAL REPORT
 INDICATION:  ___F with ascites

 FINDINGS:
 There is no focal consolidation, pleural effusion or pneumothorax.  There is
 mild cardiomegaly.

 IMPRESSION:
 Small left pleural effusion.
"""
Tree = dict[str, bytes]


def _lines(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _chexpert() -> Tree:
    rows = [
        f"CheXpert-v1.0/train/patient{i:05}/study1/view{v}_{w}.jpg,Female,68,{w.title()},{a},,{m}"
        for i, m in enumerate(MARKS)
        for v, w, a in ((1, "frontal", "PA"), (2, "lateral", ""))
    ]
    return {"train.csv": _lines(f"Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,{NAMES}", *rows)}


def _plus() -> Tree:
    head = (
        "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,report,"
        "section_findings,section_impression,age,sex,race,split"
    )
    path = "train/patient00001/study1/view1_frontal.jpg"
    label = {"path_to_image": path, "No Finding": None, "Edema": 1.0, "Pneumonia": -1.0, "Fracture": 0.0}
    label |= dict.fromkeys([n for n in NAMES.split(",") if n not in label])
    return {
        "df_chexpert_plus_240401.csv": _lines(
            head,
            f'{path},,Frontal,AP,patient00001,1,"whole","","SMALL EFFUSION. NO PNEUMOTHORAX.",'
            "68,Female,White,train",
            'valid/patient64541/study1/view1_frontal.jpg,,Frontal,PA,patient64541,1,"No edema.","","",7,M,'
            "W,valid",
        ),
        "chexbert_labels/impression_fixed.json": _lines(json.dumps(label)),
    }


def _mimic() -> Tree:
    studies = ((10000032, 50414267, "validate"), (10000764, 57375967, "train"), (10000898, 50771383, "test"))
    return {
        "mimic-cxr-2.0.0-chexpert.csv": _lines(
            f"subject_id,study_id,{NAMES},No Finding",
            *(f"{p},{s},{m}," for (p, s, _), m in zip(studies, MARKS, strict=True)),
        ),
        "mimic-cxr-2.0.0-split.csv": _lines(
            "dicom_id,study_id,subject_id,split", *(f"d{s},{s},{p},{x}" for p, s, x in studies)
        ),
        "mimic-cxr-2.0.0-metadata.csv": _lines(
            "dicom_id,subject_id,study_id,ViewPosition", *(f"d{s},{p},{s},PA" for p, s, _ in studies)
        ),
    }


def _mimic_reports() -> Tree:
    return {
        "files/p10/p10000032/s50414267.txt": REPORT.encode(),
        "files/p10/p10000764/s57375967.txt": b" IMPRESSION: \n\n No pneumonia.\n",
    }


def _cad() -> Tree:
    def entity(name: str, score: int, **more: Any) -> dict[str, Any]:
        return {
            "entity_name": name,
            "probability_score": score,
            "probability": "no ",
            "location": None,
            **more,
        }

    records = [
        {
            "study_id": str(50414267 + i),
            "subject_id": "10000032",
            "dicom_id": f"d{i}",
            "entity": [
                entity("pleural effusion", 3, location=["left"], level=["small"]),
                entity("pneumothorax", -3),
                entity("edema", 2),
            ],
        }
        for i in range(3)
    ]
    return {"cad_disease.json": json.dumps(records).encode()}


def _xml(i: int) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR{i}"/>'
        "<MedlineCitation><Article><Abstract>"
        '<AbstractText Label="INDICATION">cough</AbstractText>'
        '<AbstractText Label="FINDINGS">No pneumothorax. The heart is enlarged.</AbstractText>'
        '<AbstractText Label="IMPRESSION">Small left effusion.</AbstractText></Abstract></Article>'
        "</MedlineCitation><MeSH><major>Pleural Effusion/left/small</major><major>Cardiomegaly/mild</major>"
        f'</MeSH><parentImage id="CXR{i}_IM-0001"/></eCitation>'
    ).encode()


def _openi() -> Tree:
    return {f"{i}.xml": _xml(i) for i in range(3)}


def _openi_packed() -> Tree:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for i in range(3):
            info = tarfile.TarInfo(f"ecgen-radiology/{i}.xml")
            info.size = len(_xml(i))
            archive.addfile(info, io.BytesIO(_xml(i)))
    return {"NLMCXR_reports.tgz": held.getvalue()}


def _padchest() -> Tree:
    rows = [
        (f"i{i}.png", f"st{i}", f"p{i}", "PA", "x", t)
        for i, t in enumerate(
            (
                "[['pleural effusion', 'loc pleural', 'loc left'], ['normal']]",
                "['infiltrates', 'loc basal bilateral', 'cardiomegaly', 'loc cardiac']",
                "['normal']",
            )
        )
    ]
    lines = [f'{n},{a},7,{s},{p},{v},Physician,"{x}","{t}"' for n, (a, s, p, v, x, t) in enumerate(rows)]
    head = ",ImageID,ImageDir,StudyID,PatientID,Projection,MethodLabel,Labels,LabelsLocalizationsBySentence"
    return {"PADCHEST_test.csv": _lines(head, *lines)}


def _grounded() -> Tree:
    def finding(text: str, abnormal: bool, **more: Any) -> dict[str, Any]:
        blank = {"sentence_es": "", "boxes": [], "extra_boxes": [], "labels": [], "locations": []}
        return {"sentence_en": text, "abnormal": abnormal, "progression": None, **blank, **more}

    studies = [
        {
            "StudyID": f"st{i}",
            "ImageID": f"im{i}.png",
            "findings": [
                finding(
                    "Left pleural effusion.", True, labels=["pleural effusion"], boxes=[[0.6, 0.7, 0.9, 0.95]]
                ),
                finding("No pneumothorax.", False),
                finding("Atelectasis.", True, labels=["laminar atelectasis"], locations=["left"]),
            ],
        }
        for i in range(2)
    ]
    return {
        "grounded_reports_20240819.json": json.dumps(studies).encode(),
        "master_table.csv": _lines("StudyID,PatientID,split", "st0,p1,train", "st1,p2,validation"),
    }


def _rex() -> Tree:
    record = {
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
    return {"metadata/train_metadata_view_position.json": json.dumps({"0": record, "1": record}).encode()}


TAIL = ",0,{p},058Y,M,PA,2682,2749,0.143,0.143"
NIH = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


def _nih() -> Tree:
    rows: tuple[tuple[str, str], ...] = (
        ("00000001_000.png", "Cardiomegaly|Effusion"),
        ("00000001_001.png", "Hernia"),
    )
    rows = (*rows, ("00000002_000.png", "No Finding"))
    return {"Data_Entry_2017.csv": _lines(NIH, *(f"{i},{x}{TAIL.format(p=1)}" for i, x in rows))}


def _adjudicated() -> Tree:
    return {
        "labels.csv": _lines(
            f"{NIH},Fracture,Pneumothorax,Airspace opacity,Nodule or mass,Set Id",
            f"00000013_008.png,No Finding{TAIL.format(p=13)},NO,YES,YES,NO,test",
            f"00000013_009.png,No Finding{TAIL.format(p=13)},NO,NO,NO,YES,validation",
        )
    }


def _boxes() -> Tree:
    return {
        "BBox_List_2017.csv": _lines(
            "Image Index,Finding Label,Bbox [x,y,w,h],,,",
            "00013118_008.png,Atelectasis,225.0,547.0,86.7,79.1,,,",
            "00014716_007.png,Cardiomegaly,300,500,400,300,,,",
        )
    }


def _vindr() -> Tree:
    head = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max,width,height"
    box = "1400,1500,1900,1900,2000,2000"
    rows = [f"a,Pleural effusion,0,{r},{box}" for r in ("R1", "R2")] + ["a,No finding,14,R3,,,,,2000,2000"]
    return {"train.csv": _lines(head, *rows, *(f"b,No finding,14,R{r},,,,,9,9" for r in (1, 2, 3)))}


def _siim() -> Tree:
    mask = "102500 150 " + " ".join(["874 150"] * 30)
    return {"train-rle.csv": _lines("ImageId, EncodedPixels", f"a,{mask}", "b,-1")}


def _rsna() -> Tree:
    return {
        "stage_2_train_labels.csv": _lines(
            "patientId,x,y,width,height,Target", "a,100.0,600.0,200.0,200.0,1", "b,,,,,0", "c,,,,,0"
        ),
        "stage_2_detailed_class_info.csv": _lines(
            "patientId,class", "a,Lung Opacity", "b,Normal", "c,Normal"
        ),
    }


def _graphs() -> Tree:
    def graph(image: str) -> bytes:
        phrases = [["anatomicalfinding|yes|pleural effusion"], ["anatomicalfinding|no|pneumothorax"]]
        entry = {
            "bbox_name": "right lung",
            "name": "Right Lung",
            "attributes": phrases,
            "phrases": ["...", "..."],
            "sections": ["finalreport"] * 2,
            "severity_cues": [["severity|yes|mild"], []],
        }
        whole = {"image_id": image, "viewpoint": "PA", "patient_id": 10000032, "study_id": 50414267}
        return json.dumps({**whole, "objects": [], "attributes": [entry]}).encode()

    members = {f"scene_graph/d{i}_SceneGraph.json": graph(f"d{i}") for i in range(2)}
    return {"silver_dataset/scene_graph.zip": zip_of(members)}


def _graph_files() -> Tree:
    graph = {
        "image_id": "d1",
        "viewpoint": "AP",
        "patient_id": 10000032,
        "study_id": 50414267,
        "objects": [],
        "attributes": [
            {
                "bbox_name": "left lung",
                "name": "Left Lung",
                "attributes": [["anatomicalfinding|yes|pneumothorax"]],
                "phrases": ["..."],
                "sections": ["finalreport"],
                "severity_cues": [[]],
            }
        ],
    }
    return {"d1_SceneGraph.json": json.dumps(graph).encode()}


def _long_tail() -> Tree:
    head = (
        "dicom_id,subject_id,study_id,ViewPosition,ViewCodeSequence_CodeMeaning,fpath,Atelectasis,"
        "Calcification of the Aorta,Cardiomegaly,Lobar Atelectasis,Rib Fracture,Fracture,Infiltration,"
        "Pleural Effusion,Normal"
    )
    return {
        "train_labeled.csv": _lines(
            head,
            "d1,10000032,50414267,PA,,files/p10/p10000032/s50414267/d1.jpg,0,1,0,1,1,0,1,0,0",
            "d3,10000764,57375967,AP,,files/p10/p10000764/s57375967/d3.jpg,0,0,0,0,0,0,0,0,1",
        )
    }


def _maplez(study: str) -> bytes:
    return _lines(
        "subjectid_studyid,type_annotation,report,cardiomegaly,pleural effusion,lung edema,pneumothorax",
        f"{study},labels,,1,1,0,-3",
        f"{study},probability,,95,100,5,101",
        f"{study},severity,,1,3,-1,-1",
        f"{study},location,,-1,left base,-1,-1",
    )


def _brax() -> Tree:
    head = f",DicomPath,PngPath,PatientID,PatientSex,PatientAge,AccessionNumber,StudyDate,No Finding,{NAMES}"
    rows = [
        f"{i},d.dcm,images/id_{p}/Study_9/Series_1/image-{i}.png,{p},M,50,9,1,,{m},PA,100,100,X"
        for i, (p, m) in enumerate(zip("abc", MARKS, strict=True))
    ]
    return {"master_spreadsheet_update.csv": _lines(f"{head},ViewPosition,Rows,Columns,Manufacturer", *rows)}


TREES: dict[str, tuple[str, Tree]] = {
    "chexpert": ("chexpert", _chexpert()),
    "chexpert-plus": ("chexpert-plus", _plus()),
    "mimic-cxr": ("mimic-cxr", _mimic()),
    "mimic-cxr-reports": ("mimic-cxr-reports", _mimic_reports()),
    "mimic-cxr-reports, zip": ("mimic-cxr-reports", {"mimic-cxr-reports.zip": zip_of(_mimic_reports())}),
    "cad-chest": ("cad-chest", _cad()),
    "openi": ("openi", _openi()),
    "openi, tgz": ("openi", _openi_packed()),
    "padchest": ("padchest", _padchest()),
    "padchest-gr": ("padchest-gr", _grounded()),
    "nih": ("nih", _nih()),
    "nih-adjudicated": ("nih-adjudicated", _adjudicated()),
    "nih-boxes": ("nih-boxes", _boxes()),
    "vindr-cxr": ("vindr-cxr", _vindr()),
    "siim-acr": ("siim-acr", _siim()),
    "rsna-pneumonia": ("rsna-pneumonia", _rsna()),
    "chest-imagenome": ("chest-imagenome", _graph_files()),
    "chest-imagenome, zip": ("chest-imagenome", _graphs()),
    "cxr-lt": ("cxr-lt", _long_tail()),
    "maplez-mimic": ("maplez-mimic", {"mimic_llm_annotations.csv": _maplez("10000032_50414267")}),
    "maplez-nih": ("maplez-nih", {"nih_llm_annotations_test.csv": _maplez("00000013_008.png")}),
    "brax": ("brax", _brax()),
    "rexgradient": ("rexgradient", _rex()),
}
"""What it is -> (source, file -> content)."""
