"""The protocols: presence and absence, two-way choice, report alignment; and the unpaired design.

Every protocol but the unpaired one is made of groups of two questions with the same texts in the same order,
about two images, of which another option is true each. Whatever a solver does with the texts, it is
right once in two. The audit measures it; the unpaired design is there to be condemned by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.base import Design
from nastdata.design.protocols import wording as say
from nastdata.design.protocols.pairing import UNKNOWN, Pool, read_pools
from nastdata.design.protocols.reports import Statement, align_reports, read_bank
from nastdata.errors import UserError, name_nearest
from nastdata.frames import REJECTS_SCHEMA, config_schema
from nastdata.ontology import Ontology
from nastdata.recipe import ProtocolsRecipe
from nastdata.records import SPLITS
from nastdata.seeded import draw_int, shuffle

SCHEMA = pl.Schema({**config_schema("protocols"), "split": pl.String()})
OTHERS = 3
"""Findings of a report that both of its versions agree on."""
TRIES = 4
"""Draws of such findings for each condition."""


@dataclass(frozen=True)
class Group:
    """The texts of one group, and the images of which each is true."""

    protocol: str
    condition: str
    other: str | None
    polarity: str
    question: str
    options: tuple[str, ...]
    facts: tuple[tuple[str, bool], ...]
    """For each option, the finding that it turns on, and whether it says that it is present."""
    pool: Pool
    members: tuple[tuple[int, int], ...]
    """Number of a study in the pool, and the number of its true option."""


def design_protocols(
    studies: pl.DataFrame,
    ontology: Ontology,
    recipe: ProtocolsRecipe,
    statements: pl.DataFrame | None = None,
) -> Design:
    """Design the questions.

    Args:
        studies: ``frames.labels_schema`` plus ``split``.
        ontology: names, articles, hierarchy.
        recipe: which protocols, conditions, how many pairs, seed.
        statements: sentences of the studies' reports (``sources.report_sentences.STATEMENTS_SCHEMA``), of
            which reports are made; None: reports are composed, a sentence of ours for each finding.

    Raises:
        UserError: if the recipe names a condition that the ontology doesn't have.
    """
    for name in recipe.conditions:
        if name not in ontology.order:
            raise UserError(
                f"no such condition '{name}'", where="conditions", how=name_nearest(name, ontology.order)
            )
    conditions = [c for c in ontology.order if not recipe.conditions or c in recipe.conditions]
    pools = read_pools(studies, conditions, recipe.seed)
    bank = read_bank(statements) if statements is not None else {}
    quoted = {source for source, _ in bank}
    groups: list[Group] = []
    wanted = [make for name, make in MAKERS if name in recipe.protocols]
    for pool in pools:
        if recipe.design == "unpaired":
            groups += _unpaired(pool, ontology, recipe, conditions)
            continue
        for part, make in zip(pool.divide(recipe.seed, len(wanted)), wanted, strict=True):
            if make is _reports and part.frame.height and part.frame["source"][0] in quoted:
                groups += _quote_reports(part, bank, ontology, recipe, conditions)
            else:
                groups += make(part, ontology, recipe, conditions)
    frame = _lay_out(_limit(groups, recipe), recipe)
    without: Counter[str] = Counter()
    for pool in pools:
        without.update(pool.without_partner)
    report = {
        "studies": len(studies),
        "studies_with_a_known_label": sum(len(p.frame) for p in pools),
        "questions": len(frame),
        "groups": frame["group_id"].n_unique() if len(frame) else 0,
        "by_protocol": dict(sorted(Counter(frame["protocol"].to_list()).items())),
        "by_polarity": dict(sorted(Counter(frame["polarity"].to_list()).items())),
        "reports_quoted_from": sorted(quoted),
        "studies_without_a_partner": dict(sorted(without.items())),
    }
    return Design(frame, pl.DataFrame(schema=REJECTS_SCHEMA), report)


def _yes_no(
    pool: Pool, ontology: Ontology, recipe: ProtocolsRecipe, conditions: list[str]
) -> Iterator[Group]:
    """Is X present; is the image free of X. As many of each answer for every condition."""
    for c in conditions:
        pairs = _pair_states(pool, recipe, f"presence_yes_no|{c}", c)
        for a, b in pairs:
            for polarity, ask in (("affirmative", say.ask_presence), ("negated", say.ask_absence)):
                yes = polarity == "affirmative"
                yield Group(
                    *("presence_yes_no", c, None, polarity, ask(ontology, c), say.YES_NO),
                    ((c, yes), (c, not yes)),
                    pool,
                    ((a, 0 if yes else 1), (b, 1 if yes else 0)),
                )


def _which(pool: Pool, ontology: Ontology, recipe: ProtocolsRecipe, conditions: list[str]) -> Iterator[Group]:
    """Which of two findings is present, which is absent: one image has the one, one the other."""
    for x, y, pairs in _pair_opposites(pool, ontology, recipe, conditions, "presence_which"):
        names = (say.name_finding(ontology, x), say.name_finding(ontology, y))
        for a, b in pairs:
            yield Group(
                *("which_present", x, y, "affirmative", say.PRESENT_QUESTION, names),
                ((x, True), (y, True)),
                pool,
                ((a, 0), (b, 1)),
            )
            yield Group(
                *("which_absent", x, y, "negated", say.ABSENT_QUESTION, names),
                ((x, False), (y, False)),
                pool,
                ((a, 1), (b, 0)),
            )


def _two_way(
    pool: Pool, ontology: Ontology, recipe: ProtocolsRecipe, conditions: list[str]
) -> Iterator[Group]:
    """Two statements, one image for each; affirmative, negated and mixed prompts."""
    for x, y, pairs in _pair_opposites(pool, ontology, recipe, conditions, "two_way"):
        for a, b in pairs:
            for polarity, present in (("affirmative", True), ("negated", False)):
                texts = tuple(say.state_finding(ontology, c, present) for c in (x, y))
                first, second = (0, 1) if present else (1, 0)
                yield Group(
                    *("two_way", x, y, polarity, say.TRUE_QUESTION, texts),
                    ((x, present), (y, present)),
                    pool,
                    ((a, first), (b, second)),
                )
    for c in conditions:
        for a, b in _pair_states(pool, recipe, f"two_way|{c}", c):
            texts = tuple(say.state_finding(ontology, c, present) for present in (True, False))
            yield Group(
                *("two_way", c, None, "mixed", say.TRUE_QUESTION, texts),
                ((c, True), (c, False)),
                pool,
                ((a, 0), (b, 1)),
            )


def _reports(
    pool: Pool, ontology: Ontology, recipe: ProtocolsRecipe, conditions: list[str]
) -> Iterator[Group]:
    """A report, and the same with one finding negated; each is the true one of an image."""
    for c in conditions:
        others = [o for o in conditions if o != c and _unrelated(ontology, c, o)]
        if len(others) < OTHERS:
            continue
        made = 0
        for lap in range(TRIES):
            shared = sorted(
                shuffle(others, recipe.seed, "report", c, lap)[:OTHERS], key=ontology.order.__getitem__
            )
            open_ = pool.is_fresh((c, *shared))
            around = pool.labels[:, [pool.column[o] for o in shared]]
            open_ &= (around != UNKNOWN).all(axis=1)
            own = pool.labels[:, pool.column[c]]
            for values in product((0, 1), repeat=OTHERS):
                here = open_ & pool.is_fresh((c, *shared)) & (around == values).all(axis=1)
                having, lacking = np.flatnonzero(here & (own == 1)), np.flatnonzero(here & (own == 0))
                left = None if recipe.per_condition is None else recipe.per_condition - made
                if left is not None and left <= 0:
                    break
                name = f"report_alignment|{c}|{lap}|{values}"
                pairs = pool.pair(recipe.seed, name, having, lacking, left)
                said = list(zip(shared, map(bool, values), strict=True))
                at = draw_int(recipe.seed, "place", c, lap, *values) % (OTHERS + 1)
                texts = tuple(
                    say.write_report(ontology, [*said[:at], (c, present), *said[at:]])
                    for present in (True, False)
                )
                pool.mark([s for pair in pairs for s in pair], (c, *shared))
                for a, b in pairs:
                    made += 1
                    yield Group(
                        *("report_alignment", c, None, "mixed", say.REPORT_QUESTION, texts),
                        ((c, True), (c, False)),
                        pool,
                        ((a, 0), (b, 1)),
                    )


def _quote_reports(
    pool: Pool,
    bank: dict[tuple[str, str], tuple[Statement, ...]],
    ontology: Ontology,
    recipe: ProtocolsRecipe,
    conditions: list[str],
) -> Iterator[Group]:
    """A report in the corpus's own sentences, and the same with one finding denied."""
    for found in align_reports(pool, bank, ontology, recipe, conditions):
        # Its sentences state other findings of both patients, who are asked no more.
        pool.mark((found.having, found.lacking), tuple(pool.column))
        yield Group(
            *("report_alignment", found.condition, None, "mixed", say.REPORT_QUESTION, found.texts),
            ((found.condition, True), (found.condition, False)),
            pool,
            ((found.having, 0), (found.lacking, 1)),
        )


