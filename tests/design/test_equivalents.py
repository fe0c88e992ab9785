"""What options deny: never what they say themselves, nor what is known of the study that they fit."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nastdata.design.mednega.denials import list_denials, pick_phrase, weigh_evidence
from nastdata.design.mednega.design import design_mednega
from nastdata.design.mednega.label_masks import read_studies
from nastdata.design.mednega.strata import class_visits, sort_into_strata
from nastdata.errors import UserError
from nastdata.ontology import Ontology, load_ontology
from nastdata.recipe import MednegaRecipe, check_recipe

NAMES = ("Opacity", "Consol", "Edema", "Heart", "Air", "Rib")
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PHRASES: dict[str, list[list[str]]] = {
    # what each phrase excludes beside its own finding
    "Opacity": [["Air"], []],
    "Consol": [["Edema"], ["Heart"], ["Opacity", "Rib"]],  # none of them denies less than the others
    "Edema": [[]],
    "Heart": [[], ["Rib"]],
    "Air": [["Consol"], ["Edema"]],
    "Rib": [[]],
}
BELOW = {"Opacity": {"Consol", "Edema"}}


def make_ontology() -> Ontology:
    return Ontology.model_validate(
        {
            "name": "small",
            "version": 1,
            "subject": {"text": "image", "article": "an"},
            "review": {"status": "made up"},
            "conditions": [
                {
                    "name": n,
                    "text": n.lower(),
                    "parents": [p for p, below in BELOW.items() if n in below],
                    "excludes": ["Air"] if n == "Rib" else [],
                    "affirmative": [
                        {"text": f"good {n.lower()} {i}", "excludes": x} for i, x in enumerate(PHRASES[n])
                    ],
                }
                for n in NAMES
            ],
        }
    )


def deny(*names: str) -> set[str]:
    return set(names).union(*(BELOW.get(n, set()) for n in names))


def label_frame(rows: list[tuple[int | None, ...]], names: tuple[str, ...] = NAMES) -> pl.DataFrame:
    keys = {
        "source": ["made"] * len(rows),
        "patient_id": [f"p{i}" for i in range(len(rows))],
        "study_id": [f"p{i}/s" for i in range(len(rows))],
        "image_id": ["i"] * len(rows),
        "image": [None] * len(rows),
        "split": ["train"] * len(rows),
    }
    text = dict.fromkeys(keys, pl.String())
    labels = dict(zip(names, zip(*rows, strict=True), strict=True))
    return pl.DataFrame({**keys, **labels}, schema={**text, **dict.fromkeys(names, pl.Int8())})


@st.composite
def label_rows(draw: Any) -> list[tuple[int | None, ...]]:
    rng = random.Random(draw(st.integers(0, 10**9)))
    known = draw(st.sampled_from([0.5, 0.8, 1.0]))
    pool = [
        tuple(rng.choice((1, 0)) if rng.random() < known else rng.choice((None, -1)) for _ in NAMES)
        for _ in range(draw(st.sampled_from([20, 90])))
    ]
    return [rng.choice(pool) for _ in range(draw(st.integers(40, 200)))]


def list_said(row: dict[str, Any], at: int) -> tuple[set[str], set[str], set[str]]:
    """Return (present, denied by name, denied by phrase) of an option, from this file's own tables."""
    present, by_name, by_phrase = set(), set(), set()
    told = zip(row["conditions"], row["choice_labels"][at], row["choice_phrases"][at], strict=True)
    for name, label, phrase in told:
        if label:
            present.add(name)
        else:
            by_name |= deny(name, *(["Air"] if name == "Rib" else []))
            by_phrase |= deny(name, *PHRASES[name][phrase])
    return present, by_name, by_phrase


@FEW
@given(rows=label_rows(), strict=st.booleans(), seed=st.integers(0, 3))
def test_options_deny_nothing_that_they_or_their_study_say(
    rows: list[tuple[int | None, ...]], strict: bool, seed: int
) -> None:
    recipe = MednegaRecipe(recipe="mednega", seed=seed, equivalents="strict" if strict else "open")
    try:
        made = design_mednega(label_frame(rows), make_ontology(), recipe)
    except UserError:
        return
    strictly = 0
    for row in made.frame.to_dicts():
        for at in range(4):
            present, by_name, by_phrase = list_said(row, at)
            assert not present & (by_name | by_phrase), row
        labels = dict(zip(NAMES, rows[int(row["patient_id"][1:])], strict=True))
        possible = {n for n, v in labels.items() if v in (1, -1)}
        absent = {n for n, v in labels.items() if v == 0}
        present, by_name, by_phrase = list_said(row, "ABCD".index(row["answer"]))
        assert not possible & (by_name | by_phrase), row
        assert not any(absent & {p} and present & below for p, below in BELOW.items()), row
        known = deny(*absent) - possible
        strictly += (by_name | by_phrase) <= known
        assert not strict or (by_name | by_phrase) <= known, row
    assert made.report["equivalents"]["strict_items"] == strictly


