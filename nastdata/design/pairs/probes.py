"""Tracing pairs: a correct caption and a foil that is as long in tokens (``docs/contextual.md``)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from nastdata.design.base import Design
from nastdata.design.contextual.rows import name_codes
from nastdata.design.contextual.states import ConditionState, Logic, logic_of
from nastdata.design.contextual.study_states import StudyTable, tabulate_studies
from nastdata.design.pairs.evening import even_out
from nastdata.design.pairs.tokens import CountTokens
from nastdata.frames import REJECTS_SCHEMA, config_schema
from nastdata.ontology import Condition, Ontology
from nastdata.recipe import ProbesRecipe
from nastdata.seeded import draw_int, mix_codes

Side = Literal["correct", "foil"]
VISIBLE = "visible"
"""What stands before a plural, where "no" stands in the other caption."""
SCHEMA = pl.Schema({**config_schema("probes"), "split": pl.String()})


@dataclass(frozen=True)
class _Texts:
    present: str
    absent: str


def design_probes(
    facts: pl.DataFrame, ontology: Ontology, recipe: ProbesRecipe, count_tokens: CountTokens
) -> Design:
    """Design pairs for causal tracing, in both directions.

    An absent finding makes the negated caption correct; a present one makes it the foil. Where the caption
    says a ``present_word`` ("severe"), a present finding counts if its grade on record is the highest of its
    scale, or if its source never grades that finding; a lower or missing grade is left out and counted.

    Args:
        facts: ``frames.FACTS_SCHEMA`` plus ``split``.
        ontology: names and articles.
        recipe: ``present_word``, limit, seed.
        count_tokens: of the tokenizer in use.

    With ``balanced``, each condition has as many pairs of both directions in each split and source, so that
    none of these tells which caption is correct.

    Returns:
        Rows of ``probes`` plus ``split``, in hashed order. Conditions whose two texts differ in length are
        left out; the
        report counts their pairs.
    """
    logic = logic_of(ontology)
    table = tabulate_studies(facts, logic, recipe.seed)
    graded = _graded_by_source(facts)
    left_out: Counter[str] = Counter()
    unequal: Counter[str] = Counter()
    words: dict[str, str | None] = {}
    parts = []
    for c, name in enumerate(table.conditions):
        condition = ontology.condition_by_name[name]
        word = fit_word(condition, recipe.present_word, ontology)
        texts = write_pair(condition, word)
        words[name] = word
        sides = _choose_sides(table, c, logic, word, graded, left_out)
        equal = count_tokens(texts.present) == count_tokens(texts.absent)
        for side in ("correct", "foil"):
            studies = np.flatnonzero(sides == side)
            if not equal:
                unequal[name] += len(studies)
                continue
            parts.append(_pairs(table, studies, name, texts, side, recipe.seed))
    frame = pl.concat(parts) if parts else _pairs(table, np.zeros(0, np.int64), "", _Texts("", ""), "foil", 0)
    frame, uneven = even_out(
        frame,
        "negation_in",
        balanced=recipe.balanced,
        limit=recipe.limit,
        shares=recipe.splits.by_name,
    )
    if uneven:
        left_out["no pair of the other direction in its split, source and condition"] = uneven
    frame = frame.with_columns(name_codes("probe", frame["code"]).alias("pair_id")).sort("split", "pair_id")
    report = {
        "studies": len(table.studies),
        "pairs": len(frame),
        "present_word": recipe.present_word,
        "words": dict(sorted(words.items())),
        "unequal_token_counts": dict(sorted(unequal.items())),
        "left_out": dict(sorted(left_out.items())),
        "contradictory_states": table.contradictory,
        "by_negation_in": dict(sorted(Counter(frame["negation_in"].to_list()).items())),
        "by_condition": dict(sorted(Counter(frame["condition"].to_list()).items())),
    }
    return Design(frame.select(list(SCHEMA)).cast(SCHEMA), pl.DataFrame(schema=REJECTS_SCHEMA), report)


def fit_word(condition: Condition, present_word: str | None, ontology: Ontology) -> str | None:
    """Return the present word as it goes with a condition, None if it doesn't.

    It goes with a noun that takes no article ("severe edema", in place of "no edema") and that has this
    grade; nobody says "severe fracture". The ontology may have another word for the grade (``grade_words``).
    """
    fits = present_word in ontology.grades(condition.name) and condition.number == "singular"
    if present_word is None or not fits or condition.article is not None:
        return None
    return ontology.word_grade(condition.name, present_word)


def write_pair(condition: Condition, word: str | None) -> _Texts:
    """Word the two captions of a condition, in equally many words.

    With a word as in the paper: "There is severe edema." / "There is no edema."; without one the noun's
    article: "There is a pneumothorax." / "There is no pneumothorax."; a plural has neither, and is "visible".
    """
    verb = "are" if condition.number == "plural" else "is"
    word = word or condition.article or (VISIBLE if condition.number == "plural" else None)
    said = f"{word} {condition.text}" if word else condition.text
    return _Texts(f"There {verb} {said}.", f"There {verb} no {condition.text}.")


def _graded_by_source(facts: pl.DataFrame) -> set[tuple[str, str]]:
    """Return the (source, condition) pairs with at least one grade on record."""
    rows = facts.filter(pl.col("severity").is_not_null() & (pl.col("existence") == "present"))
    return set(rows.select("source", "condition").unique().iter_rows())


def _choose_sides(
    table: StudyTable,
    c: int,
    logic: Logic,
    word: str | None,
    graded: set[tuple[str, str]],
    left_out: Counter[str],
) -> np.ndarray:
    """Say for each study where its negation stands ("correct", "foil") or "" where it makes no pair."""
    name = table.conditions[c]
    top = (logic.ontology.grades(name) or (None,))[-1]
    sources = table.studies["source"].to_list()
    out = np.full(len(sources), "", dtype="<U7")
    for i in np.flatnonzero(table.state[:, c] >= 0):
        state = table.states[c][table.state[i, c]]
        if state.existence == "absent":
            out[i] = "correct"
        elif state.records:
            if word is None or (sources[i], name) not in graded or _is_top(state, top):
                out[i] = "foil"
            else:
                left_out["grade unknown or not the highest"] += 1
        else:
            left_out["neither present nor absent on its own record"] += 1
    return out


def _is_top(state: ConditionState, top: str | None) -> bool:
    return any(grade == top for _, grade in state.records)


def _pairs(
    table: StudyTable, studies: np.ndarray, condition: str, texts: _Texts, side: Side, seed: int
) -> pl.DataFrame:
    correct, foil = (texts.absent, texts.present) if side == "correct" else (texts.present, texts.absent)
    code = mix_codes(table.draw[studies], draw_int(seed, "probe", condition))
    return table.studies[studies].with_columns(
        pl.lit(condition).alias("condition"),
        pl.lit(correct).alias("correct"),
        pl.lit(foil).alias("foil"),
        pl.lit(side).alias("negation_in"),
        pl.Series("code", code),
        pl.Series("order", mix_codes(code, draw_int(seed, "probe order"))),
    )
