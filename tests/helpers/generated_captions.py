"""Reports with planted errors, and the labels or facts that they are judged by.

The sentences are plain enough to be beyond doubt, so that every error that is found was planted, and every
planted one has to be found.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

PLACED = {
    "Pleural Effusion": ("pleural effusion", ("left", "right"), ("small", "large")),
    "Pneumothorax": ("pneumothorax", ("left", "right"), ("small", "large")),
    "Consolidation": ("consolidation", ("left lower lobe", "right lower lobe"), ("mild", "severe")),
    "Atelectasis": ("atelectasis", ("left lung base", "right lung base"), ("mild", "severe")),
}
PLAIN = {"Cardiomegaly": "cardiomegaly", "Edema": "pulmonary edema", "Fracture": "fracture"}
NAMES = [*PLACED, *PLAIN]
ERRORS = ("deny", "invent", "side", "grade", "omit", "add")


@dataclass(frozen=True)
class Truth:
    """One finding of a study."""

    condition: str
    present: bool
    place: str | None = None
    grade: str | None = None


@dataclass
class Study:
    """A study, and what each model wrote about it."""

    key: str
    patient: str
    truths: list[Truth]
    texts: dict[str, str] = field(default_factory=dict)


def draw_studies(many: int, seed: int, per_patient: int = 2) -> list[Study]:
    rng = random.Random(seed)
    out = []
    for i in range(many):
        conditions = rng.sample(NAMES, rng.randint(2, 4))
        truths = []
        for c in conditions:
            present = rng.random() < 0.5
            if present and c in PLACED:
                _, places, grades = PLACED[c]
                truths.append(Truth(c, True, rng.choice(places), rng.choice(grades)))
            else:
                truths.append(Truth(c, present))
        out.append(Study(f"{50_000_000 + i}", f"{10_000_000 + i // per_patient}", truths))
    return out


def write(study: Study, rates: dict[str, float], rng: random.Random, planted: Counter[str]) -> str:
    """Word a study with errors at given rates; what was planted is counted."""
    said: list[Truth] = []
    for t in study.truths:
        u = rng.random()
        if u < rates.get("omit", 0):
            planted["omit_present" if t.present else "omit_absent"] += 1
            continue
        u = rng.random()
        if t.present and u < rates.get("deny", 0):
            planted["deny"] += 1
            said.append(Truth(t.condition, False))
        elif not t.present and u < rates.get("invent", 0):
            planted["invent"] += 1
            said.append(Truth(t.condition, True))
        elif t.place and (u := rng.random()) < rates.get("side", 0):
            planted["side"] += 1
            said.append(Truth(t.condition, True, _other(PLACED[t.condition][1], t.place), t.grade))
        elif t.grade and u < rates.get("side", 0) + rates.get("grade", 0):
            planted["grade"] += 1
            said.append(Truth(t.condition, True, t.place, _other(PLACED[t.condition][2], t.grade)))
        else:
            said.append(t)
    if rng.random() < rates.get("add", 0):
        free = [n for n in NAMES if n not in {t.condition for t in study.truths}]
        planted["add"] += 1
        said.append(Truth(rng.choice(free), rng.random() < 0.5))
    planted["said"] += len(said)
    return " ".join(sentence(t, rng) for t in said)


def _other(pair: tuple[str, ...], one: str) -> str:
    return pair[1] if one == pair[0] else pair[0]


def sentence(t: Truth, rng: random.Random) -> str:
    name = PLACED[t.condition][0] if t.condition in PLACED else PLAIN[t.condition]
    if not t.present:
        return rng.choice([f"There is no {name}.", f"No {name} is seen.", f"No evidence of {name}."])
    if t.place is None:
        return rng.choice([f"{name.capitalize()} is present.", f"{name.capitalize()} is seen."])
    at = (
        f"on the {t.place}"
        if " " not in t.place
        else f"at the {t.place}"
        if "base" in t.place
        else f"in the {t.place}"
    )
    return f"{t.grade.capitalize() if t.grade else ''} {name} is seen {at}.".strip()


def label_rows(studies: list[Study]) -> list[dict[str, str]]:
    """CheXpert-style rows."""
    out = []
    for s in studies:
        row = dict.fromkeys(["subject_id", "study_id", *NAMES], "")
        row |= {"subject_id": s.patient, "study_id": s.key}
        row |= {t.condition: "1.0" if t.present else "0.0" for t in s.truths}
        out.append(row)
    return out


def fact_rows(studies: list[Study]) -> list[dict[str, object]]:
    """One record a study, with its facts."""
    return [
        {
            "study_id": s.key,
            "facts": [
                {
                    "condition": t.condition,
                    "existence": "present" if t.present else "absent",
                    "location": t.place,
                    "severity": t.grade,
                }
                for t in s.truths
            ],
        }
        for s in studies
    ]
