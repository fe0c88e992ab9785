"""What a MedNega design promises, checked on the rows alone."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nastdata.design.mednega.design import design_mednega
from nastdata.errors import UserError
from nastdata.ontology import Ontology, load_ontology
from nastdata.recipe import MednegaRecipe

SPLITS = ("train", "validation", "test")
MIXED_PLANES = (
    {(0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0)},
    {(0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 0)},
    {(0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1)},
)
NAMES = ["Heart", "Vessel", "Lung", "Node", "Rib"]
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def small_ontology(names: list[str], *, family: bool = True) -> Ontology:
    """Vessel implies Heart; an absent Lung clashes with a present Node."""
    conditions = []
    for n in names:
        parents = ["Heart"] if family and n == "Vessel" and "Heart" in names else []
        conditions.append(
            {"name": n, "text": n.lower(), "affirmative": {"text": f"good {n.lower()}"}, "parents": parents}
        )
    clashing = family and {"Lung", "Node"} <= set(names)
    return Ontology.model_validate(
        {
            "name": "small",
            "version": 1,
            "subject": {"text": "film", "article": "a"},
            "review": {"status": "made up"},
            "conditions": conditions,
            "clashes": [{"absent": "Lung", "present": "Node", "why": "made up"}] if clashing else [],
        }
    )


def label_frame(names: list[str], rows: list[tuple[str, tuple[int | None, ...]]]) -> pl.DataFrame:
    """One study a row of (split, labels); two studies a patient, patients within one split."""
    per_split: Counter[str] = Counter()
    out = []
    for split, labels in rows:
        k = per_split[split]
        per_split[split] += 1
        patient, study = f"{split}-p{k // 2}", f"s{k % 2}"
        keys = {
            "source": "made",
            "patient_id": patient,
            "study_id": f"{patient}/{study}",
            "image_id": f"i{k}",
        }
        out.append({**keys, "image": None, "split": split, **dict(zip(names, labels, strict=True))})
    text = dict.fromkeys(("source", "patient_id", "study_id", "image_id", "image", "split"), pl.String())
    return pl.DataFrame(out, schema={**text, **dict.fromkeys(names, pl.Int8())}, orient="row")


@st.composite
def label_frames(draw: Any) -> pl.DataFrame:
    """Up to 160 studies; few distinct vectors in some, so that studies are alike, many in others.

    Labels come from a drawn seed rather than value by value: frames shrunk towards nothing hold no group.
    """
    rng = random.Random(draw(st.integers(0, 10**9)))
    known = draw(st.sampled_from([0.6, 0.8, 1.0]))
    kinds = draw(st.sampled_from([12, 40, 160]))
    values = (1, 0), (-1, None)
    pool = [tuple(rng.choice(values[rng.random() >= known]) for _ in NAMES) for _ in range(kinds)]
    size = draw(st.integers(8, 160))
    return label_frame(
        NAMES, [(rng.choice(("train", "train", "test")), rng.choice(pool)) for _ in range(size)]
    )


recipes = st.builds(
    MednegaRecipe,
    recipe=st.just("mednega"),
    items_per_study=st.integers(1, 3),
    eligibility=st.sampled_from(["any", "any", "paper"]),
    avoid_contradictions=st.booleans(),
    avoid_clashes=st.booleans(),
    triple_share=st.sampled_from([None, 0.05, 0.3]),
    limit=st.sampled_from([None, 4, 10, 40]),
    seed=st.integers(0, 5),
)


def design_or_none(labels: pl.DataFrame, ontology: Ontology, recipe: MednegaRecipe) -> Any:
    try:
        return design_mednega(labels, ontology, recipe)
    except UserError:
        return None


def truths(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows with ``truth``, the labels that the answer letter points at, and ``plane``, the option set."""
    out = []
    for r in frame.to_dicts():
        options = [tuple(o) for o in r["choice_labels"]]
        out.append(
            {**r, "truth": options["ABCD".index(r["answer"])], "plane": frozenset(options), "shown": options}
        )
    return out


@FEW
@given(labels=label_frames(), recipe=recipes)
def test_each_plane_of_each_triple_has_every_member_as_truth_equally_often(
    labels: pl.DataFrame, recipe: MednegaRecipe
) -> None:
    made = design_or_none(labels, small_ontology(NAMES), recipe)
    if made is None:
        return
    counts: dict[Any, Counter[Any]] = defaultdict(Counter)
    for r in truths(made.frame):
        assert set(r["plane"]) in MIXED_PLANES
        counts[r["split"], tuple(r["conditions"]), r["plane"]][r["truth"]] += 1
    for (_, _, plane), by_truth in counts.items():
        assert set(by_truth) == set(plane)
        assert len(set(by_truth.values())) == 1


