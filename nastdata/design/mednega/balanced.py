"""The balanced MedNega design: every option set is true in each of its four ways equally often.

A group is four items, one per member of a plane, that share triple and options and come from four studies
of one split. No function of the texts can beat one in four, since every set of them has each answer equally
often.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from nastdata.design.mednega.balance import Balance, balance_split
from nastdata.design.mednega.integer_program import Types
from nastdata.design.mednega.items import Item, name_item, place_options
from nastdata.design.mednega.label_masks import Studies
from nastdata.design.mednega.planes import Cell, CellList, list_cells
from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.recipe import MednegaRecipe
from nastdata.records import SPLITS
from nastdata.seeded import Key, draw_int, shuffle

MOST_TYPES = 7_000
"""Label vectors of one problem; CheXpert's largest split has 6,078. More are solved in parts."""

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
    cells = list_cells(
        ontology, avoid_contradictions=recipe.avoid_contradictions, avoid_clashes=recipe.avoid_clashes
    )
    eligible = studies.select(studies.fit(recipe.eligibility))
    groups: dict[str, list[tuple[Cell, Group]]] = {}
    reports: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        rows = np.flatnonzero((eligible.frame["split"] == split).to_numpy())
        parts = _cut_up(eligible, rows, recipe.seed)
        by_cell: dict[Cell, list[Group]] = defaultdict(list)
        told = []
        for part in parts:
            types, of_type = _sort_into_types(eligible, part)
            solved = balance_split(
                types, cells.usable, per_study=recipe.items_per_study, share=recipe.triple_share
            )
            ordered = _order_by_hash(eligible, of_type, recipe.seed)
            for cell, found in _pick_studies(solved, ordered, eligible, recipe.seed).items():
                by_cell[cell] += found
            told.append(_describe(solved, len(part), len(types.size)))
        groups[split] = _spread(by_cell, recipe.seed)
        reports[split] = told[0] if len(told) == 1 else _add_up(told, by_cell, recipe.items_per_study)
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
        for i in _lay_out(cell, group, eligible, ontology, recipe)
    ]
    report = {
        "eligible": len(eligible.frame),
        "eligible_patients": eligible.frame.select("source", "patient_id").n_unique(),
        "bound": sum(r["bound"] for r in reports.values()),
        "reached": sum(r["reached"] for r in reports.values()),
        "cells": _describe_cells(cells, eligible),
        "splits": reports,
    }
    return items, report


def _cut_up(studies: Studies, rows: Any, seed: int) -> list[Any]:
    """Deal a split's studies into parts of at most about ``MOST_TYPES`` label vectors, by hash.

    A part that is balanced in itself adds up with the others to a balanced whole, so a corpus with very many
    distinct label vectors takes time in proportion to them, at the price of a bound that is no longer tight.
    """
    vectors = len(np.unique((studies.present[rows] << 31) | studies.absent[rows]))
    count = max(1, -(-vectors // MOST_TYPES))
    if count == 1:
        return [rows]
    keys = studies.frame.select("source", "patient_id", "study_id").rows()
    ordered = sorted(rows.tolist(), key=lambda r: (draw_int(seed, "part", *keys[r]), keys[r]))
    return [np.array(sorted(ordered[i::count]), dtype=np.int64) for i in range(count)]


def _add_up(told: list[dict[str, Any]], by_cell: dict[Cell, list[Group]], per_study: int) -> dict[str, Any]:
    """Sum the reports of a split's parts; the bound of the whole is that every item needs a study."""
    eligible = sum(t["eligible"] for t in told)
    reached = sum(t["reached"] for t in told)
    bound = eligible * per_study // 4 * 4
    return {
        "eligible": eligible,
        "label_vectors": sum(t["label_vectors"] for t in told),
        "parts": len(told),
        "bound": bound,
        "reached": reached,
        "optimal": reached == bound,
        "triples": len({c.triple for c in by_cell}),
        "cells": len(by_cell),
        "triple_share": max((t["triple_share"] or 0 for t in told), default=0) or None,
        "triple_cap": None,
    }


def _sort_into_types(studies: Studies, rows: Any) -> tuple[Types, dict[int, list[int]]]:
    """Group rows by label vector: the types in ascending order, and type -> its rows."""
    key = (studies.present[rows] << 31) | studies.absent[rows]
    vectors, kind, size = np.unique(key, return_inverse=True, return_counts=True)
    of_type: dict[int, list[int]] = defaultdict(list)
    for k, row in zip(kind.tolist(), rows.tolist(), strict=True):
        of_type[k].append(row)
    return Types(vectors >> 31, vectors & ((1 << 31) - 1), size.astype(np.int64)), of_type


def _order_by_hash(studies: Studies, of_type: dict[int, list[int]], seed: int) -> dict[int, list[int]]:
    keys = studies.frame.select("source", "patient_id", "study_id").rows()
    return {
        k: sorted(rows, key=lambda r: (draw_int(seed, "study", *keys[r]), keys[r]))
        for k, rows in of_type.items()
    }


def _pick_studies(
    solved: Balance, of_type: dict[int, list[int]], studies: Studies, seed: int
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
    cell: Cell, group: Group, studies: Studies, ontology: Ontology, recipe: MednegaRecipe
) -> list[Item]:
    """Make the four items of a group; each has its answer at another letter, so that letters are balanced."""
    conditions = tuple(ontology.conditions[i].name for i in cell.triple)
    rows = [studies.frame.row(r) for r in group]
    ids = [name_item("mn", "balanced", *row[:3], *conditions, str(cell.plane)) for row in rows]
    group_id = name_item("mg", *ids)
    positions = shuffle(range(4), recipe.seed, "positions", group_id)
    items = []
    for member, row in enumerate(rows):
        others = [m for k, m in enumerate(cell.members) if k != member]
        options = place_options(
            cell.members[member], shuffle(others, recipe.seed, "options", ids[member]), positions[member]
        )
        items.append(Item(ids[member], group_id, row, conditions, options, positions[member]))
    return items


def _describe(solved: Balance, eligible: int, types: int) -> dict[str, Any]:
    return {
        "eligible": eligible,
        "label_vectors": types,
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
