"""Claim sets: one true claim, hard negatives of one attribute, and no telling without the image."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

import polars as pl
import pytest
from contextual_facts import claims_of, make_facts, recipe, states_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nastdata.design.contextual.claims import design_claims
from nastdata.design.contextual.forming import ENOUGH
from nastdata.design.contextual.states import differs_in, logic_of
from nastdata.ontology import Ontology, load_ontology

ONTOLOGY = load_ontology("chest_xray")


@pytest.fixture(scope="module")
def facts() -> pl.DataFrame:
    return make_facts(ONTOLOGY, 2400, seed=1)


@pytest.fixture(scope="module")
def rows(facts: pl.DataFrame) -> list[dict[str, Any]]:
    return design_claims(facts, ONTOLOGY, recipe()).frame.to_dicts()


def test_one_claim_is_true_and_the_rest_false_by_one_attribute(
    facts: pl.DataFrame, rows: list[dict[str, Any]]
) -> None:
    logic, states = logic_of(ONTOLOGY), states_of(facts)
    assert len(rows) > 1000
    for row in rows:
        state = states[row["study_id"]]
        for i, claim in enumerate(claims_of(row)):
            assert logic.truth(state, claim) is (i == row["answer"])
            altered = logic.violated(state[claim.condition], claim)
            assert altered == (frozenset() if i == row["answer"] else {row["altered"][i]})
            assert claim.negation_type == row["claim_negations"][i]


def test_texts_tell_nothing_every_claim_of_a_group_is_true_once(rows: list[dict[str, Any]]) -> None:
    groups = defaultdict(list)
    for row in rows:
        groups[row["group_id"]].append(row)
    for members in groups.values():
        texts = {frozenset(claims_of(r)) for r in members}
        assert len(texts) == 1
        assert Counter(claims_of(r)[r["answer"]] for r in members) == dict.fromkeys(next(iter(texts)), 1)
        assert sorted(r["answer"] for r in members) == list(range(len(members)))
        assert len({r["study_id"] for r in members}) == len(members)
        assert len({r["split"] for r in members}) == 1


def test_no_function_of_the_ordered_claims_beats_chance_much(rows: list[dict[str, Any]]) -> None:
    by_first = defaultdict(list)
    for r in rows:
        if len(r["claim_facts"]) == 5:
            by_first[claims_of(r)[0]].append(r["answer"] == 0)
    first_true = [hit for hits in by_first.values() for hit in hits]
    assert abs(sum(first_true) / len(first_true) - 0.2) < 0.02
    often = [sum(h) / len(h) for h in by_first.values() if len(h) > 20]
    assert often and max(often) < 0.5


def test_sets_have_the_promised_shape(rows: list[dict[str, Any]]) -> None:
    for r in rows:
        said = claims_of(r)
        assert 2 <= len(said) <= 7
        conditions = {f.condition for f in said}
        assert r["set_kind"] == ("same_condition" if len(conditions) == 1 else "mixed_condition")
        assert r["condition"] == said[r["answer"]].condition
        if len(conditions) == 1:
            assert all(len(differs_in(a, b)) == 1 for a in said for b in said if a != b)
        denied = set(r["claim_negations"]) - {"none"}
        assert (r["negation_type"] in denied) if denied else (r["negation_type"] == "none")
        assert denied <= {r["negation_type"], "existence"}
    assert len({r["set_id"] for r in rows}) == len(rows)
    assert {r["negation_type"] for r in rows} == {"none", "existence", "location", "severity"}


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(2, 6), st.integers(1, 4))
def test_settings_hold_and_rows_may_come_in_any_order(seed: int, conditions: int, k: int, uses: int) -> None:
    facts = make_facts(ONTOLOGY, 240, seed, conditions)
    wanted = recipe(seed=seed, claims={"k_min": k, "k_max": k + 1, "per_study": uses, "k_least": None})
    design = design_claims(facts, ONTOLOGY, wanted)
    again = design_claims(facts.sample(fraction=1.0, shuffle=True, seed=seed), ONTOLOGY, wanted)
    assert design.frame.equals(again.frame)
    assert design.report == again.report
    assert set(design.frame["claim_facts"].list.len().unique()) <= {k, k + 1}
    used = Counter(design.frame["study_id"].to_list())
    assert all(n <= uses for n in used.values())
    assert design.report["sets"] <= design.report["sets_formed"]


def test_short_sets_are_made_where_long_ones_are_few(rows: list[dict[str, Any]], facts: pl.DataFrame) -> None:
    long, short = Counter[tuple[str, str]](), set()
    for r in rows:
        for fact in claims_of(r):
            if len(r["claim_facts"]) >= 5:
                long[r["split"], fact.condition] += 1
            else:
                short.add((r["split"], fact.condition))
    assert short, "the facts of this test are few"
    assert all(long[key] / 5 < ENOUGH * (8 if key[0] == "train" else 1) for key in short)
    only_long = design_claims(facts, ONTOLOGY, recipe(claims={"k_least": None})).frame
    assert set(only_long["claim_facts"].list.len().unique()) <= {5, 6, 7}
    assert len(only_long.filter(pl.col("split") == "test")) < sum(r["split"] == "test" for r in rows)
    down_to_four = design_claims(facts, ONTOLOGY, recipe(claims={"k_least": 4})).frame
    assert set(down_to_four["claim_facts"].list.len().unique()) <= {4, 5, 6, 7}


@pytest.fixture(scope="module")
def two_sources(facts: pl.DataFrame) -> pl.DataFrame:
    other = facts.with_columns(
        pl.lit("other").alias("source"), ("o" + pl.col("patient_id")).alias("patient_id")
    )
    return pl.concat([facts, other.filter(pl.col("existence") == "present")])


def test_ids_are_hashes_in_which_the_answer_has_no_part(rows: list[dict[str, Any]]) -> None:
    for r in rows:
        assert re.fullmatch("set-[0-9a-f]{16}", r["set_id"]) and re.fullmatch(
            "group-[0-9a-f]{16}", r["group_id"]
        )
    by_turn = defaultdict(list)
    seen: Counter[str] = Counter()
    for r in rows:
        by_turn[seen[r["group_id"]]].append(claims_of(r)[r["answer"]].existence == "absent")
        seen[r["group_id"]] += 1
    rates = [sum(t) / len(t) for t in by_turn.values() if len(t) > 200]
    assert max(rates) - min(rates) < 0.08, "the place in the group tells nothing"


def test_a_group_is_of_one_source(two_sources: pl.DataFrame) -> None:
    frame = design_claims(two_sources, ONTOLOGY, recipe()).frame
    assert frame["source"].n_unique() == 2
    assert (frame.group_by("group_id").agg(pl.col("source").n_unique())["source"] == 1).all()


@pytest.mark.parametrize("once", ["held_out", "all"])
def test_no_set_of_a_patient_gives_another_away(facts: pl.DataFrame, once: str) -> None:
    """In validation and test; in train too where the recipe says so, else studies serve there more often."""
    frame = design_claims(facts, ONTOLOGY, recipe(claims={"once": once})).frame
    trained = frame.filter(pl.col("split") == "train")
    asked: dict[tuple[str, str], set[str]] = defaultdict(set)
    per_study: Counter[str] = Counter()
    again = trained.select("source", "patient_id", "condition").is_duplicated().any()
    assert again == (once == "held_out")
    assert not trained.select("study_id", pl.col("claim_facts").hash()).is_duplicated().any()
    for r in frame.filter((pl.col("split") != "train") | (once == "all")).to_dicts():
        about = {f["condition"] for f in r["claim_facts"]}
        linked = about | {a for c in about for a in ONTOLOGY.ancestors[c]}
        linked |= {c for c in ONTOLOGY.order if ONTOLOGY.ancestors[c] & about}
        key = (r["source"], r["patient_id"])
        assert not asked[key] & about, "a condition is asked about once, and none that implies or follows"
        asked[key] |= linked
        per_study[r["study_id"]] += 1
    assert max(per_study.values()) <= 4


def test_one_lobe_is_not_set_against_another_of_the_same_lung(facts: pl.DataFrame) -> None:
    def count_hard(keep: str) -> int:
        frame = design_claims(facts, ONTOLOGY, recipe(claims={"hard_places": keep})).frame
        n = 0
        for row in frame.to_dicts():
            lobes = {f["location"] for f in row["claim_facts"] if f["location"] and "lobe" in f["location"]}
            n += any(sum(p.startswith(side) for p in lobes) > 1 for side in ("left", "right"))
        return n

    assert count_hard("leave_out") == 0 < count_hard("keep")


@pytest.mark.parametrize("limit", [300, 900])
def test_splits_keep_their_shares_under_a_limit(limit: int) -> None:
    facts = make_facts(ONTOLOGY, 3000, seed=9)
    turn = pl.col("patient_id").str.slice(1).cast(pl.Int64) % 10
    split = pl.when(turn < 8).then(pl.lit("train")).when(turn == 8).then(pl.lit("validation"))
    frame = design_claims(
        facts.with_columns(split.otherwise(pl.lit("test")).alias("split")), ONTOLOGY, recipe(limit=limit)
    ).frame
    shares = dict(frame["split"].value_counts(normalize=True).iter_rows())
    assert abs(shares["train"] - 0.8) < 0.05 and abs(shares["test"] - 0.1) < 0.04


def test_a_limit_keeps_whole_groups(facts: pl.DataFrame) -> None:
    frame = design_claims(facts, ONTOLOGY, recipe(limit=100)).frame
    assert 80 <= len(frame) <= 100
    sizes = frame.group_by("group_id").agg(pl.len(), pl.col("claim_facts").list.len().first().alias("k"))
    assert (sizes["len"] == sizes["k"]).all()


def test_only_the_asked_negations_occur(facts: pl.DataFrame) -> None:
    frame = design_claims(facts, ONTOLOGY, recipe(negation_types=["existence"])).frame
    assert set(frame["negation_type"].unique()) <= {"none", "existence"}
    assert set(frame["claim_negations"].explode().unique()) <= {"none", "existence"}


def test_a_fact_of_unknown_place_makes_no_false_place() -> None:
    facts = make_facts(ONTOLOGY, 60, seed=3).with_columns(pl.lit(None, pl.String).alias("location"))
    frame = design_claims(facts, ONTOLOGY, recipe(claims={"k_min": 2, "k_max": 3})).frame
    shown = facts.filter(pl.col("existence") == "present").select("study_id", "condition").rows()
    for row in frame.to_dicts():
        for claim, altered in zip(claims_of(row), row["altered"], strict=True):
            assert altered != "location" or (row["study_id"], claim.condition) not in shown


def test_the_naive_design_is_true_as_well_but_leans_to_common_facts(facts: pl.DataFrame) -> None:
    design = design_claims(facts, ONTOLOGY, recipe(claims={"balanced": False}))
    logic, states = logic_of(ONTOLOGY), states_of(facts)
    true_plain = Counter[bool]()
    for row in design.frame.to_dicts():
        said = claims_of(row)
        assert 5 <= len(said) <= 7
        for i, claim in enumerate(said):
            assert logic.truth(states[row["study_id"]], claim) is (i == row["answer"])
            true_plain[claim.negation_type == "none"] += i == row["answer"]
    assert true_plain[True] > true_plain[False]
    wanted = facts.select("study_id", "condition", "existence", "location", "severity").n_unique()
    assert len(design.frame) + len(design.rejects) <= wanted


def test_no_facts_make_no_sets(ontology: Ontology) -> None:
    design = design_claims(make_facts(ontology, 60, seed=3).clear(), ontology, recipe())
    assert len(design.frame) == 0


def test_labels_alone_make_families_of_several_conditions() -> None:
    facts = make_facts(ONTOLOGY, 900, seed=8, conditions=6)
    bare = facts.with_columns(pl.lit(None, pl.String).alias(c) for c in ("location", "severity")).unique()
    frame = design_claims(bare, ONTOLOGY, recipe(claims={"k_min": 3, "k_max": 4})).frame
    plain = frame.filter(pl.col("set_kind") == "mixed_condition")
    assert len(plain) > 500
    shown = {(r["study_id"], r["condition"]): r["existence"] for r in bare.to_dicts()}
    for row in plain.to_dicts():
        for i, claim in enumerate(row["claim_facts"]):
            stated = shown.get((row["study_id"], claim["condition"]))
            assert (
                claim["location"] is not None
                or stated is None
                or (stated == claim["existence"]) == (i == row["answer"])
            )
