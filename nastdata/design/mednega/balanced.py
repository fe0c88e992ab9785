"""The balanced MedNega design: every option set is true in each of its four ways equally often.

A group is four items, one per member of a plane, that share triple and options and come from four studies
of one split. No function of the texts can beat one in four, since every set of them has each answer equally
often.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from nastdata.design.mednega.balance import Balance, balance_split, relax_share
from nastdata.design.mednega.denials import Denials, Evidence, list_denials, pick_phrase, weigh_evidence
from nastdata.design.mednega.items import Item, draw_wording, name_item, place_options
from nastdata.design.mednega.label_masks import Studies
from nastdata.design.mednega.planes import Cell, CellList, list_cells, split_labels
from nastdata.design.mednega.serving import sort_into_types
from nastdata.design.mednega.strata import sort_into_strata
from nastdata.engines.base import count_cores
from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.recipe import MednegaRecipe
from nastdata.records import SPLITS
from nastdata.seeded import Key, draw_int, shuffle

MOST_VECTORS = 15_000
"""Label vectors of one problem, the uncertain labels with them. More are solved in parts."""
WORDINGS_TOGETHER = 4
"""Wordings of three conditions that prefer the same phrases, so that a language model is asked for few."""

Group = tuple[int, int, int, int]
"""Rows of four studies, by member."""


def draw_balanced_items(
    studies: Studies, ontology: Ontology, recipe: MednegaRecipe
) -> tuple[list[Item], dict[str, Any]]:
    """Solve every split, pick studies by hash, and lay out the groups.

    With a limit, whole groups are kept: splits in proportion, triples and planes as evenly as they allow, so
    that a smaller build is part of a larger one wherever its splits' shares allow.
    """
    if recipe.limit is not None and recipe.limit < 4:
        raise UserError(
            f"a limit of {recipe.limit} leaves no room for a balanced group, which has four items",
            where="limit",
            how="use a limit of 4 or more, or design=paper",
        )
    denials = list_denials(ontology, hierarchy=recipe.avoid_contradictions, phrases=recipe.avoid_clashes)
    cells = list_cells(denials)
    eligible = studies.select(studies.fit(recipe.eligibility))
    evidence = weigh_evidence(eligible, denials, strict=recipe.equivalents == "strict")
    strata = sort_into_strata(eligible.frame) if recipe.match_visits else np.zeros(len(eligible.frame))
    groups: dict[str, list[tuple[Cell, Group]]] = {}
    reports: dict[str, dict[str, Any]] = {}

    def solve(part: Any) -> tuple[Balance, list[list[int]]]:
        types, of_type = sort_into_types(evidence, part, cells.usable, denials)
        per_study, share = recipe.items_per_study, recipe.triple_share
        return balance_split(types, cells.usable, per_study=per_study, share=share), of_type

    parts: list[tuple[str, Any]] = []
    for split in SPLITS:
        rows = np.flatnonzero((eligible.frame["split"] == split).to_numpy())
        for stratum in np.unique(strata[rows]):
            cut = _cut_up(eligible, rows[strata[rows] == stratum], recipe.seed)
            parts += [(split, part) for part in cut]
    # the solver leaves the interpreter free while it works; results come in the order of the parts
    with ThreadPoolExecutor(max_workers=min(len(parts) or 1, count_cores())) as pool:
        all_solved = list(pool.map(solve, (part for _, part in parts)))
    for split in SPLITS:
        by_cell: dict[Cell, list[Group]] = defaultdict(list)
        told = []
        for (of_split, part), (solved, of_type) in zip(parts, all_solved, strict=True):
            if of_split != split:
                continue
            ordered = _order_by_hash(eligible, of_type, recipe.seed)
            for cell, found in _pick_studies(solved, ordered, eligible, recipe.seed).items():
                by_cell[cell] += found
            told.append(_describe(solved, len(part), len(of_type)))
        groups[split] = _trim(_spread(by_cell, recipe.seed), recipe.triple_share)
        reports[split] = _add_up(told, by_cell)
    if recipe.limit is not None:
        quotas = _share_out({s: len(g) for s, g in groups.items()}, recipe.limit // 4)
        groups = {s: g[: quotas[s]] for s, g in groups.items()}
    for name, kept in groups.items():
        reports[name]["items"] = 4 * len(kept)
        reports[name]["largest_triple_share"] = _find_largest_share(kept)
    items = [
        i
        for g in groups.values()
        for cell, group in g
        for i in _lay_out(cell, group, eligible, ontology, recipe, denials, evidence)
    ]
    report = {
        "eligible": len(eligible.frame),
        "eligible_patients": eligible.frame.select("source", "patient_id").n_unique(),
        "bound": sum(r["bound"] for r in reports.values()),
        "reached": sum(r["reached"] for r in reports.values()),
        "cells": _describe_cells(cells, eligible),
        "labels_not_stated": _describe_conflicts(eligible, evidence, ontology),
        "splits": reports,
    }
    return items, report


def _cut_up(studies: Studies, rows: Any, seed: int) -> list[Any]:
    """Deal studies into parts of at most about ``MOST_VECTORS`` label vectors, by hash.

    A part that is balanced in itself adds up with the others to a balanced whole, so a corpus with very many
    distinct label vectors takes time in proportion to them, at the price of a bound that is no longer tight.
    """
    masks = np.stack([studies.present[rows], studies.absent[rows], studies.uncertain[rows]], axis=1)
    count = max(1, -(-len(np.unique(masks, axis=0)) // MOST_VECTORS))
    if count == 1:
        return [rows]
    keys = studies.frame.select("source", "patient_id", "study_id").rows()
    ordered = sorted(rows.tolist(), key=lambda r: (draw_int(seed, "part", *keys[r]), keys[r]))
    return [np.array(sorted(ordered[i::count]), dtype=np.int64) for i in range(count)]


def _add_up(told: list[dict[str, Any]], by_cell: dict[Cell, list[Group]]) -> dict[str, Any]:
    """Sum the reports of a split's parts; groups never cross parts, so that bounds add up too."""
    shares = [t["triple_share"] for t in told if t["triple_share"] is not None]
    caps = [t["triple_cap"] for t in told if t["triple_cap"] is not None]
    return {
        **{k: sum(t[k] for t in told) for k in ("eligible", "kinds_of_studies", "bound", "reached")},
        "optimal": all(t["optimal"] for t in told),
        "parts": len(told),
        "triples": len({c.triple for c in by_cell}),
        "cells": len(by_cell),
        "triple_share": max(shares, default=None),
        "triple_cap": sum(caps) if caps else None,
    }


