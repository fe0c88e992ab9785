"""Report alignment on a corpus's own sentences: a report, and the same with one finding denied.

Both versions are made of sentences that radiologists wrote. The first is the report of one study, cut to the
sentences that are also true of another study; the second denies one finding as that other study's corpus
does. So each version is true of one of the two images, and no solver of texts is right more than once in two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from nastdata.design.protocols.pairing import Pool
from nastdata.ontology import Ontology
from nastdata.recipe import ProtocolsRecipe
from nastdata.seeded import draw_int

MOST_SHARED = 3
"""Sentences that both versions have in common, at most."""
LOOKED_AT = 200
"""Partners that are tried for a study."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, and what it says: condition -> present; and the name's last word it uses for each."""

    text: str
    says: tuple[tuple[str, bool], ...]
    names: tuple[str, ...]
    plain: bool


@dataclass(frozen=True, slots=True)
class Aligned:
    """Two versions of a report; the first is true of ``having``, the second of ``lacking``."""

    condition: str
    having: int
    lacking: int
    texts: tuple[str, str]


def read_bank(statements: pl.DataFrame) -> dict[tuple[str, str], tuple[Statement, ...]]:
    """Return (source, study id) -> its sentences, in the report's order.

    Args:
        statements: ``sources.report_sentences.STATEMENTS_SCHEMA``.
    """
    bank: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    for source, study, text, conditions, present, names, plain in statements.iter_rows():
        says = tuple(zip(conditions, present, strict=True))
        bank[source, study].append(Statement(text, says, tuple(names), plain))
    return {k: tuple(v) for k, v in bank.items()}


def align_reports(
    pool: Pool,
    bank: dict[tuple[str, str], tuple[Statement, ...]],
    ontology: Ontology,
    recipe: ProtocolsRecipe,
    conditions: list[str],
) -> Iterator[Aligned]:
    """Pair studies of a pool; each serves one pair a condition, and partners are of different patients."""
    own = [bank.get((r["source"], r["study_id"]), ()) for r in pool.frame.iter_rows(named=True)]
    denials = _list_denials(own, conditions)
    for c in conditions:
        free = pool.order(recipe.seed, f"report_alignment|{c}|lacking", pool.find({c: 0})).tolist()
        having = pool.order(recipe.seed, f"report_alignment|{c}|having", pool.find({c: 1})).tolist()
        made = tried = 0
        for a in having:
            if recipe.per_condition is not None and made >= recipe.per_condition:
                break
            target = next((s for s in own[a] if s.says == ((c, True),)), None)
            denial = None if target is None else _choose(denials, c, target, ontology, recipe.seed, pool, a)
            if target is None or denial is None:
                continue
            tried += 1
            found = _find_partner(pool, a, own[a], target, free)
            if found is None:
                continue
            b, shared = found
            free.remove(b)
            made += 1
            at = own[a].index(target)
            before = [s.text for s in shared if own[a].index(s) < at]
            after = [s.text for s in shared if own[a].index(s) > at]
            texts = (
                " ".join([*before, target.text, *after]),
                " ".join([*before, denial, *after]),
            )
            yield Aligned(c, a, b, texts)
        pool.count_lone("report_alignment", tried - made)


def _list_denials(own: list[tuple[Statement, ...]], conditions: list[str]) -> dict[str, list[Statement]]:
    """Return condition -> the sentences that deny it and say nothing else, commonest first."""
    counts: dict[str, dict[Statement, int]] = {c: defaultdict(int) for c in conditions}
    for statements in own:
        for s in statements:
            if len(s.says) == 1 and not s.says[0][1] and s.plain and s.says[0][0] in counts:
                counts[s.says[0][0]][s] += 1
    return {c: sorted(found, key=lambda s: (-found[s], s.text)) for c, found in counts.items()}


def _choose(
    denials: dict[str, list[Statement]],
    condition: str,
    target: Statement,
    ontology: Ontology,
    seed: int,
    pool: Pool,
    study: int,
) -> str | None:
    """Return a denial of just what the target states.

    Where a condition has narrower kinds ("no infiltrate" leaves other opacities), the same name is needed.
    """
    fits = denials[condition]
    has_kinds = any(condition in above for above in ontology.ancestors.values())
    if has_kinds or ontology.condition_by_name[condition].narrower:
        fits = [s for s in fits if s.names == target.names]
    if not fits:
        return None
    return fits[draw_int(seed, "denial", condition, pool.row(study)["study_id"]) % len(fits)].text


def _find_partner(
    pool: Pool, study: int, statements: tuple[Statement, ...], target: Statement, free: list[int]
) -> tuple[int, list[Statement]] | None:
    """Return the first free study that shares the most of the other sentences, at least one, and these."""
    others = _list_news([s for s in statements if s is not target and s.plain], target)[:MOST_SHARED]
    best: tuple[int, list[Statement]] | None = None
    for b in free[:LOOKED_AT]:
        if pool.patient[b] == pool.patient[study]:
            continue
        shared = [s for s in others if _is_true(pool, b, s)]
        if shared and (best is None or len(shared) > len(best[1])):
            best = (b, shared)
            if len(shared) == len(others):
                break
    return best


def _list_news(statements: list[Statement], target: Statement) -> list[Statement]:
    """Drop sentences that say only what was said before."""
    said = {c for c, _ in target.says}
    out = []
    for s in statements:
        about = {c for c, _ in s.says}
        if about - said:
            out.append(s)
            said |= about
    return out


def _is_true(pool: Pool, study: int, statement: Statement) -> bool:
    """Whether all that a sentence says is known of a study."""
    labels = pool.labels[study]
    return all(c in pool.column and labels[pool.column[c]] == int(p) for c, p in statement.says)