@FEW
@given(labels=label_frames(), recipe=recipes)
def test_the_answer_is_what_the_study_shows(labels: pl.DataFrame, recipe: MednegaRecipe) -> None:
    made = design_or_none(labels, small_ontology(NAMES), recipe)
    if made is None:
        return
    by_study = {r["study_id"]: r for r in labels.to_dicts()}
    for r in truths(made.frame):
        study = by_study[r["study_id"]]
        assert tuple(study[c] for c in r["conditions"]) == r["truth"]
        assert {k: r[k] for k in ("patient_id", "image_id", "split")} == {
            k: study[k] for k in ("patient_id", "image_id", "split")
        }
        assert r["conditions"] == [n for n in NAMES if n in r["conditions"]]
        assert r["design"] == "balanced"


@FEW
@given(labels=label_frames(), recipe=recipes)
def test_a_group_is_four_studies_of_one_split_with_one_set_of_options(
    labels: pl.DataFrame, recipe: MednegaRecipe
) -> None:
    made = design_or_none(labels, small_ontology(NAMES), recipe)
    if made is None:
        return
    groups = defaultdict(list)
    for r in truths(made.frame):
        groups[r["group_id"]].append(r)
    for rows in groups.values():
        assert len(rows) == 4
        assert len({(tuple(r["conditions"]), r["plane"], r["split"]) for r in rows}) == 1
        assert len({r["study_id"] for r in rows}) == 4
        assert sorted(r["answer"] for r in rows) == list("ABCD")
    assert made.frame["item_id"].is_unique().all()


@FEW
@given(labels=label_frames(), recipe=recipes)
def test_no_study_serves_more_than_it_may_nor_twice_for_one_question(
    labels: pl.DataFrame, recipe: MednegaRecipe
) -> None:
    made = design_or_none(labels, small_ontology(NAMES), recipe)
    if made is None:
        return
    assert max(Counter(made.frame["study_id"].to_list()).values()) <= recipe.items_per_study
    questions = [(r["study_id"], tuple(r["conditions"]), r["plane"]) for r in truths(made.frame)]
    assert len(set(questions)) == len(questions)


@FEW
@given(labels=label_frames(), recipe=recipes)
def test_contradictions_and_clashes_are_left_out_when_told(
    labels: pl.DataFrame, recipe: MednegaRecipe
) -> None:
    made = design_or_none(labels, small_ontology(NAMES), recipe)
    if made is None:
        return
    for r in truths(made.frame):
        for option in r["shown"]:
            says = dict(zip(r["conditions"], option, strict=True))
            if recipe.avoid_contradictions:
                assert (says.get("Vessel"), says.get("Heart")) != (1, 0)
            if recipe.avoid_clashes:
                assert (says.get("Lung"), says.get("Node")) != (0, 1)


@FEW
@given(labels=label_frames(), recipe=recipes, seed=st.integers(0, 10**6))
def test_row_order_changes_nothing(labels: pl.DataFrame, recipe: MednegaRecipe, seed: int) -> None:
    first = design_or_none(labels, small_ontology(NAMES), recipe)
    again = design_or_none(
        labels.sample(fraction=1.0, shuffle=True, seed=seed), small_ontology(NAMES), recipe
    )
    if first is None:
        assert again is None
        return
    assert first.frame.equals(again.frame)
    assert first.report == again.report


@FEW
@given(labels=label_frames(), recipe=recipes)
def test_the_report_adds_up_and_never_beats_its_bound(labels: pl.DataFrame, recipe: MednegaRecipe) -> None:
    made = design_or_none(labels, small_ontology(NAMES), recipe)
    if made is None:
        return
    report = made.report
    assert report["items"] == len(made.frame) == sum(report["items_by_split"].values())
    assert report["items"] <= report["reached"] <= report["bound"]
    assert recipe.limit is None or report["items"] <= recipe.limit
    studies = report["studies"]
    assert studies["in"] == len(labels) == studies["used"] + sum(studies["left_out"].values())
    assert studies["used"] == made.frame["study_id"].n_unique()
    for split, told in report["splits"].items():
        rows = made.frame.filter(pl.col("split") == split)
        assert told["items"] == len(rows)
        if told["triple_cap"] is not None and len(rows):
            most = max(Counter(map(tuple, rows["conditions"].to_list())).values())
            assert most <= told["triple_cap"]
            if recipe.limit is None:
                assert most <= max(4, told["triple_share"] * len(rows) + 1e-9)