MAKERS = (
    ("presence", _yes_no),
    ("presence", _which),
    ("two_way", _two_way),
    ("report_alignment", _reports),
)
"""Protocol -> what makes its questions. Each has patients of its own: a report states findings that another
question asks about."""


def _unpaired(
    pool: Pool, ontology: Ontology, recipe: ProtocolsRecipe, conditions: list[str]
) -> Iterator[Group]:
    """The presence probe as published: X, a finding that is absent, and "No X"; X is always right."""
    for c in conditions:
        having = pool.order(recipe.seed, f"unpaired_presence|{c}", pool.find({c: 1}))
        for s in having[: recipe.per_condition].tolist():
            absent = [o for o in conditions if pool.labels[s, pool.column[o]] == 0]
            if not absent:
                pool.count_lone("unpaired_presence", 1)
                continue
            o = shuffle(absent, recipe.seed, "distractor", c, pool.row(s)["study_id"])[0]
            names = (
                say.name_finding(ontology, c),
                say.name_finding(ontology, o),
                say.deny_finding(ontology, c),
            )
            yield Group(
                *("unpaired_presence", c, o, "affirmative", say.PRESENT_QUESTION, names),
                ((c, True), (o, True), (c, False)),
                pool,
                ((s, 0),),
            )


def _pair_states(pool: Pool, recipe: ProtocolsRecipe, name: str, c: str) -> list[tuple[int, int]]:
    pairs = pool.pair(recipe.seed, name, pool.find({c: 1}), pool.find({c: 0}), recipe.per_condition)
    pool.mark([s for pair in pairs for s in pair], (c,))
    return pairs


