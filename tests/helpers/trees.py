"""A made-up MIMIC-CXR-JPG and CAD-Chest tree with the real layout and vocabulary, and no real content.

    python tests/helpers/trees.py FOLDER --studies 227827

writes FOLDER/physionet.org/files/mimic-cxr-jpg/2.1.0/*.csv.gz and .../cad-chest/1.0/cad_disease.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from dataclasses import dataclass
from pathlib import Path

LABELS = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture"),
    *("Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia"),
    *("Pneumothorax", "Support Devices"),
)
VIEWS = ("PA", "AP", "LATERAL", "LL", "", "AP AXIAL", "SWIMMERS")
DISEASES = (
    *("pneumothorax", "atelectasis", "edema", "pleural effusion", "lung opacity", "consolidation"),
    *("pleural thickening", "pneumonia", "emphysema", "fracture", "cardiomegaly", "vascular congestion"),
    *("enlargement of the cardiac silhouette", "tortuosity of the descending aorta ", "heart failure"),
)
PLACES: tuple[list[str] | None, ...] = (
    *(None,) * 12,
    *(["left"], ["right"], ["bilateral"], ["right", "basal"], ["left lower lobe"], ["right left"]),
    *(["bibasilar"], ["retrocardiac"], ["right-sided"], ["apicolateral", "right"], ["mid to lower"]),
)
LEVELS: tuple[list[str] | None, ...] = (
    *(None,) * 6,
    *(["small"], ["mild"], ["moderate"], ["severe"], ["increasing"], ["mild to moderate"], ["acute"]),
)
WORDS = (("positive", 3), ("no ", -3), ("without", -3), ("likely", 2), ("may", 2), ("unlikely", -2))


@dataclass(frozen=True)
class Tree:
    """Where the made-up corpora are."""

    root: Path
    mimic: Path
    cad: Path


def make_tree(root: Path, studies: int, seed: int = 0, version: str = "2.1.0", packed: bool = True) -> Tree:
    """Write the tree: about three studies a patient, 1 to 3 images a study, 6.6 mentions a study."""
    rng = random.Random(seed)
    tree = Tree(
        root,
        root / "physionet.org" / "files" / "mimic-cxr-jpg" / version,
        root / "physionet.org" / "files" / "cad-chest" / "1.0" / "cad_disease.json",
    )
    tree.mimic.mkdir(parents=True)
    tree.cad.parent.mkdir(parents=True)
    labels = [",".join(("subject_id", "study_id", *LABELS))]
    split = ["dicom_id,study_id,subject_id,split"]
    head = (
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate"
    )
    metadata = [head + ",StudyTime"]
    subject = 10_000_000
    # Real labels repeat: most studies share a few thousand label vectors, the common ones many times.
    vectors = [
        rng.choices(("", "1.0", "0.0", "-1.0"), (0.7, 0.16, 0.1, 0.04), k=len(LABELS))
        for _ in range(min(6000, studies))
    ]
    with tree.cad.open("w", encoding="utf-8") as cad:
        cad.write("[")
        for i in range(studies):
            if i == 0 or rng.random() < 0.35:
                subject += rng.randrange(1, 90)
                part = rng.choices(("train", "validate", "test"), (0.96, 0.02, 0.02))[0]
            study = 50_000_000 + 37 * i
            cells = vectors[int(len(vectors) * rng.random() ** 2)]
            labels.append(f"{subject},{study},{','.join(cells)}")
            dicom = ""
            for _ in range(rng.choice((1, 1, 2, 2, 3))):
                dicom = "-".join(f"{rng.getrandbits(32):08x}" for _ in range(5))
                split.append(f"{dicom},{study},{subject},{part}")
                view = rng.choice(VIEWS)
                metadata.append(
                    f"{dicom},{subject},{study},CHEST (PA AND LAT),{view},3056,2544,21800506,213014.53"
                )
            record = _record(rng, subject, study, dicom)
            cad.write((",\n" if i else "") + json.dumps(record))
        cad.write("]")
    for kind, lines in (("chexpert", labels), ("split", split), ("metadata", metadata)):
        data = ("\n".join(lines) + "\n").encode()
        name = f"mimic-cxr-{'2.0.0' if version == '2.0.0' else version}-{kind}.csv"
        if packed:
            (tree.mimic / f"{name}.gz").write_bytes(gzip.compress(data, compresslevel=1, mtime=0))
        else:
            (tree.mimic / name).write_bytes(data)
    return tree


def _record(rng: random.Random, subject: int, study: int, dicom: str) -> dict[str, object]:
    entities = []
    for i in range(rng.randrange(2, 12)):
        word, score = rng.choice(WORDS)
        entities.append(
            {
                "id": i,
                "entity_name": rng.choice(DISEASES),
                "report_name": "as written",
                "location": rng.choice(PLACES),
                "type": None,
                "level": rng.choice(LEVELS),
                "post_location": None,
                "location2": None,
                "type2": None,
                "level2": None,
                "post_location2": None,
                "infer": [],
                "derived_from": [],
                "probability": word,
                "probability_score": score,
            }
        )
    return {
        "study_id": str(study),
        "subject_id": str(subject),
        "dicom_id": dicom,
        "view": "antero-posterior",
        "study_order": 1,
        "entity": entities,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print(make_tree(chosen.folder, chosen.studies, chosen.seed))