@FEW
@given(labels=label_frames(), recipe=recipes)
def test_text_alone_gives_one_in_four(labels: pl.DataFrame, recipe: MednegaRecipe) -> None:
    """The best function of what is asked, fitted to the very items it is judged on, gets 25 %."""
    made = design_or_none(labels, small_ontology(NAMES), recipe)
    if made is None:
        return
    rows = truths(made.frame)
    views = {
        "triple and options": lambda r: (tuple(r["conditions"]), tuple(sorted(r["plane"]))),
        "options": lambda r: tuple(sorted(r["plane"])),
        "triple": lambda r: tuple(r["conditions"]),
    }
    for view in views.values():
        for target in ("truth", "answer"):
            seen: dict[Any, Counter[Any]] = defaultdict(Counter)
            for r in rows:
                seen[view(r)][r[target]] += 1
            right = sum(max(c.values()) for k, c in seen.items())
            if target == "answer" or view is views["triple and options"]:
                assert right * 4 == len(rows)


def test_positions_tell_nothing_over_many_items() -> None:
    """In what order the options stand says nothing of which is true."""
    vectors = ((0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0))
    labels = label_frame(NAMES[:3], [("train", v) for v in vectors * 1200])
    recipe = MednegaRecipe(recipe="mednega", match_visits=False)
    made = design_mednega(labels, small_ontology(NAMES[:3], family=False), recipe)
    assert len(made.frame) == 4800
    orders: dict[Any, Counter[Any]] = defaultdict(Counter)
    for r in truths(made.frame):
        orders[tuple(r["shown"])][r["truth"]] += 1
    assert len(orders) == 24
    guessed = sum(max(c.values()) for c in orders.values()) / 4800
    assert guessed < 0.31  # of 200 items an order, the most frequent truth has 28 % by chance


@pytest.mark.parametrize("name", NAMES[:3])
def test_three_conditions_are_enough(name: str) -> None:
    vectors = [(0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 1, 0)] * 3
    labels = label_frame(NAMES[:3], [("train", v) for v in vectors])
    made = design_mednega(labels, small_ontology(NAMES[:3], family=False), MednegaRecipe(recipe="mednega"))
    assert len(made.frame) == 12
    assert made.report["splits"]["test"]["items"] == 0
    assert name in made.frame["conditions"][0].to_list()


def test_limit_keeps_splits_in_proportion_and_triples_even() -> None:
    ontology = small_ontology(NAMES, family=False)
    cube = [(a, b, c, d, e) for a in (0, 1) for b in (0, 1) for c in (0, 1) for d in (0, 1) for e in (0, 1)]
    labels = label_frame(NAMES, [("train", v) for v in cube * 20] + [("test", v) for v in cube * 5])
    full = design_mednega(labels, ontology, MednegaRecipe(recipe="mednega", triple_share=None))
    made = design_mednega(labels, ontology, MednegaRecipe(recipe="mednega", triple_share=None, limit=150))
    assert made.report["items"] == 148
    assert set(made.frame["item_id"]) <= set(full.frame["item_id"])
    assert made.report["items_by_split"] == {"train": 120, "validation": 0, "test": 28}
    train = made.frame.filter(pl.col("split") == "train")
    per_triple = Counter(map(tuple, train["conditions"].to_list()))
    available = Counter(map(tuple, full.frame.filter(pl.col("split") == "train")["conditions"].to_list()))
    level = max(per_triple.values())
    assert all(n >= min(level - 4, available[t]) for t, n in per_triple.items())


def test_paper_design_follows_the_paper() -> None:
    ontology = small_ontology(NAMES)
    vectors: list[tuple[int | None, ...]] = [
        (1, 1, 0, 0, 0),
        (1, 0, 0, 0, None),
        (0, 1, 0, 1, 0),
        (1, 1, 1, 0, 0),
        (1, 1, 0, 0, -1),
    ]
    labels = label_frame(NAMES, [("train", v) for v in vectors * 30])
    labels = labels.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(1).cast(pl.Int8).alias("No Finding")
    )
    made = design_mednega(labels, ontology, MednegaRecipe(recipe="mednega", design="paper"))
    assert made.report["studies"]["eligible"] == len(made.frame) == 59
    by_study = {r["study_id"]: r for r in labels.to_dicts()}
    for r in truths(made.frame):
        assert r["group_id"] == r["item_id"]
        assert len(r["plane"]) == 4
        assert tuple(by_study[r["study_id"]][c] for c in r["conditions"]) == r["truth"]
    assert {tuple(c) for c in made.frame["conditions"]} == set(combinations(NAMES, 3))
    assert set(made.frame["answer"]) == set("ABCD")
    half = design_mednega(labels, ontology, MednegaRecipe(recipe="mednega", design="paper", limit=20))
    assert len(half.frame) == 20
    assert set(half.frame["item_id"]) < set(made.frame["item_id"])


