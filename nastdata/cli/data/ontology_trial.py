"""A small build with an ontology of one's own, and what its author may not have meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.pipeline import Built, make
from nastdata.progress import Progress
from nastdata.recipe import check_recipe

PATIENTS = 200
LIMIT = 60
FEW_PHRASES = 3
"""Affirmative phrases of a condition, below which its options all sound alike."""


def list_notes(ontology: Ontology) -> list[str]:
    """Return what is allowed and perhaps not meant, a sentence each."""
    placed = [c.name for c in ontology.conditions if c.places]
    graded = [c.name for c in ontology.conditions if c.scale]
    used_places = {p for c in ontology.conditions for p in c.places}
    used_scales = {c.scale for c in ontology.conditions}
    notes = []
    if not placed:
        notes.append("no condition has places: there will be no claims about location")
    if not graded:
        notes.append("no condition has a scale: there will be no claims about severity")
    if idle := [p.name for p in ontology.places if p.name not in used_places]:
        notes.append(f"places that no condition has: {', '.join(idle)}")
    if idle := [s.name for s in ontology.scales if s.name not in used_scales]:
        notes.append(f"scales that no condition takes: {', '.join(idle)}")
    lonely = [p.name for p in ontology.places if p.side in ("left", "right") and not p.mirror]
    if lonely:
        notes.append(f"places on one side without a mirror on the other: {', '.join(lonely)}")
    few = [c.name for c in ontology.conditions if len(c.affirmative) < FEW_PHRASES]
    if few:
        notes.append(f"fewer than {FEW_PHRASES} affirmative phrases: {', '.join(few)}")
    clashing = {k.absent for k in ontology.clashes}
    silent = [
        f"'{a.text}'"
        for c in ontology.conditions
        for a in c.affirmative
        if c.name not in clashing and "excludes" not in a.model_fields_set
    ]
    if silent:
        shown = ", ".join(silent[:3]) + (f" and {len(silent) - 3} more" if len(silent) > 3 else "")
        notes.append(
            f"phrases that don't say what else they exclude, which is taken as nothing: {shown} "
            "(write excludes: [] if that is so)"
        )
    if "not reviewed" in ontology.review.status.lower():
        notes.append("not reviewed: every dataset built with it says so in its card")
    return notes


def try_builds(ontology: str) -> Iterator[tuple[str, str, bool]]:
    """Build a few questions and claim sets from made-up studies; yield (title, what came of it, good)."""
    common: dict[str, Any] = {
        "source": ["phantom"],
        "phantom_patients": PATIENTS,
        "limit": LIMIT,
        "ontology": ontology,
        "images": "none",
        "audit": {"enabled": False},
    }
    for kind in ("mednega", "contextual"):
        try:
            recipe = check_recipe({**common, "recipe": kind}, where="trial build")
            built = make(recipe, Progress(quiet=True))
        except UserError as e:
            yield "trial", f"{kind}: {str(e).splitlines()[0]}", False
            continue
        yield "trial", _describe(kind, built), True
        yield from (("example", text, True) for text in _pick_examples(kind, built))


def _describe(kind: str, built: Built) -> str:
    if kind == "mednega":
        return f"{len(built.configs['mednega'])} questions with four options, {_rejected(built)}"
    parts = []
    for config, name in (("contextual_claims", "claim sets"), ("contextual_captions", "captions")):
        frame = built.configs.get(config)
        if frame is None or frame.is_empty():
            parts.append(f"no {name}")
            continue
        kinds = Counter(frame["negation_type"].to_list())
        counted = ", ".join(f"{k} {n}" for k, n in sorted(kinds.items()))
        parts.append(f"{len(frame)} {name} ({counted})")
    return f"{'; '.join(parts)}; {_rejected(built)}"


def _rejected(built: Built) -> str:
    n = len(built.rejects)
    if not n:
        return "none rejected"
    reasons = Counter(built.rejects["reason"].to_list()).most_common(1)[0][0]
    return f"{n} rejected (most: {reasons})"


def _pick_examples(kind: str, built: Built) -> list[str]:
    if kind == "mednega":
        row = built.configs["mednega"].row(0, named=True)
        return [row["negated_choices"][0], row["affirmative_choices"][0]]
    frame = built.configs.get("contextual_captions")
    if frame is None or frame.is_empty():
        return []
    return frame["caption"].head(2).to_list()
