"""Single captions: a true negated or affirmative statement about one fact of an image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.base import Design
from nastdata.design.contextual.forming import share_splits
from nastdata.design.contextual.rows import fact_frame, name_codes
from nastdata.design.contextual.shares import Units, choose_units
from nastdata.design.contextual.states import logic_of
from nastdata.design.contextual.study_states import CARRIED, Codes, Ints, StudyTable
from nastdata.design.contextual.truth_table import TRUE, Known, Sheet, know
from nastdata.frames import REJECTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.recipe import ContextualRecipe
from nastdata.seeded import draw_int, mix_codes

KINDS = ("existence", "location", "severity")
NUMBER_CLASSES = 8
"""Classes of study numbers of a source, by size."""


@dataclass(frozen=True)
class _Cell:
    """Statements about one attribute value of one condition, by number in the sheet."""

    condition: int
    affirmative: int
    negated: tuple[int, ...]
    """One or two ways of denying it: "is not in P" and "no X in P" differ where X is absent."""


def design_captions(
    facts: pl.DataFrame, ontology: Ontology, recipe: ContextualRecipe, known: Known | None = None
) -> Design:
    """Design captions; each is true of its image for certain.

    Args:
        facts: ``frames.FACTS_SCHEMA`` plus ``split``.
        ontology: conditions, places, grades.
        recipe: balance, controls, negation types, limit, seed.
        known: what ``know`` makes of these facts, if it is there already.

    Returns:
        Rows of ``contextual_captions`` without texts, plus ``split``, in hashed order within each split.
        With ``captions.balanced``, each (split, source, size of the study's number, condition, place, grade)
        has as many negated captions as affirmative ones, so that none of these gives the polarity away.
        ``pair`` numbers a negated caption and an affirmative one of the same cell.
    """
    known = known or know(
        facts,
        logic_of(ontology),
        recipe.seed,
        recipe.negation_types,
        hard=recipe.claims.hard_places == "keep",
    )
    table, sheet = known.table, known.sheet
    studies: list[Ints] = []
    statements: list[Ints] = []
    report: Counter[str] = Counter()
    strata = sort_into_strata(table)
    for cell in _list_cells(sheet):
        code = draw_int(recipe.seed, "captions", str(sheet.facts[cell.affirmative]))
        yes = _true_studies(table, sheet, cell.condition, (cell.affirmative,), code)
        no = _true_studies(table, sheet, cell.condition, cell.negated, code)
        for stratum in np.union1d(strata[yes[0]], strata[no[0]]).tolist():
            (a, said_a), (b, said_b) = _within(strata, yes, stratum), _within(strata, no, stratum)
            report["cells"] += bool(len(a) or len(b))
            report["cells_without_negation"] += bool(len(a) and not len(b))
            report["affirmative_possible"] += len(a)
            report["negated_possible"] += len(b)
            # Without balance, all that is known is said: everything affirmative, and negations as they come.
            n = min(len(a), len(b))
            na, nb = (n, n) if recipe.captions.balanced else (len(a), min(len(b), 2 * len(a) + 1))
            if recipe.captions.affirmative_controls:
                studies.append(a[:na])
                statements.append(said_a[:na])
            studies.append(b[:nb])
            statements.append(said_b[:nb])
    frame, shares = _lay_out(table, sheet, _join(studies), _join(statements), recipe)
    counts = {
        "studies": len(table.studies),
        "captions": len(frame),
        "shares": shares,
        **{k: int(v) for k, v in sorted(report.items())},
        **_count(frame),
    }
    return Design(frame, pl.DataFrame(schema=REJECTS_SCHEMA), counts)


def sort_into_strata(table: StudyTable) -> Ints:
    """Return the number of each study's stratum: its split, its source, and the size of its study's number.

    Studies with high numbers differ from those with low ones (later years, more visits), so that a number
    would give the polarity away if the captions of a pair were not of like numbers.
    """
    number = pl.col("study_id").str.extract(r"(\d{1,18})\D*$").cast(pl.Float64)
    size = (number.rank("average") * NUMBER_CLASSES / (number.count() + 1)).floor().over("source")
    keys = table.studies.select("source", size.fill_null(-1).alias("size")).with_columns(
        pl.Series("split", table.split)
    )
    return (
        keys.select(pl.struct("source", "split", "size").rank("dense") - 1)
        .to_series()
        .to_numpy()
        .astype(np.int32)
    )


def _list_cells(sheet: Sheet) -> list[_Cell]:
    """Pair each affirmative statement with the negated ones about the same value."""
    negated: dict[tuple[str, str | None, str | None], list[int]] = {}
    for i, f in enumerate(sheet.facts):
        if f.negation_type != "none":
            negated.setdefault((f.condition, f.location, f.severity), []).append(i)
    out = []
    for c, numbers in enumerate(sheet.by_condition):
        for i in numbers:
            f = sheet.facts[i]
            ways = negated.get((f.condition, f.location, f.severity))
            if f.negation_type == "none" and ways:
                out.append(_Cell(c, i, tuple(ways)))
    return out


def _true_studies(
    table: StudyTable, sheet: Sheet, condition: int, statements: tuple[int, ...], code: int
) -> tuple[Ints, Ints]:
    """Return the studies in which one of the statements is true, in hashed order, and which it is.

    Where several are, the hash decides, so that a study is there once.
    """
    first = sheet.by_condition[condition][0]
    columns = np.array([s - first for s in statements])
    true = sheet.verdicts[condition][:, columns] == TRUE
    state = table.state[:, condition]
    hit = np.zeros(len(state), bool)
    hit[state >= 0] = true.any(axis=1)[state[state >= 0]]
    studies = np.flatnonzero(hit).astype(np.int32)
    draws = mix_codes(table.draw[studies], code)
    studies = studies[np.argsort(draws, kind="stable")]
    options = true[state[studies]]
    if len(statements) == 1:
        return studies, np.full(len(studies), statements[0], np.int32)
    pick = (mix_codes(table.draw[studies], code ^ 0x9E3779B97F4A7C15) % np.uint64(len(statements))).astype(
        int
    )
    other = options.argmax(axis=1)
    way = np.where(options[np.arange(len(studies)), pick], pick, other)
    return studies, np.array(statements, np.int32)[way]


def _within(strata: Ints, found: tuple[Ints, Ints], stratum: int) -> tuple[Ints, Ints]:
    here = strata[found[0]] == stratum
    return found[0][here], found[1][here]


def _join(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def _lay_out(
    table: StudyTable, sheet: Sheet, studies: Ints, statements: Ints, recipe: ContextualRecipe
) -> tuple[pl.DataFrame, dict[str, Any]]:
    codes: Codes = np.array([draw_int(recipe.seed, "caption order", str(f)) for f in sheet.facts], np.uint64)
    code = mix_codes(table.draw[studies], codes[statements])
    facts = fact_frame(sheet.facts)
    frame = pl.DataFrame(
        {
            "study": studies,
            "code": code,
            "order": mix_codes(code, draw_int(recipe.seed, "caption order")),
            "fact": facts["fact"].gather(statements),
            "negation_type": facts["negation_type"].cast(pl.String).gather(statements),
            "at": table.split[studies],
            "from": table.studies["source"].gather(studies),
        }
    )
    frame, shares = _choose(frame, table, recipe)
    frame = frame.sort("at", "order")
    rows = table.studies[frame["study"].to_numpy()]
    laid_out = (
        frame.drop("study", "order", "at", "from", "code")
        .hstack(rows)
        .with_columns(
            name_codes("caption", frame["code"]).alias("caption_id"),
            pl.when(pl.col("negation_type") == "none")
            .then(pl.lit("affirmative"))
            .otherwise(pl.lit("negated"))
            .alias("polarity"),
        )
        .select("caption_id", *CARRIED, "polarity", "negation_type", "fact", "pair")
    )
    return laid_out, shares


def _choose(
    frame: pl.DataFrame, table: StudyTable, recipe: ContextualRecipe
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Keep pairs of captions, one of each polarity of one cell, within the limit and the recipe's shares."""
    if frame.is_empty():
        return frame.with_columns(pl.lit(None, pl.UInt32).alias("pair")), {}
    fact = pl.col("fact").struct
    cell = ["at", "from", fact.field("condition"), fact.field("location"), fact.field("severity")]
    keyed = frame.with_columns(
        pl.struct(cell).alias("cell"), (pl.col("negation_type") == "none").alias("affirms")
    ).with_columns(pl.col("order").rank("ordinal").over("cell", "affirms").alias("pair"))
    # a pair is about what its negated half denies; without one, about what the cell could deny
    denied = pl.col("negation_type").filter(~pl.col("affirms")).first()
    plain = (
        pl.when(fact.field("severity").first().is_not_null())
        .then(pl.lit("severity"))
        .when(fact.field("location").first().is_not_null())
        .then(pl.lit("location"))
        .otherwise(pl.lit("existence"))
    )
    pairs = (
        keyed.group_by("cell", "pair")
        .agg(
            pl.len().alias("rows"),
            pl.col("order").min().alias("luck"),
            pl.col("at").first(),
            fact.field("condition").first().alias("condition"),
            pl.coalesce(denied, plain).alias("kind"),
        )
        .sort("luck", "cell", "pair")
    )
    number = {name: i for i, name in enumerate(table.conditions)}
    condition = pairs["condition"].cast(pl.String).replace_strict(number, return_dtype=pl.Int64).to_numpy()
    about = np.zeros((len(pairs), len(table.conditions)))
    about[np.arange(len(pairs)), condition] = pairs["rows"].to_numpy()
    kind = pairs["kind"].replace_strict({k: i for i, k in enumerate(KINDS)}, return_dtype=pl.Int64)
    units = Units(
        rows=pairs["rows"].to_numpy(),
        split=pairs["at"].to_numpy(),
        draw=pairs["luck"].to_numpy(),
        kind=kind.to_numpy(),
        by_condition=about,
    )
    kept = choose_units(
        units,
        table.conditions,
        KINDS,
        limit=recipe.limit,
        max_share=recipe.captions.max_share,
        mix=recipe.captions.mix,
        splits=share_splits(table.split, recipe.splits),
    )
    stay = pairs.filter(pl.Series(kept.keep)).select("cell", "pair").with_row_index("number")
    keyed = keyed.join(stay, on=["cell", "pair"], how="inner", maintain_order="left")
    return keyed.select(*frame.columns, pl.col("number").alias("pair")), kept.report


def _count(frame: pl.DataFrame) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for column in ("split", "polarity", "negation_type", "source"):
        out[f"by_{column}"] = dict(sorted(Counter(frame[column].to_list()).items()))
    condition = frame["fact"].struct.field("condition")
    out["by_condition"] = dict(sorted(Counter(condition.to_list()).items()))
    return out