def _order_by_hash(studies: Studies, of_type: list[list[int]], seed: int) -> list[list[int]]:
    keys = studies.frame.select("source", "patient_id", "study_id").rows()
    return [sorted(rows, key=lambda r: (draw_int(seed, "study", *keys[r]), keys[r])) for rows in of_type]


def _pick_studies(
    solved: Balance, of_type: list[list[int]], studies: Studies, seed: int
) -> dict[Cell, list[Group]]:
    """Name the studies that serve each member, and match the k-th of each of the four into group k.

    The studies of a type are taken in turn, so that none serves a member twice, nor more members than it may.
    """
    keys = studies.frame.select("source", "patient_id", "study_id").rows()
    turn: dict[int, int] = defaultdict(int)
    truths: dict[tuple[Cell, int], list[int]] = {}
    for (cell, member), kinds in sorted(solved.served.items()):
        rows = []
        for kind, count in kinds:
            pool = of_type[kind]
            rows += [pool[(turn[kind] + j) % len(pool)] for j in range(count)]
            turn[kind] += count
        purpose: tuple[Key, ...] = ("match", *cell.triple, cell.plane, member)
        truths[cell, member] = sorted(rows, key=lambda r: draw_int(seed, *purpose, *keys[r]))
    return {
        cell: list(zip(*(truths[cell, m] for m in range(4)), strict=True)) for cell in sorted(solved.groups)
    }


