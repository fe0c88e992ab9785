"""What an ontology claims, as statements that a radiologist can answer yes or no to."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nastdata.errors import UserError
from nastdata.ontology import Condition, Ontology
from nastdata.resources import find_resource
from nastdata.review.items import Item, Line
from nastdata.review.questions import pick_questions
from nastdata.review.sample import Plan, size_sample
from nastdata.seeded import draw_int

CONFIG = "ontology"
LABEL_MAP = "label map"
STEMS: dict[str, str] = {
    "names": "Do all of these name this finding, and nothing else?",
    "affirmative phrase": "Does this phrase deny the finding, without a negation word?",
    "phrase beside a finding": "May the two stand together in one report?",
    "phrase against a finding": "Is the phrase false, or misleading, where the finding is there?",
    "denial": "Does the denial of the one rule out the other?",
    "hierarchy": "Is whoever has the first finding sure to have the second?",
    "places": "Can the finding be in all of these places?",
    "mirror": "Are these the same region on the two sides?",
    "grades": "Are these its grades, lightest first?",
    LABEL_MAP: "Does the label of the corpus mean this finding?",
}
"""Kind of statement -> what is asked of it."""
Statement = tuple[str, str, str, tuple[str, ...]]
"""Condition (or place), kind, text, notes."""


def describe_ontology(ontology: Ontology) -> dict[str, Any]:
    """Return what ties a review to an ontology: its content without who reviewed it."""
    return {"kind": "ontology", "name": ontology.name, "content": ontology.content}


def draw_statements(ontology: Ontology, plan: Plan) -> tuple[Sequence[Mapping[str, Any]], list[Item]]:
    """Return strata and items: all of the ontology's own statements, and a sample of the label maps.

    Label maps are sampled by the plan's margin. With ``plan.items`` every kind is sampled in proportion.

    Raises:
        UserError: if the plan names configs or splits, which an ontology has not.
    """
    if plan.configs or plan.splits:
        raise UserError("an ontology has no configs or splits", where="--config, --split")
    kinds: dict[str, list[Statement]] = {}
    for statement in dict.fromkeys(list_statements(ontology)):
        kinds.setdefault(statement[1], []).append(statement)
    sizes = _size(kinds, plan)
    strata: list[dict[str, Any]] = []
    chosen: list[Statement] = []
    for kind, statements in kinds.items():
        ranked = sorted(statements, key=lambda s: draw_int(plan.seed, "review", CONFIG, *s[:3]))
        taken = ranked[: sizes[kind]]
        chosen += taken
        for about in dict.fromkeys(s[0] for s in statements):
            rows = sum(s[0] == about for s in statements)
            drawn = sum(s[0] == about for s in taken)
            strata.append({**_stratum(about, kind), "rows": rows, "drawn": drawn})
    order = {id(s): i for i, s in enumerate(list_all(kinds))}
    chosen.sort(key=lambda s: order[id(s)])
    return strata, [_make_item(n, s) for n, s in enumerate(chosen, 1)]


def list_all(kinds: Mapping[str, list[Statement]]) -> list[Statement]:
    """Return all statements, kind by kind: like is judged beside like."""
    return [s for statements in kinds.values() for s in statements]


def list_statements(ontology: Ontology) -> Iterator[Statement]:
    """Yield everything that an ontology claims."""
    known = ontology.condition_by_name
    for c in ontology.conditions:
        names = ", ".join(dict.fromkeys((c.text, *c.synonyms)))
        notes = (f"only read: {', '.join(c.also_read)}",) if c.also_read else ()
        yield c.name, "names", f"{c.name}: {names}", notes
    for c in ontology.conditions:
        for a in c.affirmative:
            told = tuple(f"{k}: {v}" for k, v in (("source", a.source), ("read by", a.reviewer)) if v)
            for phrase in dict.fromkeys((a.text, *a.synonyms)):
                yield c.name, "affirmative phrase", f"'{phrase}' says that there is no {c.text}", told
    yield from _list_pairs(ontology)
    for c in ontology.conditions:
        for parent in c.parents:
            yield c.name, "hierarchy", f"{c.text} is always {known[parent].text} too", ()
    for c in ontology.conditions:
        if c.places:
            yield c.name, "places", f"{c.text}: {', '.join(c.places)}", ()
        if grades := ontology.grades(c.name):
            yield c.name, "grades", f"{c.text}: {', '.join(grades)}", ()
    for p in ontology.places:
        if p.mirror is not None and p.name < p.mirror:
            yield p.name, "mirror", f"{p.name} and {p.mirror}", ()
    yield from _list_labels(known)


def _list_pairs(ontology: Ontology) -> Iterator[Statement]:
    """Yield what each denial leaves room for, and what not, finding by finding."""
    why = {(k.absent, k.present): k.why for k in ontology.clashes}
    for c in ontology.conditions:
        for a, denied in zip(c.affirmative, ontology.denied_by_phrase[c.name], strict=True):
            for other in ontology.conditions:
                if other is c:
                    continue
                told = (why[c.name, other.name],) if (c.name, other.name) in why else ()
                if other.name in denied:
                    text = f"'{a.text}' can't be said where there is {other.text}"
                    yield c.name, "phrase against a finding", text, told
                else:
                    yield c.name, "phrase beside a finding", f"'{a.text}' beside '{other.text}'", ()
        for name in sorted(ontology.denied_by_name[c.name] - {c.name}):
            text = f"'no {c.text}' can't be said where there is {ontology.condition_by_name[name].text}"
            yield c.name, "denial", text, ()


def _list_labels(known: Mapping[str, Condition]) -> Iterator[Statement]:
    """Yield what the label maps say, of those maps that speak of this ontology's findings only."""
    for path in sorted((find_resource("sources") / "maps").glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            first = (reader.fieldnames or [""])[0]
            rows = [row for row in reader if row.get("condition")]
        if not all(row["condition"] in known for row in rows):
            continue
        for row in rows:
            how = f" ({row['strength']})" if row.get("strength") else ""
            text = f"{path.stem}: '{row[first]}' means {known[row['condition']].text}{how}"
            yield row["condition"], LABEL_MAP, text, tuple(filter(None, [row.get("note")]))


def _size(kinds: Mapping[str, list[Statement]], plan: Plan) -> dict[str, int]:
    """Return how many statements of each kind are taken."""
    if plan.items is None:
        return {
            k: size_sample(len(s), plan.margin, plan.expected) if k == LABEL_MAP else len(s)
            for k, s in kinds.items()
        }
    from nastdata.review.sample import allocate

    shares = allocate([len(s) for s in kinds.values()], plan.items, False)
    return dict(zip(kinds, shares, strict=True))


def _stratum(about: str, kind: str) -> dict[str, str]:
    return {"config": CONFIG, "condition": about, "polarity": "", "kind": kind, "writer": ""}


def _make_item(n: int, statement: Statement) -> Item:
    about, kind, text, notes = statement
    digest = hashlib.sha256(json.dumps(statement[:3], ensure_ascii=False).encode()).hexdigest()
    return Item(
        n,
        CONFIG,
        digest[:16],
        about,
        "",
        kind,
        "",
        pick_questions(CONFIG, False),
        digest,
        about,
        STEMS[kind],
        (Line("", True, {"statement": text}),),
        notes=notes,
    )