@FEW
@given(rows=label_rows())
def test_a_group_has_one_set_of_texts(rows: list[tuple[int | None, ...]]) -> None:
    """So that no choice of a phrase can tell which of the four is right."""
    try:
        made = design_mednega(label_frame(rows), make_ontology(), MednegaRecipe(recipe="mednega"))
    except UserError:
        return
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in made.frame.to_dicts():
        groups[row["group_id"]].append(
            sorted(zip(map(tuple, row["choice_labels"]), map(tuple, row["choice_phrases"]), strict=True))
        )
    assert all(len(g) == 4 and g == [g[0]] * 4 for g in groups.values())


def test_a_phrase_serves_all_options_of_a_group_where_one_can() -> None:
    masks = (0b011, 0b101, 0b001)
    assert pick_phrase(masks, [(0b010, 0), (0b100, 0)], [0, 1, 2]) == [2, 2]
    assert pick_phrase(masks[:2], [(0b010, 0), (0b100, 0)], [0, 1]) == [1, 0]
    assert pick_phrase(masks, [(0b010, 0b001)], [0, 1, 2]) is None
    assert pick_phrase(masks, [(0, 0), (0, 0)], [1, 2, 0]) == [1, 1]


def test_labels_that_contradict_one_another_are_not_stated() -> None:
    ontology = make_ontology()
    rows: list[tuple[int | None, ...]] = [
        (0, 1, None, 0, 0, 0),  # consolidation, but no opacity: neither is stated
        (0, None, -1, 1, 0, 0),  # no opacity, but perhaps edema: the denial is not stated
        (1, 0, 0, 0, 1, 0),  # "no rib" denies air here
        (0, None, None, 1, None, None),
    ]
    studies = read_studies(label_frame(rows), ontology)
    evidence = weigh_evidence(studies, list_denials(ontology, hierarchy=True, phrases=True), strict=False)
    said = [
        {n for i, n in enumerate(NAMES) if m >> i & 1}
        for masks in zip(evidence.present, evidence.absent, strict=True)
        for m in masks
    ]
    assert said == [
        *(set(), {"Heart", "Air", "Rib"}),
        *({"Heart"}, {"Air", "Rib"}),
        *({"Opacity", "Air"}, {"Consol", "Edema", "Heart"}),
        *({"Heart"}, {"Opacity"}),
    ]


def test_every_phrase_is_used_and_the_choice_is_spread() -> None:
    ontology = load_ontology("chest_xray")
    names = tuple(c.name for c in ontology.conditions)
    rng = random.Random(3)
    rows = [tuple(rng.choice([1, 0, 0, None, None]) for _ in names) for _ in range(1200)]
    made = design_mednega(label_frame(rows, names), ontology, MednegaRecipe(recipe="mednega"))
    used = Counter(
        (c, p)
        for r in made.frame.to_dicts()
        for labels, phrases in zip(r["choice_labels"], r["choice_phrases"], strict=True)
        for c, v, p in zip(r["conditions"], labels, phrases, strict=True)
        if not v
    )
    for name in ("Edema", "Fracture", "Cardiomegaly", "Support Devices"):
        counts = [used[name, i] for i in range(3)]
        assert min(counts) > 0.15 * sum(counts), (name, counts)


def test_strict_needs_exclusions() -> None:
    with pytest.raises(UserError, match="equivalents=strict needs avoid_clashes=true"):
        check_recipe({"recipe": "mednega", "equivalents": "strict", "avoid_clashes": False}, where="a recipe")


def visits(numbers: list[int], source: str = "a") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "source": [source] * len(numbers),
            "patient_id": [f"{source}{i}" for i in range(len(numbers))],
            "study_id": [f"p{i}/study{n}" for i, n in enumerate(numbers)],
        }
    )


def test_groups_are_of_one_source_and_one_class_of_visits() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.geometric(0.2, 6_000).tolist()
    frame = pl.concat([visits(numbers), visits([1] * 50, "b")])
    strata = sort_into_strata(frame)
    assert len(set(strata[:6_000].tolist())) >= 5
    assert set(strata[6_000:].tolist()).isdisjoint(strata[:6_000].tolist())
    classes = class_visits(visits(numbers))
    assert min(np.bincount(classes)) >= 500
    by_number = defaultdict(set)
    for n, c in zip(numbers, classes.tolist(), strict=True):
        by_number[n].add(c)
    assert all(len(c) == 1 for c in by_number.values())
    ordered = [min(by_number[n]) for n in sorted(by_number)]
    assert ordered == sorted(ordered)


@pytest.mark.parametrize(
    "ids",
    [
        [f"p/{50_000_000 + i}" for i in range(3_000)],  # accession numbers
        [f"s{i}" for i in range(3_000)],  # a running number: no two patients share it
        ["x" if i == 7 else f"study{i % 9}" for i in range(3_000)],  # not all have one
    ],
)
def test_other_numbers_are_no_visits(ids: list[str]) -> None:
    frame = visits([1] * len(ids)).with_columns(pl.Series("study_id", ids))
    assert not class_visits(frame).any()