def _spread(by_cell: dict[Cell, list[Group]], seed: int) -> list[tuple[Cell, Group]]:
    """Order groups so that any first part of them is even over triples, and over the planes of a triple."""
    ranked = []
    by_triple: dict[tuple[int, int, int], list[Cell]] = defaultdict(list)
    for cell in by_cell:
        by_triple[cell.triple].append(cell)
    for triple, cells in by_triple.items():
        planes = shuffle(cells, seed, "planes", *triple)
        deal = sorted((k, p, g) for p, c in enumerate(planes) for k, g in enumerate(by_cell[c]))
        ranked += [
            ((turn, draw_int(seed, "spread", *triple), triple), planes[p], group)
            for turn, (_, p, group) in enumerate(deal)
        ]
    return [(cell, group) for _, cell, group in sorted(ranked)]


def _trim(groups: list[tuple[Cell, Group]], share: float | None) -> list[tuple[Cell, Group]]:
    """Leave out groups until no triple has more than its share of a split that was solved in parts.

    Each part may have a group of any triple, so that many small parts can have more of one in all.
    """
    while share is not None and groups:
        most = max(1, int(relax_share(share, len({c.triple for c, _ in groups})) * len(groups) + 1e-9))
        counts: dict[tuple[int, int, int], int] = defaultdict(int)
        kept = []
        for cell, group in groups:
            counts[cell.triple] += 1
            if counts[cell.triple] <= most:
                kept.append((cell, group))
        if len(kept) == len(groups):
            break
        groups = kept
    return groups


def _share_out(sizes: dict[str, int], total: int) -> dict[str, int]:
    """Split ``total`` in proportion to sizes by largest remainders."""
    whole = sum(sizes.values())
    if total >= whole:
        return sizes
    exact = {s: total * n / whole for s, n in sizes.items()}
    quotas = {s: int(e) for s, e in exact.items()}
    by_remainder = sorted(sizes, key=lambda s: (quotas[s] - exact[s], SPLITS.index(s)))
    for s in by_remainder[: total - sum(quotas.values())]:
        quotas[s] += 1
    return quotas


def _lay_out(
    cell: Cell,
    group: Group,
    studies: Studies,
    ontology: Ontology,
    recipe: MednegaRecipe,
    denials: Denials,
    evidence: Evidence,
) -> list[Item]:
    """Make the four items of a group; each has its answer at another letter, so that letters are balanced."""
    conditions = tuple(ontology.conditions[i].name for i in cell.triple)
    rows = [studies.frame.row(r) for r in group]
    ids = [name_item("mn", "balanced", *row[:3], *conditions, str(cell.plane)) for row in rows]
    group_id = name_item("mg", *ids)
    positions = shuffle(range(4), recipe.seed, "positions", group_id)
    phrases = _choose_phrases(cell, group, group_id, recipe, denials, evidence)
    items = []
    for member, row in enumerate(rows):
        others = [m for m in range(4) if m != member]
        shown = place_options(member, shuffle(others, recipe.seed, "options", ids[member]), positions[member])
        items.append(
            Item(
                ids[member],
                group_id,
                row,
                conditions,
                tuple(cell.members[m] for m in shown),
                positions[member],
                tuple(phrases[m] for m in shown),
                _is_strict(cell, member, phrases[member], int(evidence.unknown[group[member]]), denials),
            )
        )
    return items


