"""Claims, captions and prompts: from designed facts to rows with texts.

Words are made once: the millions of (row, fact) pairs come down to some thousands of distinct facts in a
few wordings each, which are worded, read back and joined to the rows by number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np
import polars as pl

from nastdata.assemble.lengths import match_lengths
from nastdata.assemble.options import Assembled
from nastdata.design.mednega.items import ITEM_WORDINGS
from nastdata.engines.base import Engine
from nastdata.frames import REJECTS_SCHEMA, config_schema, name_values, settle_columns
from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import judge_facts
from nastdata.recipe import BuildRecipe
from nastdata.records import Fact, FactWording
from nastdata.seeded import draw_int
from nastdata.writing.base import Failure, Writer
from nastdata.writing.template import TemplateWriter
from nastdata.writing.wording_store import word_facts

AT_ONCE = 1_000_000
"""Rows whose texts are looked up at a time."""
FEW = 0.5
"""Share of distinct texts below which rows hold their numbers instead."""
Codes = np.ndarray[Any, np.dtype[np.uint64]]
POOL = 64
"""Wordings of each fact among which two of equal length are looked for."""
FACT_KEYS = ("condition", "existence", "location", "severity", "denies", "qualifier")


def assemble_captions(
    captions: pl.DataFrame, writer: Writer, ontology: Ontology, recipe: BuildRecipe, engine: Engine
) -> Assembled:
    """Put designed captions into words; a caption whose text can't be had is rejected.

    The two captions of a ``pair`` get wordings of equal length where the template writes them: then length
    says nothing of the polarity. A language model is asked for the wordings that the hash drew: each costs.
    """
    long = captions.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
        pl.lit(0, pl.UInt8).alias("place"),
        pl.col("fact").struct.unnest(),
        _denies(pl.col("negation_type"), pl.col("fact").struct.field("existence")).alias("denies"),
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("key"),
    )
    free = isinstance(writer, TemplateWriter) and not recipe.writer.per_item
    pairs = _pair_rows(captions) if free else None
    worded = _word(long, captions["caption_id"], writer, ontology, recipe, engine, pairs)
    joined = captions.with_row_index("row").with_columns(
        worded.texts.gather(worded.slot).alias("text"), worded.realizers.gather(worded.slot).alias("realizer")
    )
    schema = {**config_schema("contextual_captions"), "split": pl.String()}
    done = joined.filter(pl.col("text").is_not_null()).rename({"text": "caption"})
    lost = joined.filter(pl.col("text").is_null()).select("source", pl.col("caption_id").alias("key"), "row")
    return _finish(settle_columns(done, schema), lost, worded, len(captions))


def assemble_claims(
    sets: pl.DataFrame, writer: Writer, ontology: Ontology, recipe: BuildRecipe, engine: Engine
) -> Assembled:
    """Put designed claim sets into words.

    Sets of one group share their texts. If a text can't be had, its whole group is rejected, since what is
    left of it would no longer be balanced.
    """
    long = (
        sets.select(
            pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
            pl.int_ranges(0, pl.col("claim_facts").list.len(), dtype=pl.UInt8).alias("place"),
            "claim_facts",
            "claim_negations",
            (pl.col("group_id").rank("dense") - 1).cast(pl.UInt32).alias("key"),
        )
        .explode("place", "claim_facts", "claim_negations")
        .with_columns(
            _denies(pl.col("claim_negations"), pl.col("claim_facts").struct.field("existence")).alias(
                "denies"
            )
        )
        .unnest("claim_facts")
        .with_columns(pl.lit(None, pl.String).alias("qualifier"))
        .select("row", "place", *FACT_KEYS, "key")
    )
    worded = _word(long, sets["group_id"].unique().sort(), writer, ontology, recipe, engine)
    joined = sets.with_row_index("row").hstack(_list_texts(long["row"], worded))
    joined = joined.with_columns(pl.col("lost").any().over("group_id"))
    schema = {**config_schema("contextual_claims"), "split": pl.String()}
    done = joined.filter(~pl.col("lost"))
    lost = joined.filter("lost").select("source", pl.col("set_id").alias("key"), "row")
    return _finish(settle_columns(done, schema), lost, worded, len(sets))


def _list_texts(rows: pl.Series, worded: _Worded) -> pl.DataFrame:
    """Return one row for each run of equal ``rows``: its texts, who wrote them, and whether one is lost."""
    parts = []
    starts = np.flatnonzero(np.diff(rows.to_numpy().astype(np.int64), prepend=-1))[:: AT_ONCE // 8]
    for start, end in pairwise([*starts.tolist(), len(rows)]):
        slot = worded.slot[start:end]
        part = pl.DataFrame(
            {
                "row": rows[start:end],
                "text": worded.texts.gather(slot),
                "realizer": worded.realizers.gather(slot),
            }
        )
        parts.append(
            part.group_by("row", maintain_order=True)
            .agg(
                pl.col("text").alias("claims"),
                pl.col("realizer").unique().drop_nulls().sort().str.join(", "),
                pl.col("text").has_nulls().alias("lost"),
            )
            .drop("row")
        )
    texts = {"claims": pl.List(worded.texts.dtype), "realizer": pl.String(), "lost": pl.Boolean()}
    return pl.concat([pl.DataFrame(schema=texts), *parts])


@dataclass(frozen=True)
class _Worded:
    """Texts of some (row, fact), one a row of a long frame; why texts were refused, and counts."""

    slot: np.ndarray[Any, np.dtype[np.uint32]]
    """(long,) where each finds its text."""
    texts: pl.Series
    """Null where refused."""
    realizers: pl.Series
    refused: pl.DataFrame
    """row, reason, bad: the first refusal of each row."""
    report: dict[str, Any]


def _pair_rows(captions: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Return (pairs, 2) rows: the affirmative and the negated caption of each pair; None without pairs."""
    if "pair" not in captions.columns:
        return None
    rows = captions.select("pair", "polarity", pl.int_range(pl.len()).alias("row")).drop_nulls("pair")
    halves = [rows.filter(pl.col("polarity") == p).select("pair", "row") for p in ("affirmative", "negated")]
    both = halves[0].join(halves[1], on="pair", suffix="_negated").sort("pair")
    return both.select("row", "row_negated").cast(pl.Int64).to_numpy() if len(both) else None


