"""Single captions: a true negated or affirmative statement about one fact of an image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.base import Design
from nastdata.design.contextual.arrays.id_classes import class_ids
from nastdata.design.contextual.forming import share_splits
from nastdata.design.contextual.rows import fact_frame, name_codes
from nastdata.design.contextual.shares import Units, choose_units
from nastdata.design.contextual.states import logic_of
from nastdata.design.contextual.study_states import CARRIED, KEYS, Codes, Ints, StudyTable
from nastdata.design.contextual.truth_table import TRUE, Bools, Known, Sheet, know
from nastdata.frames import REJECTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.recipe import ContextualRecipe
from nastdata.records import Fact
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


NOTHING: tuple[Ints, Ints] = (np.zeros(0, np.int32), np.zeros(0, np.int32))
_Filled = tuple[tuple[Ints, Ints], tuple[Ints, Ints]]
"""Of one cell: studies and what is said of each, affirmed and denied, in hashed order."""


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
    said = list(sheet.facts)
    parts: list[tuple[Ints, Ints, Ints]] = []
    report: Counter[str] = Counter()
    strata = sort_into_strata(table)
    stated: dict[int, Bools] = {}
    cells = [_fill_cell(known, cell, recipe.seed) for cell in _list_cells(sheet)]
    in_part = "qualified" in recipe.strength and "existence" in recipe.negation_types
    if in_part:
        cells += _list_qualified(facts, known, ontology, recipe.seed, said)
    for number, (yes, no) in enumerate(cells):
        affirmed, denied = _divide(strata, yes), _divide(strata, no)
        for stratum in sorted({*affirmed, *denied}):
            (a, said_a), (b, said_b) = affirmed.get(stratum, NOTHING), denied.get(stratum, NOTHING)
            if in_part and len(a):  # what was affirmed of a study beside another denial is not affirmed again
                done = stated.setdefault(int(said_a[0]), np.zeros(len(table.studies), bool))
                a, said_a = a[~done[a]], said_a[~done[a]]
            report["cells"] += bool(len(a) or len(b))
            report["cells_without_negation"] += bool(len(a) and not len(b))
            report["affirmative_possible"] += len(a)
            report["negated_possible"] += len(b)
            # Without balance, all that is known is said: everything affirmative, and negations as they come.
            n = min(len(a), len(b))
            na, nb = (n, n) if recipe.captions.balanced else (len(a), min(len(b), 2 * len(a) + 1))
            if in_part and na:
                done[a[:na]] = True
            if recipe.captions.affirmative_controls:
                parts.append((a[:na], said_a[:na], np.full(na, number, np.int32)))
            parts.append((b[:nb], said_b[:nb], np.full(nb, number, np.int32)))
    studies, statements, numbers = (_join([p[k] for p in parts]) for k in range(3))
    frame, shares = _lay_out(table, said, studies, statements, numbers, recipe)
    counts = {
        "studies": len(table.studies),
        "captions": len(frame),
        "shares": shares,
        **{k: int(v) for k, v in sorted(report.items())},
        **_count(frame),
    }
    return Design(frame, pl.DataFrame(schema=REJECTS_SCHEMA), counts)


def sort_into_strata(table: StudyTable) -> Ints:
    """Return the number of each study's stratum: split, source, form of its id, size of its study's number.

    Studies with high numbers differ from those with low ones (later years, more visits), so that a number
    would give the polarity away if the captions of a pair were not of like numbers.
    """
    number = pl.col("study_id").str.extract(r"(\d{1,18})\D*$").cast(pl.Float64)
    size = (number.rank("average") * NUMBER_CLASSES / (number.count() + 1)).floor().over("source", "form")
    keys = (
        table.studies.with_columns(pl.Series("form", class_ids(table.studies)))
        .select("source", "form", size.fill_null(-1).alias("size"))
        .with_columns(pl.Series("split", table.split))
    )
    return (
        keys.select(pl.struct("source", "form", "split", "size").rank("dense") - 1)
        .to_series()
        .to_numpy()
        .astype(np.int32)
    )


def _fill_cell(known: Known, cell: _Cell, seed: int) -> _Filled:
    """Return the studies of which a cell's statements are true."""
    table, sheet = known.table, known.sheet
    code = draw_int(seed, "captions", str(sheet.facts[cell.affirmative]))
    yes = _true_studies(table, sheet, cell.condition, (cell.affirmative,), code)
    return yes, _true_studies(table, sheet, cell.condition, cell.negated, code)