def _choose_phrases(
    cell: Cell, group: Group, group_id: str, recipe: MednegaRecipe, denials: Denials, evidence: Evidence
) -> list[tuple[int, int, int]]:
    """Choose the affirmative phrase of each condition for each of the four options, by member.

    All that counts is what the options say and which four studies they are about, and all four items show
    the same texts: so the choice tells nothing about which of the four is right.
    """
    chosen = [[0, 0, 0] for _ in range(4)]
    together = draw_wording(recipe, group_id) // WORDINGS_TOGETHER
    options = [split_labels(cell.triple, m) for m in cell.members]
    for at, i in enumerate(cell.triple):
        members = [m for m, (_, missing) in enumerate(options) if i in missing]
        uses = [(options[m][0], int(evidence.kept[group[m]])) for m in members]
        masks = denials.by_phrase[i]
        preferred = shuffle(range(len(masks)), recipe.seed, "phrase", i, *cell.triple, together)
        found = pick_phrase(masks, uses, preferred)
        if found is None:
            raise AssertionError(f"no affirmative phrase fits {cell} of group {group_id}")
        for m in range(4):
            chosen[m][at] = found[members.index(m)] if m in members else found[0]
    return [(a, b, c) for a, b, c in chosen]


def _is_strict(
    cell: Cell, member: int, phrases: tuple[int, int, int], unknown: int, denials: Denials
) -> bool:
    """Return whether all that the right option denies, in either wording, is known to be absent."""
    return not any(
        unknown & (denials.by_phrase[i][p] | denials.by_name[i])
        for i, label, p in zip(cell.triple, cell.members[member], phrases, strict=True)
        if not label
    )


def _describe_conflicts(studies: Studies, evidence: Evidence, ontology: Ontology) -> dict[str, Any]:
    """Count labels of eligible studies that no option states since others contradict them."""
    lost = {
        "present": studies.present & ~evidence.present,
        "absent": studies.absent & ~evidence.absent,
    }
    by_condition = {
        f"{c.name} {state}": int((m >> i & 1).sum())
        for i, c in enumerate(ontology.conditions)
        for state, m in lost.items()
    }
    return {
        "studies": int(((lost["present"] | lost["absent"]) != 0).sum()),
        "labels": {k: n for k, n in by_condition.items() if n},
    }


def _describe(solved: Balance, eligible: int, types: int) -> dict[str, Any]:
    return {
        "eligible": eligible,
        "kinds_of_studies": types,
        "bound": 4 * int(solved.bound + 1e-6),
        "reached": 4 * solved.reached,
        "optimal": solved.proved,
        "triples": len({c.triple for c in solved.groups}),
        "cells": len(solved.groups),
        "triple_share": solved.share,
        "triple_cap": None if solved.cap is None else 4 * solved.cap,
    }


def _find_largest_share(groups: list[tuple[Cell, Group]]) -> float | None:
    counts: dict[tuple[int, int, int], int] = defaultdict(int)
    for cell, _ in groups:
        counts[cell.triple] += 1
    return round(max(counts.values()) / len(groups), 6) if groups else None


def _describe_cells(cells: CellList, studies: Studies) -> dict[str, Any]:
    """Count what was avoided, and how many studies show such an option (they may serve other cells)."""
    out: dict[str, Any] = {"usable": len(cells.usable)}
    for name, left_out in (("contradicting", cells.contradicting), ("clashing", cells.clashing)):
        out[name] = {
            "cells": len(left_out),
            "triples": len({c.triple for c in left_out}),
            "studies_that_fit": int(_fit_any(left_out, studies)),
        }
    return out


def _fit_any(cells: tuple[Cell, ...], studies: Studies) -> Any:
    """Count studies whose labels are a member of one of the cells."""
    hit = np.zeros(len(studies.present), dtype=np.bool_)
    definite = studies.present | studies.absent
    for cell in cells:
        free = cell.triple[cell.plane]
        a, b = (i for i in cell.triple if i != free)
        opposed = ((studies.present >> a) & (studies.absent >> b)) | (
            (studies.absent >> a) & (studies.present >> b)
        )
        hit |= ((definite >> free) & opposed & 1).astype(np.bool_)
    return hit.sum()
