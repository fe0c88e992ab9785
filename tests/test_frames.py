"""Strings that repeat are held by number, and nobody can tell: the same order, the same bytes."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.audit.balance_checks import check_duplicates, check_families
from nastdata.audit.choices import sample_groups
from nastdata.dataset.binding import bind_rows
from nastdata.dataset.parquet import write_config
from nastdata.frames import config_schema, name_values, settle_columns, spell_out

WORDS = st.text("abcé√ -", max_size=5)
CLAIM = st.tuples(WORDS, WORDS, st.none() | WORDS)
"""Text, condition, place."""
SETS = st.lists(st.lists(CLAIM, min_size=1, max_size=4), min_size=1, max_size=12)


def lay_out(sets: list[list[tuple[str, str, str | None]]]) -> pl.DataFrame:
    """Return claim sets with plain strings."""
    rows = []
    for i, claims in enumerate(sets):
        facts = [
            {"condition": c, "existence": "present", "location": p, "severity": None} for _, c, p in claims
        ]
        rows.append(
            {
                "set_id": f"set-{i}", "source": "s", "patient_id": f"p{i % 3}", "study_id": f"x{i % 5}",
                "image_id": f"i{i}", "image": None, "condition": claims[0][1], "negation_type": "none",
                "set_kind": "same_condition", "claims": [t for t, _, _ in claims], "claim_facts": facts,
                "claim_negations": ["none"] * len(claims), "altered": [None] * len(claims), "answer": 0,
                "group_id": f"g{i // 2}", "realizer": "template", "split": "train",
            }
        )  # fmt: skip
    return pl.DataFrame(rows, schema={**config_schema("contextual_claims"), "split": pl.String()})


def number(plain: pl.DataFrame) -> pl.DataFrame:
    """Return the same rows with texts and facts by number."""
    facts = plain["claim_facts"].explode().struct.unnest()
    attributes = {c: name_values(facts[c].to_list()) for c in facts.columns}
    return plain.cast(
        {
            "claims": pl.List(name_values(plain["claims"].explode().to_list())),
            "claim_facts": pl.List(pl.Struct(attributes)),
            "condition": name_values(plain["condition"]),
        }
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | WORDS, max_size=30))
def test_numbers_are_in_the_order_of_the_strings(values: list[str | None]) -> None:
    plain = pl.Series(values, dtype=pl.String)
    numbered = plain.cast(name_values(values))
    assert numbered.sort().cast(pl.String).equals(plain.sort())
    assert numbered.rank("dense").equals(plain.rank("dense"))


@settings(max_examples=25, deadline=None)
@given(SETS)
def test_files_digests_and_balance_are_the_same(tmp_path_factory, sets) -> None:  # type: ignore[no-untyped-def]
    plain = lay_out(sets)
    numbered = number(plain)
    schema = {**config_schema("contextual_claims"), "split": pl.String()}
    assert settle_columns(numbered, schema).schema == numbered.schema  # stays by number
    assert spell_out(numbered, schema).equals(plain)
    folder: Path = tmp_path_factory.mktemp("files")
    for name, frame in (("plain", plain), ("numbered", numbered)):
        write_config(folder / name, "contextual_claims", frame)
    (a,), (b,) = ((folder / n).glob("*.parquet") for n in ("plain", "numbered"))
    assert a.read_bytes() == b.read_bytes()
    assert bind_rows("contextual_claims", plain) == bind_rows("contextual_claims", numbered)
    for check in (check_families, lambda f: check_duplicates(f, "claims")):
        assert check(plain) == check(numbered)


def test_the_order_of_texts_makes_no_other_row() -> None:
    one = [("x", "A", None), ("y", "A", None)]
    frame = lay_out([one, one[::-1], [("x", "A", None), ("z", "A", None)]])
    same_image = frame.with_columns(pl.lit("i").alias("image_id"), pl.lit("x0").alias("study_id"))
    assert check_duplicates(frame, "claims") == {"repeated_rows": 0}
    assert check_duplicates(same_image, "claims") == {"repeated_rows": 1}


def test_rows_without_groups_are_sampled_one_by_one() -> None:
    pairs = pl.DataFrame({"pair_id": [f"p{i}" for i in range(500)]})
    few = sample_groups(pairs, 100, 0)
    assert len(few) == 100 and few.equals(sample_groups(pairs.reverse(), 100, 0).reverse())
