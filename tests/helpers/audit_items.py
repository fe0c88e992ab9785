"""Datasets with known leaks, or none, made without the package's own designs."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nastdata.frames import config_schema

NAMES = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture"),
    *("Lung Lesion", "Lung Opacity", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax"),
    "Support Devices",
)
PLANES = (
    ((0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0)),
    ((0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 0)),
    ((0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1)),
)
Labels = tuple[int, int, int]


def name_key(*parts: object) -> str:
    """Return an id that tells nothing of what it names."""
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=6).hexdigest()


def word(names: Sequence[str], labels: Labels, style: int, affirmative: bool = False) -> str:
    absent = "normal {}" if affirmative else ("no {}", "{} absent", "without {}")[style % 3]
    present = ("{} present", "evidence of {}")[style // 3 % 2]
    said = [(present if one else absent).format(n.lower()) for n, one in zip(names, labels, strict=True)]
    return ", ".join(said) + "."


def make_item(
    key: str,
    patient: str,
    group: str,
    names: Sequence[str],
    options: Sequence[Labels],
    truth: Labels,
    style: int,
) -> dict[str, Any]:
    order = list(options)
    random.Random(key).shuffle(order)
    return {
        "item_id": key,
        "source": "made",
        "patient_id": patient,
        "study_id": f"study-{key}",
        "image_id": f"image-{key}",
        "image": None,
        "design": "balanced",
        "group_id": group,
        "conditions": list(names),
        "choice_labels": [list(o) for o in order],
        "question": "Which statement describes the film?",
        "negated_choices": [word(names, o, style) for o in order],
        "affirmative_choices": [word(names, o, style, affirmative=True) for o in order],
        "answer": "ABCD"[order.index(truth)],
        "plan_id": str(style),
        "realizer": "template",
        "split": "train",
    }


def frame_items(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={**config_schema("mednega"), "split": pl.String()}, orient="row")


def make_balanced(groups: int, seed: int = 0, patients: int | None = None) -> pl.DataFrame:
    """Groups of four items, one per truth; ``patients`` few enough link the groups."""
    rng = random.Random(seed)
    rows = []
    for g in range(groups):
        names = tuple(sorted(rng.sample(NAMES, 3)))
        plane, style = rng.choice(PLANES), rng.randrange(6)
        for i, truth in enumerate(plane):
            key = name_key(seed, g, i)
            patient = f"p{rng.randrange(patients)}" if patients else f"p{key}"
            rows.append(make_item(key, patient, f"g{g:05}", names, plane, truth, style))
    return frame_items(sorted(rows, key=lambda r: (r["group_id"], r["item_id"])))


def flip(truth: Labels, rng: random.Random) -> list[Labels]:
    """Three distinct random flips: of one, two or three labels, each as likely."""
    out: set[Labels] = set()
    while len(out) < 3:
        turned = rng.sample(range(3), rng.randint(1, 3))
        out.add(tuple(1 - x if i in turned else x for i, x in enumerate(truth)))  # type: ignore[arg-type]
    return sorted(out)


def make_paper(studies: Sequence[tuple[str, dict[str, int]]], seed: int = 0) -> pl.DataFrame:
    """Items in the paper's manner from (patient, definite labels); one group each."""
    rng = random.Random(seed)
    rows = []
    for i, (patient, labels) in enumerate(studies):
        names = tuple(sorted(rng.sample(sorted(labels), 3)))
        truth: Labels = tuple(labels[n] for n in names)  # type: ignore[assignment]
        options = [truth, *flip(truth, rng)]
        row = make_item(f"{i:05}", patient, f"g{i:05}", names, options, truth, rng.randrange(6))
        rows.append({**row, "design": "paper"})
    return frame_items(rows)


def draw_studies(n: int, seed: int = 0) -> list[tuple[str, dict[str, int]]]:
    """Synthetic studies with uneven prevalences."""
    rng = random.Random(seed)
    rates = {name: (i + 0.5) / len(NAMES) for i, name in enumerate(NAMES)}
    return [(f"p{i % (n * 3 // 4)}", {k: int(rng.random() < r) for k, r in rates.items()}) for i in range(n)]


def read_eligible(folder: Path) -> list[tuple[str, dict[str, int]]]:
    """Studies of the real CheXpert file that the paper's design may use."""
    frame = pl.read_csv(folder / "chexpert_train.csv.gz", infer_schema_length=0)
    frame = frame.with_columns(pl.col("Path").str.extract(r"(patient\d+/study\d+)").alias("study"))
    frame = frame.unique("study", keep="first", maintain_order=True)
    out = []
    for row in frame.to_dicts():
        labels = {n: int(float(row[n])) for n in NAMES if row[n] not in (None, "") and float(row[n]) >= 0}
        normal = row["No Finding"] not in (None, "") and float(row["No Finding"]) == 1
        present = sum(labels.values())
        if present >= 2 and len(labels) - present >= 3 and not normal:
            out.append((row["study"].split("/")[0], labels))
    return out


Claim = tuple[str, str, str | None, str | None]


def word_claim(claim: Claim) -> str:
    condition, existence, place, grade = claim
    noun = " ".join(x for x in (grade, condition.lower()) if x)
    where = f" in the {place}" if place else ""
    return f"There is {'no ' if existence == 'absent' else ''}{noun}{where}."


def make_claim_set(key: str, group: str, family: Sequence[Claim], truth: Claim) -> dict[str, Any]:
    order = list(family)
    random.Random(key).shuffle(order)
    return {
        "set_id": key,
        "source": "made",
        "patient_id": f"p{key}",
        "study_id": f"study-{key}",
        "image_id": f"image-{key}",
        "image": None,
        "condition": truth[0],
        "negation_type": "existence",
        "set_kind": "same_condition",
        "claims": [word_claim(c) for c in order],
        "claim_facts": [
            dict(zip(("condition", "existence", "location", "severity"), c, strict=True)) for c in order
        ],
        "claim_negations": ["existence" if c[1] == "absent" else "none" for c in order],
        "altered": [None if c == truth else "location" for c in order],
        "answer": order.index(truth),
        "group_id": group,
        "realizer": "template",
        "split": "train",
    }


def frame_sets(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    schema = {**config_schema("contextual_claims"), "split": pl.String()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def make_claims(groups: int, choose: Callable[[list[Claim], random.Random], Sequence[Claim]]) -> pl.DataFrame:
    """Claim sets on families of five; ``choose`` says which of a family are the truths of its sets."""
    rng = random.Random(1)
    places = [
        f"{s} {r}" for s, r in itertools.product(("left", "right"), ("upper lobe", "lower lobe", "base"))
    ]
    rows = []
    for g in range(groups):
        name = rng.choice(NAMES)
        family: list[Claim] = [(name, "absent", None, None)]
        family += [(name, "present", p, None) for p in rng.sample(places, 4)]
        for i, truth in enumerate(choose(family, rng)):
            rows.append(make_claim_set(name_key("claims", g, i), f"g{g:05}", family, truth))
    return frame_sets(sorted(rows, key=lambda r: (r["group_id"], r["set_id"])))
