"""Rows of every config for tests, made without any code of the stages that make real ones."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import strategies as st

FACT = pl.Struct({k: pl.String for k in ("condition", "existence", "location", "severity")})
QUALIFIED = pl.Struct({**{f.name: f.dtype for f in FACT.fields}, "qualifier": pl.String})
STUDY = {k: pl.String for k in ("source", "patient_id", "study_id", "image_id", "image")}
SCHEMAS: dict[str, dict[str, Any]] = {
    "mednega": {
        "item_id": pl.String,
        **STUDY,
        "design": pl.String,
        "group_id": pl.String,
        "conditions": pl.List(pl.String),
        "choice_labels": pl.List(pl.List(pl.Int64)),
        "question": pl.String,
        "negated_choices": pl.List(pl.String),
        "affirmative_choices": pl.List(pl.String),
        "answer": pl.String,
        "plan_id": pl.String,
        "realizer": pl.String,
    },
    "contextual_claims": {
        "set_id": pl.String,
        **STUDY,
        "condition": pl.String,
        "negation_type": pl.String,
        "set_kind": pl.String,
        "claims": pl.List(pl.String),
        "claim_facts": pl.List(FACT),
        "claim_negations": pl.List(pl.String),
        "altered": pl.List(pl.String),
        "answer": pl.Int64,
        "group_id": pl.String,
        "realizer": pl.String,
    },
    "contextual_captions": {
        "caption_id": pl.String,
        **STUDY,
        "caption": pl.String,
        "polarity": pl.String,
        "negation_type": pl.String,
        "fact": QUALIFIED,
        "realizer": pl.String,
    },
    "probes": {
        "pair_id": pl.String,
        **STUDY,
        **{k: pl.String for k in ("condition", "correct", "foil", "negation_in")},
    },
    "opposition": {
        "pair_id": pl.String,
        **STUDY,
        **{k: pl.String for k in ("prompt", "distractor_image_id", "distractor_image", "distractor_prompt")},
        **{k: pl.String for k in ("condition", "style", "polarity")},
    },
}
"""The contract's columns, written down a second time on purpose."""
REJECTS = {k: pl.String for k in ("stage", "reason", "source", "key", "text")}
CONDITIONS = ("Edema", "Pneumonia", "Fracture", "Cardiomegaly", "Pneumothorax")
SPLIT = ("train", "train", "train", "validation", "test")


def make_row(config: str, i: int, text: str = "No pulmonary edema.") -> dict[str, Any]:
    """Return one plausible row."""
    source = ("chexpert", "openi")[i % 2]
    study = {"source": source, "patient_id": f"p{i}", "study_id": f"s{i}", "image_id": f"i{i}"}
    study["image"] = None if i % 7 == 3 else f"CheXpert-v1.0-small/train/p{i}/view1.jpg"
    condition = CONDITIONS[i % 5]
    fact = {"condition": condition, "existence": "present", "location": "left lung", "severity": None}
    absent = {"condition": condition, "existence": "absent", "location": None, "severity": None}
    rows: dict[str, dict[str, Any]] = {
        "mednega": {
            "item_id": f"m{i}",
            "design": "balanced",
            "group_id": f"g{i // 4}",
            "conditions": [CONDITIONS[(i + k) % 5] for k in range(3)],
            "choice_labels": [[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1]],
            "question": "Which of these fits the film?",
            "negated_choices": [text, "No edema and fracture seen.", "Edema without fracture.", "Edema."],
            "affirmative_choices": ["A.", "Normal vascularity and fracture seen.", "C.", "Edema."],
            "answer": "ABCD"[i % 4],
            "plan_id": "plan 1",
            "realizer": "template",
        },
        "contextual_claims": {
            "set_id": f"c{i}",
            "condition": condition,
            "negation_type": ("existence", "location", "severity")[i % 3],
            "set_kind": "same_condition",
            "claims": [text, f"Claim two of {i}.", "Claim three.", "Claim four.", "Claim five."],
            "claim_facts": [absent, fact, fact, fact, fact],
            "claim_negations": ["existence", "none", "none", "none", "none"],
            "altered": [None, "existence", "existence", "location", "location"],
            "answer": 0,
            "group_id": f"g{i}",
            "realizer": "template",
        },
        "contextual_captions": {
            "caption_id": f"k{i}",
            "caption": text,
            "polarity": "negated" if i % 2 else "affirmative",
            "negation_type": "existence" if i % 2 else "none",
            "fact": {**(absent if i % 2 else fact), "qualifier": None},
            "realizer": "template",
        },
        "probes": {
            "pair_id": f"r{i}",
            "condition": condition,
            "correct": text,
            "foil": "There is edema.",
            "negation_in": "correct",
        },
        "opposition": {
            "pair_id": f"o{i}",
            "prompt": text,
            "distractor_image_id": f"i{i + 1}",
            "distractor_image": f"CheXpert-v1.0-small/train/p{i + 1}/view1.jpg",
            "distractor_prompt": "edema",
            "condition": condition,
            "style": "natural",
            "polarity": "negative",
        },
    }
    return {**study, **rows[config], "split": SPLIT[i % 5]}


