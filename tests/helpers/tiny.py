"""A tiny dataset in our columns, written without our writer, with films to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nastdata.frames import config_schema
from nastdata.images.phantom import encode_png, render
from nastdata.records import Fact
from nastdata.seeded import draw_int

CONDITIONS = {"Edema": "edema", "Pneumothorax": "pneumothorax", "Pleural Effusion": "pleural effusion"}
PLANE = [[0, 0, 1], [0, 1, 0], [1, 0, 1], [1, 1, 0]]
STUDIES = 48


def split_of(i: int) -> str:
    return ("train", "train", "validation", "test")[i % 4]


def labels_of(i: int) -> list[int]:
    return [*PLANE[(i // 4) % 4]]


def base(i: int) -> dict[str, Any]:
    study = {"source": "tiny", "patient_id": f"p{i:03}", "study_id": f"s{i:03}", "image_id": f"i{i:03}"}
    return {**study, "image": f"films/i{i:03}.png", "split": split_of(i)}


def fact(condition: str, present: bool, side: str | None = None) -> dict[str, Any]:
    existence = "present" if present else "absent"
    return {"condition": condition, "existence": existence, "location": side, "severity": None}


def side_of(i: int) -> str:
    return ("left", "right")[draw_int(0, i) % 2]


def make_rows() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {
        k: [] for k in ("probes", "contextual_captions", "contextual_claims", "mednega", "opposition")
    }
    for i in range(STUDIES):
        for c, (condition, name) in enumerate(CONDITIONS.items()):
            present = bool(labels_of(i)[c])
            here, none = f"There is severe {name}.", f"There is no {name}."
            rows["probes"].append(
                base(i)
                | {"pair_id": f"{i}-{c}", "condition": condition, "correct": here if present else none}
                | {"foil": none if present else here, "negation_in": "foil" if present else "correct"}
            )
            side = side_of(i) if present else None
            text = f"There is {name} on the {side}." if present else none
            rows["contextual_captions"].append(
                base(i)
                | {"caption_id": f"{i}-{c}", "caption": text, "fact": fact(condition, present, side)}
                | {"polarity": "affirmative" if present else "negated", "realizer": "template"}
                | {"negation_type": "none" if present else "existence"}
            )
            claims = [none, f"There is {name} on the left.", f"There is {name} on the right."]
            facts = [fact(condition, False), fact(condition, True, "left"), fact(condition, True, "right")]
            answer = 0 if not present else 1 + (side == "right")
            rows["contextual_claims"].append(
                base(i)
                | {"set_id": f"{i}-{c}", "condition": condition, "claims": claims, "claim_facts": facts}
                | {"negation_type": "existence" if not present else "location", "answer": answer}
                | {
                    "claim_negations": ["existence", "none", "none"],
                    "altered": [None, "existence", "location"],
                }
                | {"set_kind": "same_condition", "group_id": str(c), "realizer": "template"}
            )
            rows["opposition"].append(
                base(i)
                | {"pair_id": f"{i}-{c}", "prompt": f"There is {name}." if present else none}
                | {"distractor_prompt": none if present else f"There is {name}.", "condition": condition}
                | {"distractor_image": f"films/i{opposite(i, c):03}.png", "distractor_image_id": "x"}
                | {"style": "structured", "polarity": "positive" if present else "negative"}
            )
        rows["mednega"].append(base(i) | make_question(i))
    return rows


def opposite(i: int, c: int) -> int:
    return next(
        j for j in range(STUDIES) if split_of(j) == split_of(i) and labels_of(j)[c] != labels_of(i)[c]
    )


def make_question(i: int) -> dict[str, Any]:
    names = list(CONDITIONS.values())
    other = ["normal pulmonary vascularity", "fully expanded lungs", "sharp costophrenic angles"]
    negated = [", ".join(n if on else f"no {n}" for n, on in zip(names, o, strict=True)) + "." for o in PLANE]
    plain = [", ".join(n if on else a for n, a, on in zip(names, other, o, strict=True)) + "." for o in PLANE]
    truth = PLANE.index(labels_of(i))
    member = [j for j in range(STUDIES) if split_of(j) == split_of(i) and labels_of(j) == labels_of(i)].index(
        i
    )
    return {
        "item_id": f"q{i}",
        "design": "balanced",
        "group_id": f"{split_of(i)}-{member}",
        "conditions": list(CONDITIONS),
        "choice_labels": PLANE,
        "question": "Which is right?",
        "negated_choices": negated,
        "affirmative_choices": plain,
        "answer": "ABCD"[truth],
        "plan_id": "x",
        "realizer": "template",
    }


def write_films(root: Path, size: int = 48) -> None:
    (root / "films").mkdir(parents=True)
    for i in range(STUDIES):
        shown = [
            Fact(c, "present", None if c == "Edema" else side_of(i), "severe" if c == "Edema" else "large")
            for c, on in zip(CONDITIONS, labels_of(i), strict=True)
            if on
        ]
        (root / "films" / f"i{i:03}.png").write_bytes(encode_png(render(shown, i, size)))


def write_dataset(folder: Path) -> Path:
    for config, rows in make_rows().items():
        frame = pl.DataFrame(rows, schema={**config_schema(config), "split": pl.String()})
        (folder / "data" / config).mkdir(parents=True)
        for split in ("train", "validation", "test"):
            part = frame.filter(pl.col("split") == split).drop("split")
            part.write_parquet(folder / "data" / config / f"{split}-00000-of-00001.parquet")
    return folder


def spread(values: np.ndarray) -> float:
    return float(values.max() - values.min())