def test_too_little_data_is_told_in_plain_words() -> None:
    labels = label_frame(NAMES, [("train", (1, 0, 1, 0, 1))])
    with pytest.raises(UserError, match="no items can be made of 1 study"):
        design_mednega(labels, small_ontology(NAMES), MednegaRecipe(recipe="mednega"))
    with pytest.raises(UserError, match="no items"):
        design_mednega(labels.clear(), small_ontology(NAMES), MednegaRecipe(recipe="mednega", design="paper"))
    with pytest.raises(UserError, match="limit of 3"):
        design_mednega(labels, small_ontology(NAMES), MednegaRecipe(recipe="mednega", limit=3))


def test_a_study_that_stands_twice_is_refused() -> None:
    labels = label_frame(NAMES, [("train", (1, 0, 1, 0, 1))])
    with pytest.raises(UserError, match="is there twice"):
        design_mednega(pl.concat([labels, labels]), small_ontology(NAMES), MednegaRecipe(recipe="mednega"))


SCRIPT = """
import hashlib, random
import polars as pl
from nastdata.design.mednega.design import design_mednega
from nastdata.ontology import load_ontology
from nastdata.recipe import MednegaRecipe
o = load_ontology("chest_xray")
rng = random.Random(3)
keys = [{"source": "x", "patient_id": f"p{i}", "study_id": f"s{i}", "image_id": f"i{i}", "image": None,
         "split": "train" if i % 5 else "test",
         **{c.name: rng.choice([1, 0, None, None]) for c in o.conditions}} for i in range(300)]
made = design_mednega(pl.DataFrame(keys), o, MednegaRecipe(recipe="mednega"))
print(len(made.frame), hashlib.sha256((made.frame.write_json() + repr(made.report)).encode()).hexdigest())
"""


def test_same_bytes_whatever_the_hash_seed_and_threads() -> None:
    seen = set()
    for hash_seed, threads in (("0", "1"), ("7", "2")):
        env = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "POLARS_MAX_THREADS": threads,
            "OMP_NUM_THREADS": threads,
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1


@pytest.mark.parametrize("triple_share", [0.05, None])
def test_default_ontology_has_no_contradiction_or_clash_left(triple_share: float | None) -> None:
    ontology = load_ontology("chest_xray")
    names = [c.name for c in ontology.conditions]
    rng = random.Random(5)
    rows = [("train", tuple(rng.choice([1, 0, None, None]) for _ in names)) for _ in range(400)]
    made = design_mednega(
        label_frame(names, rows), ontology, MednegaRecipe(recipe="mednega", triple_share=triple_share)
    )
    for r in truths(made.frame):
        for option in r["shown"]:
            present = {c for c, v in zip(r["conditions"], option, strict=True) if v}
            absent = set(r["conditions"]) - present
            assert not any(p in absent for c in present for p in ontology.condition_by_name[c].parents)
            assert not any(ontology.denied_by_name[c] & present for c in absent)


def test_many_label_vectors_are_solved_in_parts_and_stay_balanced(
    ontology: Ontology, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(4)
    names = [c.name for c in ontology.conditions]
    rows = [("train", tuple(rng.choice((1, 0, 0, None)) for _ in names)) for _ in range(400)]
    labels = label_frame(names, rows)
    monkeypatch.setattr("nastdata.design.mednega.balanced.MOST_VECTORS", 60)
    design = design_mednega(labels, ontology, MednegaRecipe(recipe="mednega", triple_share=None))
    told = design.report["splits"]["train"]
    assert told["parts"] > 3 and told["bound"] >= told["reached"] == len(design.frame) > 100
    truths: dict[object, Counter[object]] = defaultdict(Counter)
    for r in design.frame.to_dicts():
        options = [tuple(o) for o in r["choice_labels"]]
        truths[tuple(r["conditions"]), frozenset(options)][options["ABCD".index(r["answer"])]] += 1
    assert all(len(t) == 4 and len(set(t.values())) == 1 for t in truths.values())
    assert design.frame["study_id"].n_unique() == len(design.frame)