def make_frame(config: str, n: int, text: str = "No pulmonary edema.") -> pl.DataFrame:
    """Return ``n`` plausible rows."""
    schema = {**SCHEMAS[config], "split": pl.String}
    return pl.DataFrame([make_row(config, i, text) for i in range(n)], schema=schema)


def make_frames(n: int, text: str = "No pulmonary edema.") -> dict[str, pl.DataFrame]:
    """Return ``n`` rows of every config."""
    return {config: make_frame(config, n, text) for config in SCHEMAS}


def make_rejects(n: int = 3, text: str | None = "Edema, no fracture.") -> pl.DataFrame:
    """Return some rejects of two reasons."""
    rows = [
        {"stage": "text", "reason": f"reason {i % 2}", "source": "chexpert", "key": f"m{i}", "text": text}
        for i in range(n)
    ]
    return pl.DataFrame(rows, schema=REJECTS)


def make_terms(publish: str = "private", licence: str = "Some Agreement") -> dict[str, Any]:
    """Return a source's terms as a manifest holds them."""
    return {
        "licence": licence,
        "may_leave_machine": publish == "yes",
        "may_publish": publish,
        "citation": f"Somebody et al., {licence}",
        "url": "https://example.org/terms",
        "note": "A note on quality.",
    }


def make_manifest(kind: str = "mednega") -> dict[str, Any]:
    """Return what a pipeline hands over."""
    solvers = [
        {"name": name, "config": "mednega", "subset": "all", "reads": "negated", "accuracy": a}
        | {"low": a - 0.01, "high": a + 0.01, "chance": 0.25, "n": 1000, "above_chance": a > 0.3}
        for name, a in (("structure", 0.249), ("n-grams", 0.81))
    ]
    files = [{"name": "train.csv.gz", "sha256": "a" * 64, "rows": 100}]
    return {
        "nastdata": "0.1.0",
        "git_revision": None,
        "libraries": {"polars": "2"},
        "recipe": {"recipe": kind, "design": "balanced", "writer": {"realizer": "template"}},
        "fingerprint": "f" * 64,
        "seed": 0,
        "ontology": {
            "name": "chest_xray",
            "version": 1,
            "sha256": "0" * 64,
            "review": {"status": "not reviewed by a radiologist", "reviewed_by": [], "notes": ["all ours"]},
        },
        "sources": [
            {"name": "chexpert", "title": "CheXpert", "one_report_one_patient": False}
            | {"terms": make_terms("private"), "files": files},
            {"name": "openi", "title": "Open-i", "one_report_one_patient": True}
            | {"terms": make_terms("yes", "cc-by-nc-nd-4.0"), "files": []},
        ],
        "counts": {
            "sources": {
                "chexpert": {
                    "rows_in": 100,
                    "used": 90,
                    "rejected": 4,
                    "left_out": {"uncertain": 6},
                    "report": {},
                }
            },
            "design": {"items": 50},
            "text": {},
            "rejects": {},
        },
        "audit": {
            "solvers": solvers,
            "balance": {"mednega": {"answers": {"A": 0.25}}},
            "leakage": {},
            "verdict": {"passed": True, "warnings": ["n-grams get far"]},
        },
        "ledger": {"calls": 12, "cost": None},
    }


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
MAYBE = st.none() | TEXT


def _values(dtype: Any) -> st.SearchStrategy[Any]:
    if isinstance(dtype, pl.List):
        return st.lists(_values(dtype.inner), max_size=4)
    if isinstance(dtype, pl.Struct):
        return st.fixed_dictionaries({f.name: _values(f.dtype) for f in dtype.fields})
    return st.none() | st.integers(-(2**63), 2**63 - 1) if dtype == pl.Int64 else MAYBE


@st.composite
def frames_of(draw: st.DrawFn, config: str) -> pl.DataFrame:
    """Any rows of a config's types, nulls and strange characters included."""
    schema = SCHEMAS[config]
    row = st.fixed_dictionaries(
        {
            **{k: _values(t) for k, t in schema.items()},
            "split": st.sampled_from(("train", "validation", "test")),
        }
    )
    return pl.DataFrame(draw(st.lists(row, max_size=6)), schema={**schema, "split": pl.String})
