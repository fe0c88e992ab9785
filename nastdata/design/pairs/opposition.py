"""Quadruplets for CoN-CLIP's loss: image, prompt, an image of the opposite state, and its prompt."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl

from nastdata.design.base import Design
from nastdata.design.contextual.rows import name_codes
from nastdata.design.contextual.states import logic_of
from nastdata.design.contextual.study_states import Ints, StudyTable, tabulate_studies
from nastdata.design.pairs.evening import CELL, even_out
from nastdata.design.pairs.prompts import Polarity, Style, retrieval_prompts
from nastdata.errors import UserError, name_nearest
from nastdata.frames import REJECTS_SCHEMA, config_schema
from nastdata.ontology import Ontology
from nastdata.recipe import OppositionRecipe
from nastdata.seeded import draw_int, mix_codes

SCHEMA = pl.Schema({**config_schema("opposition"), "split": pl.String()})
POLARITIES: tuple[Polarity, Polarity] = ("negative", "positive")


def design_opposition(facts: pl.DataFrame, ontology: Ontology, recipe: OppositionRecipe) -> Design:
    """Design quadruplets: one for each (study, definite condition, style).

    The distractor is a study of the opposite state of that condition, of another patient, in the same split
    and source; the hash chooses it. Its prompt is of the same style and says the opposite. With ``balanced``,
    each condition has as many positive prompts as negative ones in each split and source.

    Args:
        facts: ``frames.FACTS_SCHEMA`` plus ``split``.
        ontology: names and articles.
        recipe: conditions, styles, limit, seed.

    Raises:
        UserError: if the recipe names a condition that the ontology doesn't have.
    """
    for name in recipe.conditions:
        if name not in ontology.order:
            raise UserError(
                f"no such condition '{name}'", where="conditions", how=name_nearest(name, ontology.order)
            )
    logic = logic_of(ontology)
    table = tabulate_studies(facts, logic, recipe.seed)
    place = table.studies.select(pl.struct("source", "split").rank("dense")).to_series().to_numpy()
    patient = table.studies.select(pl.struct("source", "patient_id").rank("dense")).to_series().to_numpy()
    left_out: Counter[str] = Counter()
    parts = []
    for c, name in enumerate(table.conditions):
        if recipe.conditions and name not in recipe.conditions:
            continue
        shown = _read_labels(table, c)
        own, other = _match_opposites(table, shown, place, patient, draw_int(recipe.seed, "oppose", name))
        lacking = int((shown >= 0).sum()) - len(own)
        if lacking:
            left_out["no study of the opposite state in its source and split"] += lacking
        for style in recipe.styles:
            parts.append(_word_rows(table, own, other, shown, style, name, ontology, recipe.seed))
    frame = (
        pl.concat(parts)
        if parts
        else pl.DataFrame(schema={**SCHEMA, "code": pl.UInt64(), "order": pl.UInt64()})
    )
    frame, uneven = even_out(
        frame,
        "polarity",
        cell=(*CELL, "style"),
        balanced=recipe.balanced,
        limit=recipe.limit,
        shares=recipe.splits.by_name,
    )
    if uneven:
        left_out["no prompt of the other polarity in its split, source and condition"] += uneven
    frame = frame.with_columns(name_codes("opposition", frame["code"]).alias("pair_id")).sort(
        "split", "pair_id"
    )
    report = {
        "studies": len(table.studies),
        "quadruplets": len(frame),
        "contradictory_states": table.contradictory,
        "left_out": dict(left_out),
        "by_condition": dict(sorted(Counter(frame["condition"].to_list()).items())),
        "by_style": dict(sorted(Counter(frame["style"].to_list()).items())),
        "by_polarity": dict(sorted(Counter(frame["polarity"].to_list()).items())),
    }
    return Design(frame.select(list(SCHEMA)).cast(SCHEMA), pl.DataFrame(schema=REJECTS_SCHEMA), report)


def _read_labels(table: StudyTable, c: int) -> Ints:
    """Return 1, 0 or -1 for each study: on record as present, as absent, or neither."""
    on_record = [1 if s.records else 0 if s.existence == "absent" else -1 for s in table.states[c]]
    labels = np.array([*on_record, -1], np.int32)
    out: Ints = labels[table.state[:, c]]
    return out


def _match_opposites(
    table: StudyTable, shown: Ints, place: np.ndarray, patient: np.ndarray, code: int
) -> tuple[Ints, Ints]:
    """Choose for each study one of the opposite state in the same place, of another patient.

    The candidates stand in a hashed order; a study takes the one that its own hash points at, or the next
    of another patient.
    """
    mine, theirs = [], []
    for where in np.unique(place):
        here = place == where
        for state in (1, 0):
            own = np.flatnonzero(here & (shown == state))
            pool = np.flatnonzero(here & (shown == 1 - state))
            pool = pool[np.argsort(mix_codes(table.draw[pool], code), kind="stable")]
            if not len(pool):
                continue
            at = (mix_codes(table.draw[own], code ^ 0x5851F42D4C957F2D) % np.uint64(len(pool))).astype(
                np.int64
            )
            open_ = patient[pool[at]] == patient[own]
            for _ in range(len(pool) - 1):
                if not open_.any():
                    break
                at[open_] = (at[open_] + 1) % len(pool)
                open_ = patient[pool[at]] == patient[own]
            mine.append(own[~open_])
            theirs.append(pool[at[~open_]])
    empty = np.zeros(0, np.int32)
    return np.concatenate([empty, *mine]).astype(np.int32), np.concatenate([empty, *theirs]).astype(np.int32)


def _word_rows(
    table: StudyTable,
    own: Ints,
    other: Ints,
    shown: Ints,
    style: Style,
    name: str,
    ontology: Ontology,
    seed: int,
) -> pl.DataFrame:
    said = {
        polarity: pl.Series(
            [p.text for p in retrieval_prompts(ontology, name) if (p.style, p.polarity) == (style, polarity)]
        )
        for polarity in POLARITIES
    }
    code = mix_codes(table.draw[own], draw_int(seed, "opposition", name, style))
    order = mix_codes(code, draw_int(seed, "opposition order"))
    prompts = {}
    for column, studies in (("prompt", own), ("distractor_prompt", other)):
        pick = mix_codes(order, draw_int(seed, column))
        texts = [said[p].gather((pick % np.uint64(len(said[p]))).astype(np.uint32)) for p in POLARITIES]
        positive = pl.Series(shown[studies] == 1)
        prompts[column] = texts[1].zip_with(positive, texts[0])
    rows = table.studies[own].with_columns(
        prompts["prompt"].alias("prompt"),
        table.studies["image_id"].gather(other).alias("distractor_image_id"),
        table.studies["image"].gather(other).alias("distractor_image"),
        prompts["distractor_prompt"].alias("distractor_prompt"),
        pl.lit(name).alias("condition"),
        pl.lit(style).alias("style"),
        pl.Series("polarity", np.where(shown[own] == 1, "positive", "negative"), pl.String),
        pl.Series("code", code),
        pl.Series("order", order),
    )
    return rows.select(*(c for c in SCHEMA if c != "pair_id"), "code", "order")