def _pair_opposites(
    pool: Pool, ontology: Ontology, recipe: ProtocolsRecipe, conditions: list[str], name: str
) -> Iterator[tuple[str, str, list[tuple[int, int]]]]:
    """For each two unrelated findings, pair images that have the one only with such that have the other.

    A patient is set against another once for each finding.
    """
    most = recipe.per_condition
    if most is not None:
        most = max(1, most // max(len(conditions) - 1, 1))
    for x, y in combinations(conditions, 2):
        if not _unrelated(ontology, x, y):
            continue
        first, second = pool.find({x: 1, y: 0}), pool.find({x: 0, y: 1})
        pairs = pool.pair(recipe.seed, f"{name}|{x}|{y}", first, second, most)
        pool.mark([s for pair in pairs for s in pair], (x, y))
        yield x, y, pairs


def _unrelated(ontology: Ontology, x: str, y: str) -> bool:
    """Whether neither finding implies the other."""
    return x not in ontology.ancestors[y] and y not in ontology.ancestors[x]


def _limit(groups: list[Group], recipe: ProtocolsRecipe) -> list[Group]:
    """Take whole groups, evenly from protocols, polarities and conditions, up to ``limit`` questions."""
    if recipe.limit is None:
        return groups
    seen: Counter[tuple[str, str, str]] = Counter()
    turns = []
    for i, g in enumerate(groups):
        cell = (g.protocol, g.polarity, g.condition)
        turns.append((seen[cell], draw_int(recipe.seed, "limit", *cell), i))
        seen[cell] += 1
    kept: list[int] = []
    questions = 0
    for _, _, i in sorted(turns):
        if questions + len(groups[i].members) > recipe.limit:
            continue
        kept.append(i)
        questions += len(groups[i].members)
    return [groups[i] for i in sorted(kept)]


def _lay_out(groups: list[Group], recipe: ProtocolsRecipe) -> pl.DataFrame:
    """Turn groups into rows; the options of a group are in one order, drawn for the group.

    Ids are hashes of texts and studies, in which the answer has no part; rows are in their order.
    """
    rows: list[dict[str, Any]] = []
    for g in groups:
        studies = [g.pool.row(study) for study, _ in g.members]
        keys = sorted((r["source"], r["patient_id"], r["study_id"]) for r in studies)
        said = (g.protocol, g.question, *g.options, *(part for key in keys for part in key))
        group = f"group-{draw_int(recipe.seed, 'protocol group', *said):016x}"
        order = list(range(len(g.options)))
        if g.options != say.YES_NO:
            order = shuffle(order, recipe.seed, "options", group)
        for study, (_, answer) in zip(studies, g.members, strict=True):
            own = (study["source"], study["patient_id"], study["study_id"])
            rows.append(
                {
                    **study,
                    "item_id": f"item-{draw_int(recipe.seed, 'protocol item', group, *own):016x}",
                    "protocol": g.protocol,
                    "design": recipe.design,
                    "group_id": group,
                    "condition": g.condition,
                    "other_condition": g.other,
                    "polarity": g.polarity,
                    "question": g.question,
                    "choices": [g.options[i] for i in order],
                    "choice_facts": [_to_fact(*g.facts[i]) for i in order],
                    "answer": order.index(answer),
                }
            )
    rows.sort(key=lambda r: (SPLITS.index(r["split"]), r["protocol"], r["group_id"], r["item_id"]))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").select(list(SCHEMA))


def _to_fact(condition: str, present: bool) -> dict[str, str | None]:
    existence = "present" if present else "absent"
    return {"condition": condition, "existence": existence, "location": None, "severity": None}
