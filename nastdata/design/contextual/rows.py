"""From groups of studies to the rows of claim sets: order of claims, place of the answer, ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import polars as pl
import pyarrow as pa

from nastdata.design.contextual.arrays.groups import Groups
from nastdata.design.contextual.families import Family
from nastdata.design.contextual.study_states import CARRIED, Codes, StudyTable
from nastdata.design.contextual.truth_table import ATTRIBUTES, Sheet
from nastdata.frames import name_values
from nastdata.records import Fact, NegationType
from nastdata.seeded import draw_int, mix_codes

CLAIM_COLUMNS = (
    *("set_id", *CARRIED, "condition", "negation_type", "set_kind"),
    *("claim_facts", "claim_negations", "altered", "answer", "group_id"),
)


NEGATION_TYPE = name_values(get_args(NegationType))


def fact_frame(facts: Sequence[Fact], *, qualified: bool = False) -> pl.DataFrame:
    """Return facts as rows: ``fact`` (struct of four attributes, or five) and ``negation_type``.

    All are ``name_values``: ten million claims take four bytes each then.
    """
    parts = ("condition", "existence", "location", "severity", *(("qualifier",) if qualified else ()))
    said = {p: [getattr(f, p) for f in facts] for p in parts}
    columns = {p: pl.Series(p, values, name_values(values)) for p, values in said.items()}
    return pl.DataFrame(columns).select(
        pl.struct(parts).alias("fact"),
        pl.Series("negation_type", [f.negation_type for f in facts], NEGATION_TYPE),
    )


def claim_rows(table: StudyTable, sheet: Sheet, families: list[Family], groups: list[Groups]) -> pl.DataFrame:
    """Lay out claim sets, K rows a group, in hashed order within each split.

    The answer's place runs through 0..K-1 within a group, in an order of its own, and the false claims
    stand in hashed order: neither tells anything about the claim that stands there. Rows of a group are
    together, in hashed order. Ids are hashes of the group's statements and studies; which claim is true has
    no part in them.
    """
    facts = fact_frame(sheet.facts)
    names = pl.Series([*ATTRIBUTES], dtype=name_values(ATTRIBUTES))
    kinds = pl.Series([f.kind for f in families], dtype=pl.String)
    mixed = pl.Series([len(f.conditions) > 1 for f in families], dtype=pl.Boolean)
    parts = []
    for g in groups:
        n, k = g.claims.shape
        if n == 0:
            continue
        order, answer = _arrange(g)
        said = np.take_along_axis(np.broadcast_to(g.claims[:, None, :], order.shape), order, axis=2)
        altered = np.take_along_axis(g.altered, order, axis=2)
        rows = n * k
        long = pl.DataFrame(
            {
                "row": np.repeat(np.arange(rows, dtype=np.uint32), k),
                "claim_facts": facts["fact"].gather(said.ravel()),
                "claim_negations": facts["negation_type"].gather(said.ravel()),
                "altered": names.gather(altered.ravel()),
            }
        )
        lists = long.group_by("row", maintain_order=True).agg(pl.all()).drop("row")
        family = np.repeat(g.family, k)
        parts.append(
            pl.DataFrame(
                {
                    "study": g.studies.ravel(),
                    "set": set_codes(table, families, g).ravel(),
                    "group": np.repeat(group_codes(table, families, g), k),
                    "order": np.repeat(g.draw, k),
                    "family": family,
                    "kind": np.repeat(g.split, k),
                    "condition": facts["fact"].struct.field("condition").gather(g.claims.ravel()),
                    "negation_type": kinds.gather(family),
                    "mixed": mixed.gather(family),
                    "answer": answer.ravel().astype(np.int64),
                }
            ).hstack(lists)
        )
    if not parts:
        return _empty(facts)
    frame = pl.concat(parts).sort("kind", "order", "group", "set")
    frame = frame.with_columns(
        name_codes("group", frame["group"]).alias("group_id"), name_codes("set", frame["set"]).alias("set_id")
    )
    studies = table.studies[frame["study"].to_numpy()]
    return frame.hstack(studies).select(
        "set_id",
        *CARRIED,
        "condition",
        "negation_type",
        pl.when("mixed")
        .then(pl.lit("mixed_condition"))
        .otherwise(pl.lit("same_condition"))
        .alias("set_kind"),
        "claim_facts",
        "claim_negations",
        "altered",
        "answer",
        "group_id",
    )


def group_codes(table: StudyTable, families: list[Family], g: Groups) -> Codes:
    """Return a hashed code for each group: of its statements and its studies, in no order."""
    wording = np.array([draw_int(0, "group", *map(str, f.claims)) for f in families], np.uint64)[g.family]
    return mix_codes(mix_codes(table.draw[g.studies], draw_int(0, "group member")).sum(axis=1), wording)


def set_codes(table: StudyTable, families: list[Family], g: Groups) -> Codes:
    """Return a hashed code for each set, G x K: of its group and its study."""
    group = mix_codes(group_codes(table, families, g), draw_int(0, "set"))
    return mix_codes(np.repeat(group[:, None], g.studies.shape[1], axis=1), table.draw[g.studies])


def name_codes(prefix: str, codes: pl.Series) -> pl.Series:
    """Return ids such as ``set-0f3a...``: a prefix and sixteen hexadecimal digits."""
    digits = pa.py_buffer(codes.to_numpy().astype(">u8").tobytes().hex().encode())
    named = pl.Series(pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(codes), [None, digits]))
    return pl.Series([prefix + "-"]) + named.cast(pl.String)


def _arrange(g: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of claims (G x K x K) and the answer's place (G x K)."""
    n, k = g.claims.shape
    index = np.arange(k * k, dtype=np.uint64)
    salts = mix_codes(index + np.uint64(1), draw_int(0, "arrange"))
    places = mix_codes(np.repeat(g.draw[:, None], k, axis=1), salts[:k][None, :])
    answer = np.argsort(np.argsort(places, axis=1, kind="stable"), axis=1, kind="stable")
    keys = mix_codes(
        np.repeat(g.draw[:, None], k * k, axis=1) ^ np.uint64(draw_int(0, "order")), salts[None, :]
    ).reshape(n, k, k)
    keys[:, np.arange(k), np.arange(k)] = np.iinfo(np.uint64).max
    ranked = np.argsort(keys, axis=2, kind="stable")
    at = np.arange(k)[None, None, :]
    where = answer[:, :, None]
    # The true claim sorts last: it goes to its place, and those behind it move up by one.
    source = np.where(at < where, at, np.where(at == where, k - 1, at - 1))
    return np.take_along_axis(ranked, source, axis=2), answer


def _empty(facts: pl.DataFrame) -> pl.DataFrame:
    lists = {
        "claim_facts": pl.List(facts.schema["fact"]),
        "claim_negations": pl.List(pl.String),
        "altered": pl.List(pl.String),
        "answer": pl.Int64(),
    }
    return pl.DataFrame(schema={c: lists.get(c, pl.String()) for c in CLAIM_COLUMNS})