def _list_qualified(
    facts: pl.DataFrame, known: Known, ontology: Ontology, seed: int, said: list[Fact]
) -> list[_Filled]:
    """Return cells of denials in part ("no focal consolidation"), and add their statements to ``said``.

    Such a denial is true where the source makes it. The other half of a pair says that the finding is there,
    with the same word where that is true of every finding that is surely there ("a definite effusion").
    """
    table, sheet = known.table, known.sheet
    bare = pl.col("location").is_null() & pl.col("severity").is_null() & pl.col("qualifier").is_not_null()
    numbered = table.studies.select(KEYS).with_row_index("study")
    denied = (
        facts.filter((pl.col("existence") == "absent") & bare)
        .select(*KEYS, "condition", "qualifier")
        .unique()
        .join(numbered, on=KEYS)
    )
    out = []
    for number, condition in enumerate(table.conditions):
        present = Fact(condition, "present")
        if present not in sheet.facts:
            continue
        plain = sheet.facts.index(present)
        own = denied.filter(pl.col("condition") == condition)
        for word in ontology.list_qualifiers(condition):
            studies = own.filter(pl.col("qualifier") == word)["study"].sort().to_numpy().astype(np.int32)
            if not len(studies):
                continue
            code = draw_int(seed, "captions", condition, word)
            order = np.argsort(mix_codes(table.draw[studies], code), kind="stable")
            yes, _ = _true_studies(table, sheet, number, (plain,), code)
            affirmed = plain
            if word in ontology.evident:
                affirmed = len(said)
                said.append(Fact(condition, "present", qualifier=word))
            denies = len(said)
            said.append(Fact(condition, "absent", qualifier=word))
            out.append(
                (
                    (yes, np.full(len(yes), affirmed, np.int32)),
                    (studies[order], np.full(len(studies), denies, np.int32)),
                )
            )
    return out


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


def _divide(strata: Ints, found: tuple[Ints, Ints]) -> dict[int, tuple[Ints, Ints]]:
    """Return stratum -> its studies and what is said of each, in the order in which they were found."""
    if not len(found[0]):
        return {}
    own = strata[found[0]]
    order = np.argsort(own, kind="stable")
    cuts = np.flatnonzero(np.diff(own[order])) + 1
    parts = zip(np.split(found[0][order], cuts), np.split(found[1][order], cuts), strict=True)
    return {int(strata[studies[0]]): (studies, said) for studies, said in parts}


def _join(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, np.int32)


def _lay_out(
    table: StudyTable,
    said: list[Fact],
    studies: Ints,
    statements: Ints,
    cells: Ints,
    recipe: ContextualRecipe,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    codes: Codes = np.array([draw_int(recipe.seed, "caption order", str(f)) for f in said], np.uint64)
    code = mix_codes(table.draw[studies], codes[statements])
    facts = fact_frame(said, qualified=True)
    frame = pl.DataFrame(
        {
            "study": studies,
            "code": code,
            "order": mix_codes(code, draw_int(recipe.seed, "caption order")),
            "fact": facts["fact"].gather(statements),
            "negation_type": facts["negation_type"].cast(pl.String).gather(statements),
            "at": table.split[studies],
            "from": table.studies["source"].gather(studies),
            "number": cells,
        }
    )
    frame, shares = _choose(frame, table, recipe)
    frame = frame.sort("at", "order")
    rows = table.studies[frame["study"].to_numpy()]
    laid_out = (
        frame.drop("study", "order", "at", "from", "code", "number")
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
    cell = ["at", "from", "number"]
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
    stay = pairs.filter(pl.Series(kept.keep)).select("cell", "pair").with_row_index("kept")
    keyed = keyed.join(stay, on=["cell", "pair"], how="inner", maintain_order="left")
    return keyed.select(*frame.columns, pl.col("kept").alias("pair")), kept.report


def _count(frame: pl.DataFrame) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for column in ("split", "polarity", "negation_type", "source"):
        out[f"by_{column}"] = dict(sorted(Counter(frame[column].to_list()).items()))
    condition = frame["fact"].struct.field("condition")
    out["by_condition"] = dict(sorted(Counter(condition.to_list()).items()))
    return out
