"""MedNega: from designed items to rows with texts, each text worded once and read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.mednega.items import ITEM_WORDINGS, draw_wording
from nastdata.engines.base import Engine
from nastdata.frames import REJECTS_SCHEMA, config_schema, name_values, settle_columns
from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import check_question, judge_options
from nastdata.recipe import MednegaRecipe
from nastdata.records import OptionStatement, OptionWording
from nastdata.writing.base import Failure, Writer
from nastdata.writing.grammar.stems import write_question
from nastdata.writing.wording_store import word_options

Wanted = tuple[OptionStatement, int]
Slots = np.ndarray[Any, np.dtype[np.int32]]
AT_ONCE = 20_000
"""Items that are looked at as Python objects at a time."""
FEW = 0.5
"""Share of distinct texts below which rows hold their numbers instead."""


@dataclass
class Worded:
    """Accepted wordings by what was wanted, and the refusals: (wanted, reason, text)."""

    accepted: dict[Wanted, OptionWording] = field(default_factory=dict)
    refused: list[tuple[Wanted, str, str | None]] = field(default_factory=list)
    regenerated: Counter[str] = field(default_factory=Counter)
    """Reason -> how often a text was refused and asked for again."""


def word_checked(
    writer: Writer,
    wanted: Sequence[Wanted],
    ontology: Ontology,
    *,
    wordings: int,
    attempts: int,
    engine: Engine,
) -> Worded:
    """Word statements, read every text back, and ask again for those that do not say just that.

    Options of three conditions in one wording share a plan, so if one of them is refused all of them are
    asked for again. Attempt ``k`` of wording ``i`` asks for wording ``i + k * wordings``: a new text, which
    still depends on the statement and its index only.
    """
    done = Worded()
    todo = list(wanted)
    for attempt in range(attempts):
        results = word_options(writer, [(s, i + attempt * wordings) for s, i in todo], engine)
        reasons = _judge(results, ontology, engine)
        bad = {_plan_of(w) for w, reason in zip(todo, reasons, strict=True) if reason is not None}
        last = attempt + 1 == attempts or writer.tries_again
        again = []
        for origin, result, reason in zip(todo, results, reasons, strict=True):
            if reason is None and isinstance(result, OptionWording) and (last or _plan_of(origin) not in bad):
                done.accepted[origin] = result
            elif last:
                text = result.negated if isinstance(result, OptionWording) else result.text
                done.refused.append((origin, str(reason), text))
            else:
                again.append(origin)
                if reason is not None:
                    done.regenerated[reason] += 1
        todo = again
        if not todo:
            break
    return done


def _plan_of(wanted: Wanted) -> tuple[tuple[str, str, str], int]:
    """Return what decides the plan of a wording: the conditions and the index, not the labels."""
    return wanted[0].conditions, wanted[1]


def _judge(
    results: Sequence[OptionWording | Failure], ontology: Ontology, engine: Engine
) -> list[str | None]:
    """Return the reason against each result, or None: the round trip of both texts."""
    judged = iter(judge_options([r for r in results if isinstance(r, OptionWording)], ontology, engine))
    return [r.reason if isinstance(r, Failure) else next(judged) for r in results]


@dataclass(frozen=True)
class Assembled:
    """Rows of one config (its columns plus ``split``), what was rejected, and counts for the manifest."""

    frame: pl.DataFrame
    rejects: pl.DataFrame
    report: dict[str, Any]


def assemble_mednega(
    items: pl.DataFrame, writer: Writer, ontology: Ontology, recipe: MednegaRecipe, engine: Engine
) -> Assembled:
    """Put designed items into words.

    An item whose texts can't be had is rejected together with its whole group, since a group that lacks a
    member would no longer be balanced.
    """
    n = ITEM_WORDINGS if recipe.writer.per_item else recipe.writer.wordings
    wanted, slots = _list_wanted(items, recipe)
    worded = word_checked(
        writer,
        wanted,
        ontology,
        wordings=n,
        attempts=recipe.writer.max_attempts,
        engine=engine,
    )
    refused = {w: (reason, text) for w, reason, text in worded.refused}
    is_refused = np.array([w in refused for w in wanted], bool)[slots]
    marked = items.with_columns(pl.Series("bad", is_refused.any(axis=1)))
    bad = marked.select(pl.col("bad").any().over("group_id")).to_series()
    rejects = []
    for at in np.flatnonzero(bad.to_numpy()).tolist():
        which = np.flatnonzero(is_refused[at])
        reason, text = "another item of its group", None
        if len(which):
            reason, text = refused[wanted[slots[at, which[0]]]]
        rejects.append(("text", reason, items["source"][at], items["item_id"][at], text))
    kept = ~bad
    frame = _join_texts(items.filter(kept), slots[kept.to_numpy()], wanted, worded, ontology, recipe)
    report = {
        "items_in": len(items),
        "accepted": len(frame),
        "rejected": len(rejects),
        "distinct_statements": len({w[0] for w in wanted}),
        "distinct_wordings": len(wanted),
        "regenerated": dict(sorted(worded.regenerated.items())),
    }
    return Assembled(frame, pl.DataFrame(rejects, schema=REJECTS_SCHEMA, orient="row"), report)


def _list_wanted(items: pl.DataFrame, recipe: MednegaRecipe) -> tuple[list[Wanted], Slots]:
    """Return the distinct (statement, wording), and (items, 4) which of them each option takes."""
    number: dict[Wanted, int] = {}
    slots = np.empty((len(items), 4), np.int32)
    columns = ("group_id", "conditions", "choice_labels", "choice_phrases")
    at = 0
    for part in items.select(columns).iter_slices(AT_ONCE):
        for group, conditions, labels, phrases in part.iter_rows():
            index, names = draw_wording(recipe, group), tuple(conditions)
            for i, (label, phrase) in enumerate(zip(labels, phrases, strict=True)):
                key = (OptionStatement(names, tuple(label), tuple(phrase)), index)
                slots[at, i] = number.setdefault(key, len(number))
            at += 1
    return list(number), slots


def _join_texts(
    items: pl.DataFrame,
    slots: Slots,
    wanted: list[Wanted],
    worded: Worded,
    ontology: Ontology,
    recipe: MednegaRecipe,
) -> pl.DataFrame:
    """Return the rows of items whose four options have texts."""
    said = [worded.accepted.get(w) for w in wanted]
    negated = _share_texts([t.negated if t else None for t in said], 4 * len(items))
    affirmative = _share_texts([t.affirmative if t else None for t in said], 4 * len(items))
    groups = items["group_id"].unique(maintain_order=True)
    asked = [write_question(ontology, recipe.seed, g) for g in groups]
    for question in sorted(set(asked)):
        problem = check_question(question, ontology)
        if problem:
            raise AssertionError(f"question '{question}': {problem}")
    stems = pl.DataFrame({"group_id": groups, "question": _share_texts(asked, len(items))})
    plans: dict[tuple[int, ...], int] = {}
    plan = [plans.setdefault(tuple(four), len(plans)) for four in np.sort(slots, axis=1).tolist()]
    fours = [[t for i in four if (t := said[i])] for four in plans]
    plan_ids = ["+".join(sorted({t.plan_id for t in four})) for four in fours]
    realizers = [", ".join(sorted({t.realizer for t in four})) for four in fours]
    schema = {**config_schema("mednega"), "split": pl.String()}
    frame = items.join(stems, on="group_id", how="left", maintain_order="left").with_columns(
        _list_by_four(negated, slots).alias("negated_choices"),
        _list_by_four(affirmative, slots).alias("affirmative_choices"),
        _share_texts(plan_ids, len(items)).gather(plan).alias("plan_id"),
        _share_texts(realizers, len(items)).gather(plan).alias("realizer"),
    )
    return settle_columns(frame, schema)


def _share_texts(texts: Sequence[str | None], rows: int) -> pl.Series:
    """Return texts as a series, named by number where far more rows have one."""
    series = pl.Series(texts, dtype=pl.String)
    return series.cast(name_values(series)) if len(texts) < FEW * rows else series


def _list_by_four(texts: pl.Series, slots: Slots) -> pl.Series:
    """Return the (items,) lists of four texts."""
    flat = texts.gather(slots.ravel())
    return (
        flat.reshape((len(slots), 4)).arr.to_list()
        if len(slots)
        else pl.Series([], dtype=pl.List(flat.dtype))
    )
