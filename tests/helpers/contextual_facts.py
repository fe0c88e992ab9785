"""Small fact frames with places and grades for the tests of the contextual designs."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import polars as pl

from nastdata.design.contextual.states import StudyState, logic_of
from nastdata.frames import FACTS_SCHEMA
from nastdata.ontology import Ontology, load_ontology
from nastdata.recipe import ContextualRecipe
from nastdata.records import PAIR, Denial, Fact

SCHEMA = {**FACTS_SCHEMA, "split": pl.String()}


def make_facts(ontology: Ontology, studies: int, seed: int, conditions: int = 4) -> pl.DataFrame:
    """Draw studies of some conditions: absent, unlocated, located (now and then twice), graded or unknown."""
    rng = random.Random(seed)
    lung = ["Consolidation", "Pneumonia", "Atelectasis", "Pleural Effusion", "Pneumothorax", "Cardiomegaly"]
    places = [f"right {part} lobe" for part in ("upper", "middle", "lower")]
    places += ["left upper lobe", "left lower lobe"]
    rows = []
    for i in range(studies):
        patient = f"p{i // 2:05d}"
        split = ("train", "validation", "test")[i // 2 % 3]
        for condition in lung[:conditions]:
            possible = ontology.condition_by_name[condition].places
            own = [p for p in places if p in possible] or ["right", "left", "bilateral"]
            kind = rng.random()
            said: list[tuple[str, str | None, str | None]] = []
            if kind < 0.35:
                said = [("absent", None, None)]
            elif kind < 0.9:
                grade = rng.choice([None, *ontology.grades(condition)])
                for _ in range(1 if rng.random() < 0.8 else 2):
                    place = rng.choice([*own, "left"]) if possible and rng.random() < 0.9 else None
                    said.append(("present", place, grade))
            for existence, place, grade in said:
                key = ("toy", patient, f"s{i:05d}", f"i{i:05d}", f"i{i:05d}.png", None, PAIR)
                rows.append((*key, condition, existence, place, grade, None, split))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").unique(maintain_order=True)


def recipe(**settings: Any) -> ContextualRecipe:
    return ContextualRecipe.model_validate({"recipe": "contextual", **settings})


def as_fact(struct: dict[str, Any], negation: str) -> Fact:
    """Turn a struct of a row and its negation type into a fact."""
    kinds: dict[str, Denial] = {"location": "location", "severity": "severity"}
    return Fact(**struct, denies=kinds.get(negation) if struct["existence"] == "present" else None)


def claims_of(row: dict[str, Any]) -> list[Fact]:
    return [as_fact(f, n) for f, n in zip(row["claim_facts"], row["claim_negations"], strict=True)]


def states_of(facts: pl.DataFrame) -> dict[str, StudyState]:
    by_study: dict[str, list[Fact]] = defaultdict(list)
    for r in facts.iter_rows(named=True):
        by_study[r["study_id"]].append(Fact(r["condition"], r["existence"], r["location"], r["severity"]))
    return {s: logic_of(load_ontology("chest_xray")).read_study(f) for s, f in by_study.items()}
