"""The published MedNega design (arXiv 2602.12498): random flips of the truth as distractors.

It is kept for comparison. Its text alone gives the answer away most of the time: the truth stands in the
middle of its own flips, and conditions differ in prevalence (``docs/designs.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from nastdata.design.mednega.denials import Denials, list_denials
from nastdata.design.mednega.items import Item, name_item, place_options
from nastdata.design.mednega.label_masks import Studies
from nastdata.design.mednega.planes import contradicts, split_labels
from nastdata.ontology import Ontology
from nastdata.recipe import MednegaRecipe
from nastdata.seeded import choose, draw_int, shuffle

FLIPS = tuple(f for f in product((0, 1), repeat=3) if any(f))
"""The seven ways to be wrong about one, two or all three conditions."""


def draw_paper_items(
    studies: Studies, ontology: Ontology, recipe: MednegaRecipe
) -> tuple[list[Item], dict[str, Any]]:
    """Draw one item from every study with >= 2 present and >= 3 absent findings that isn't normal.

    With a ``limit`` the studies of the lowest hash are kept, so that a smaller build is part of a larger one.
    Every finding has one affirmative phrase, the first of the ontology. Hierarchy contradictions and clashes
    are left in, as in the paper, and counted.
    """
    seed, limit = recipe.seed, recipe.limit
    names = [c.name for c in ontology.conditions]
    eligible = studies.select(studies.fit("paper"))
    rows = eligible.frame.rows()
    kept = list(range(len(rows)))
    if limit is not None and limit < len(kept):
        kept = sorted(sorted(kept, key=lambda i: draw_int(seed, "limit", *rows[i][:3]))[:limit])
    items = []
    for i in kept:
        source, patient, study, image_id, image, split = rows[i]
        present, definite = int(eligible.present[i]), int(eligible.present[i] | eligible.absent[i])
        stated = [k for k in range(len(names)) if definite >> k & 1]
        key = (source, patient, study)
        triple = sorted(shuffle(stated, seed, "triple", *key)[:3])
        truth = tuple(present >> k & 1 for k in triple)
        flips = draw_flips(seed, *key)
        others = [tuple(v ^ f for v, f in zip(truth, flip, strict=True)) for flip in flips]
        item_id = name_item("mn", "paper", *key)
        answer = draw_int(seed, "position", *key) % 4
        items.append(
            Item(
                item_id=item_id,
                group_id=item_id,
                study=(source, patient, study, image_id, image, split),
                conditions=tuple(names[k] for k in triple),
                options=place_options(truth, others, answer),
                answer=answer,
            )
        )
    denials = list_denials(ontology, hierarchy=True, phrases=True)
    report = {
        "eligible": len(rows),
        "eligible_patients": eligible.frame.select("source", "patient_id").n_unique(),
        "items_with_contradictions": _count(items, ontology, denials, contradicts),
        "items_with_clashes": _count(items, ontology, denials, _clashes),
    }
    return items, report


def draw_flips(seed: int, *key: str) -> list[tuple[int, ...]]:
    """Draw three distinct flips: first how many findings to get wrong (1, 2 or 3), then which.

    That the number comes first makes a flip of all three as likely as all flips of one together, and puts
    the truth into the middle of its options more often than not: structure alone finds it 36.7 % of the time.
    """
    flips: list[tuple[int, ...]] = []
    attempt = 0
    while len(flips) < 3:
        number = 1 + draw_int(seed, "how many", *key, attempt) % 3
        flip = choose([f for f in FLIPS if sum(f) == number], seed, "which", *key, attempt)
        if flip not in flips:
            flips.append(flip)
        attempt += 1
    return flips


def _clashes(denials: Denials, triple: Sequence[int], labels: Sequence[int]) -> bool:
    present, absent = split_labels(triple, labels)
    return any(denials.by_phrase[i][0] & present for i in absent)


def _count(items: list[Item], ontology: Ontology, denials: Denials, is_bad: Any) -> int:
    bad = [
        any(is_bad(denials, [ontology.order[c] for c in i.conditions], o) for o in i.options) for i in items
    ]
    return int(np.array(bad, dtype=np.bool_).sum())