def _denies(negation: pl.Expr, existence: pl.Expr) -> pl.Expr:
    """A present fact whose negation is of its place or grade denies that attribute."""
    attribute = negation.is_in(["location", "severity"]) & (existence == "present")
    return pl.when(attribute).then(negation)


def _word(
    long: pl.DataFrame,
    keys: pl.Series,
    writer: Writer,
    ontology: Ontology,
    recipe: BuildRecipe,
    engine: Engine,
    pairs: np.ndarray[Any, np.dtype[np.int64]] | None = None,
) -> _Worded:
    """Choose a wording for every (key, fact) and join its text.

    Args:
        long: columns row, place, the fact's attributes, ``key`` (by number, what shares wordings).
        keys: names of the keys.
        writer: words the distinct ones.
        ontology: for reading them back.
        recipe: seed, number of wordings, attempts.
        engine: where the work runs.
        pairs: (pairs, 2) rows whose texts are to be equally long; the writer's texts must be free.
    """
    per_item = recipe.writer.per_item
    n = ITEM_WORDINGS if per_item else recipe.writer.wordings
    facts = long.select(FACT_KEYS).unique().sort(FACT_KEYS, nulls_last=False)
    objects = [Fact(*values) for values in facts.iter_rows()]
    # a qualifier, where there is one, is one more thing to draw by
    codes = [draw_int(recipe.seed, "fact", *map(str, v[: None if v[-1] else -1])) for v in facts.iter_rows()]
    facts = facts.with_row_index("fact")
    code = np.array(codes, np.uint64)
    draws = np.array([draw_int(recipe.seed, "wording", k) for k in keys], np.uint64)
    fact = np.empty(len(long), np.uint32)
    mixed = np.empty(len(long), np.uint32)
    for start in range(0, len(long), AT_ONCE):
        part = long[start : start + AT_ONCE].join(
            facts, on=FACT_KEYS, how="left", nulls_equal=True, maintain_order="left"
        )
        here = slice(start, start + len(part))
        fact[here] = part["fact"].to_numpy()
        # The texts of one item share a number if they are asked for in one question.
        mixed[here] = _mix(_draw(draws, code, part["key"].to_numpy(), fact[here], per_item)) % np.uint64(n)
    if pairs is not None:
        # more to choose from than the recipe's number: few pairs of wordings are equally long
        pool = max(n, POOL)
        answers = iter(word_facts(writer, [(f, i) for f in objects for i in range(pool)], engine))
        said = [
            [r.text if isinstance(r, FactWording) else None for r in islice(answers, pool)] for _ in objects
        ]
        first, second = pairs[:, 0], pairs[:, 1]
        draw = _mix(_draw(draws, code, long["key"].to_numpy()[first], fact[first], per_item))
        at = fact.astype(np.int64)
        one, other = match_lengths(said, at[first], at[second], draw)
        there = one >= 0
        mixed[first[there]], mixed[second[there]] = one[there], other[there]
    # a text for each pair of a fact and a wording that is wanted
    width = np.uint64(max(n, POOL))
    cell = fact.astype(np.uint64) * width + mixed
    wanted_cells = np.unique(cell)
    slot = np.searchsorted(wanted_cells, cell).astype(np.uint32)
    wanted = pl.DataFrame(
        {
            "fact": (wanted_cells // width).astype(np.uint32),
            "wording": (wanted_cells % width).astype(np.uint32),
        }
    )
    texts, refused, regenerated = _word_checked(
        [(objects[f], i) for f, i in wanted.iter_rows()], writer, ontology, recipe, engine
    )
    text = pl.Series("text", [t.text if t else None for t in texts], pl.String)
    report = {
        "distinct_facts": len(objects),
        "distinct_wordings": len(wanted),
        "distinct_texts": text.n_unique(),
        "regenerated": dict(sorted(regenerated.items())),
    }
    why = pl.DataFrame(
        {
            "slot": np.arange(len(wanted), dtype=np.uint32),
            "reason": pl.Series([r[0] for r in refused], dtype=pl.String),
            "bad": pl.Series([r[1] for r in refused], dtype=pl.String),
        }
    ).filter(pl.col("reason").is_not_null())
    lost = (
        long.select("row", pl.Series("slot", slot))
        .join(why, on="slot", how="inner", maintain_order="left")
        .unique("row", keep="first", maintain_order=True)
    )
    few = len(text) < FEW * len(long)
    return _Worded(
        slot,
        text.cast(name_values(text)) if few else text,
        pl.Series("realizer", [t.realizer if t else None for t in texts], pl.String),
        lost.select("row", "reason", "bad"),
        report,
    )


def _draw(
    draws: Codes, codes: Codes, key: np.ndarray[Any, Any], fact: np.ndarray[Any, Any], per_item: bool
) -> Codes:
    """Return the draw of each (key, fact); of the key alone if the texts of one share a number."""
    drawn: Codes = draws[key] if per_item else draws[key] + codes[fact]
    return drawn


def _word_checked(
    wanted: Sequence[tuple[Fact, int]],
    writer: Writer,
    ontology: Ontology,
    recipe: BuildRecipe,
    engine: Engine,
) -> tuple[list[FactWording | None], list[tuple[str | None, str | None]], Counter[str]]:
    """Word each (fact, wording), read it back, ask again as often as the recipe allows.

    Returns:
        The accepted wordings (None where refused), (reason, text) of the refusals, and how often each
        reason made us ask again; the first two in the order of ``wanted``.
    """
    accepted: list[FactWording | None] = [None] * len(wanted)
    refused: list[tuple[str | None, str | None]] = [(None, None)] * len(wanted)
    regenerated: Counter[str] = Counter()
    attempts = 1 if writer.tries_again else recipe.writer.max_attempts
    todo = list(range(len(wanted)))
    for attempt in range(attempts):
        ask = [(wanted[i][0], wanted[i][1] + attempt * recipe.writer.wordings) for i in todo]
        results = word_facts(writer, ask, engine)
        stated = [
            (r.text, wanted[i][0]) for i, r in zip(todo, results, strict=True) if isinstance(r, FactWording)
        ]
        judged = iter(judge_facts(stated, ontology, engine))
        again = []
        for i, result in zip(todo, results, strict=True):
            reason = result.reason if isinstance(result, Failure) else next(judged)
            if reason is None and isinstance(result, FactWording):
                accepted[i], refused[i] = result, (None, None)
                continue
            refused[i] = (reason, result.text)
            again.append(i)
            if attempt + 1 < attempts:
                regenerated[str(reason)] += 1
        todo = again
        if not todo:
            break
    return accepted, refused, regenerated


def _mix(x: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Scramble 64-bit integers (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _finish(done: pl.DataFrame, lost: pl.DataFrame, worded: _Worded, rows_in: int) -> Assembled:
    lost = lost.join(worded.refused, on="row", how="left", maintain_order="left")
    rejects = lost.select(
        pl.lit("text").alias("stage"),
        pl.col("reason").fill_null("another set of its group"),
        "source",
        "key",
        pl.col("bad").alias("text"),
    ).cast(pl.Schema(REJECTS_SCHEMA))
    report = {"rows_in": rows_in, "accepted": len(done), "rejected": len(rejects), **worded.report}
    return Assembled(done, rejects, report)
