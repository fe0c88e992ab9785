"""MedNega: from designed items to rows with texts, each text worded once and read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from nastdata.design.mednega.items import ITEM_WORDINGS, draw_wording
from nastdata.engines.base import Engine
from nastdata.frames import REJECTS_SCHEMA, config_schema
from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import check_question, judge_options
from nastdata.recipe import MednegaRecipe
from nastdata.records import OptionStatement, OptionWording
from nastdata.writing.base import Failure, Writer
from nastdata.writing.grammar.stems import write_question
from nastdata.writing.wording_store import word_options

Wanted = tuple[OptionStatement, int]


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
    records = items.to_dicts()
    wanted: dict[Wanted, None] = {}
    asked: list[list[Wanted]] = []
    for r in records:
        index = draw_wording(recipe, r["group_id"])
        names = tuple(r["conditions"])
        four = [
            (OptionStatement(names, tuple(labels), tuple(phrases)), index)
            for labels, phrases in zip(r["choice_labels"], r.pop("choice_phrases"), strict=True)
        ]
        asked.append(four)
        wanted.update(dict.fromkeys(four))
    worded = word_checked(
        writer,
        list(wanted),
        ontology,
        wordings=n,
        attempts=recipe.writer.max_attempts,
        engine=engine,
    )
    refused = {w: (reason, text) for w, reason, text in worded.refused}
    bad_groups = {
        r["group_id"] for r, four in zip(records, asked, strict=True) if any(w in refused for w in four)
    }
    questions: dict[str, str] = {}
    rows, rejects = [], []
    for r, four in zip(records, asked, strict=True):
        if r["group_id"] in bad_groups:
            reason, text = next(
                (refused[w] for w in four if w in refused), ("another item of its group", None)
            )
            rejects.append(
                {"stage": "text", "reason": reason, "source": r["source"], "key": r["item_id"], "text": text}
            )
            continue
        texts = [worded.accepted[w] for w in four]
        group = r["group_id"]
        if group not in questions:
            questions[group] = write_question(ontology, recipe.seed, group)
        rows.append(
            {
                **r,
                "question": questions[group],
                "negated_choices": [t.negated for t in texts],
                "affirmative_choices": [t.affirmative for t in texts],
                "plan_id": "+".join(sorted({t.plan_id for t in texts})),
                "realizer": ", ".join(sorted({t.realizer for t in texts})),
            }
        )
    for question in sorted(set(questions.values())):
        problem = check_question(question, ontology)
        if problem:
            raise AssertionError(f"question '{question}': {problem}")
    schema = {**config_schema("mednega"), "split": pl.String()}
    frame = pl.DataFrame(rows, schema=schema, orient="row") if rows else pl.DataFrame(schema=schema)
    report = {
        "items_in": len(records),
        "accepted": len(rows),
        "rejected": len(rejects),
        "distinct_statements": len({w[0] for w in wanted}),
        "distinct_wordings": len(wanted),
        "regenerated": dict(sorted(worded.regenerated.items())),
    }
    return Assembled(frame, pl.DataFrame(rejects, schema=REJECTS_SCHEMA, orient="row"), report)
