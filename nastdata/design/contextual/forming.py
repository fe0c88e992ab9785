"""Groups of claim sets: K studies for the K claims of a family, so that ids, order and origin tell nothing.

- All studies of a group are of one split, one source and one form of ids: none tells which claim is true.
- In validation and test a study serves in few sets. A patient never serves in two about one condition, or
  about two of which one implies the other: a lung opacity in the left lower lobe is true wherever a
  consolidation there is, and is often there in the next study too, so that two such sets would give each
  other away. In train, where nothing is measured, studies serve more often (``claims.once``).
- Since a study serves so rarely, whatever comes first decides what the dataset is about. The next family is
  of the kind of negation that is furthest below its share, and about the conditions with the fewest sets yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from nastdata.design.contextual.arrays.groups import Groups
from nastdata.design.contextual.arrays.id_classes import class_ids
from nastdata.design.contextual.families import Family
from nastdata.design.contextual.lines import Line, Pool, list_lines
from nastdata.design.contextual.shares import find_mix
from nastdata.design.contextual.study_states import Codes, Ints, StudyTable
from nastdata.design.contextual.truth_table import Bools, Sheet
from nastdata.ontology import Ontology
from nastdata.recipe import ContextualRecipe, SplitShares
from nastdata.records import SPLITS, Fact
from nastdata.seeded import draw_int, mix_codes

KINDS = ("none", "existence", "location", "severity")
MOST_USES = 4
"""Sets that one study may serve where the recipe names no number."""
MOST_TRAINED = 8
"""The same of splits in which sets may give each other away: training is no test."""
ENOUGH = 150
"""Sets about a condition in a held-out split from which on it needs no shorter ones; some are left out later
for the shares."""
MOST_SETS = 400_000
"""Sets of a build whose recipe has no limit: some two million pairs, which two cores and 3 GB can word."""
MOST_AT_ONCE, MOST_TRAINED_AT_ONCE = 8, 100
"""Groups that a family makes before others have their turn, where studies are scarce and where not."""
SPARE = 4.0
"""How much more than the limit is formed, so that shares can be met by leaving groups out."""
LEAST_SHARE = 0.02
"""Weight of a kind that the mix does not name, while it waits."""

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Former:
    """Forms groups split by split, and remembers which studies are still free."""

    def __init__(self, table: StudyTable, sheet: Sheet, ontology: Ontology, recipe: ContextualRecipe) -> None:
        self.table, self.sheet, self.recipe = table, sheet, recipe
        self.linked = link_conditions(ontology)
        self.families: dict[Family, int] = {}
        self.made: dict[int, list[Groups]] = {}
        self._uses = np.zeros(len(table.studies), np.uint64)
        patient = table.studies.select(pl.struct("source", "patient_id").rank("dense") - 1).to_series()
        self._patient = patient.to_numpy().astype(np.int64)
        self._taken = np.zeros(int(self._patient.max(initial=-1)) + 1, np.uint64)
        # with "paired" the truth of a study says whether its image tells lobes apart
        leave_out = recipe.claims.hard_places == "leave_out"
        self._apart = find_hard_pairs(sheet.facts, ontology) if leave_out else None

    def form(self) -> list[Groups]:
        """Return the groups by K."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            self._fill_splits()
        return [_join(self.made[k]) for k in sorted(self.made)]

    def _fill_splits(self) -> None:
        shares = share_splits(self.table.split, self.recipe.splits)
        wanted = shares * SPARE * (self.recipe.limit or MOST_SETS)
        source, form = self.table.studies["source"].to_numpy(), class_ids(self.table.studies)
        held_out = min((s for i, s in enumerate(shares) if s > 0 and SPLITS[i] != "train"), default=1.0)
        for split in range(len(SPLITS)):
            pools: list[Pool] = []
            inside = self.table.split == split
            for name, number in sorted(set(zip(source[inside].tolist(), form[inside].tolist(), strict=True))):
                rows = np.flatnonzero(inside & (source == name) & (form == number)).astype(np.int32)
                anew = not self._asks_once(split)
                pools.append(Pool(self.table, rows, self.sheet, self.recipe, self._apart, anew))
            enough = ENOUGH * max(1.0, shares[split] / held_out)
            self._fill(split, pools, int(np.ceil(wanted[split])), enough)

    def _fill(self, split: int, pools: list[Pool], wanted: int, enough: float) -> None:
        """Make sets of K claims, then shorter ones about the conditions of which there are not enough."""
        claims = self.recipe.claims
        tally = _Tally(len(self.table.conditions))
        formed = self._ask(split, [line for p in pools for line in list_lines(p)], wanted, tally)
        for k in range(claims.k_min - 1, claims.least - 1, -1):
            rare = frozenset(np.flatnonzero(tally.of_condition < enough).tolist())
            if formed >= wanted or not rare:
                break
            lines = [line for p in pools for line in list_lines(p, (k,), rare)]
            formed += self._ask(split, lines, wanted - formed, tally, enough)

    def _ask(self, split: int, lines: list[Line], wanted: int, tally: _Tally, enough: float = np.inf) -> int:
        """Ask lines for families until a split has what it is to have, or they have nothing left.

        Lines whose conditions all have ``enough`` sets are passed over.

        Returns:
            How many sets were made.
        """
        waiting = _Waiting(lines, find_mix(self.recipe.claims.mix, KINDS), tally)
        once = self._asks_once(split)
        uses = self.recipe.claims.per_study or (MOST_USES if once else MOST_TRAINED)
        at_once = MOST_AT_ONCE if once else MOST_TRAINED_AT_ONCE
        formed = 0
        while formed < wanted and (line := waiting.find_next()) is not None:
            if (tally.of_condition[list(line.conditions)] >= enough).all():
                waiting.drop(line)
                continue
            own = np.uint64(sum(1 << c for c in line.conditions))
            free = self._uses < uses
            offer = line.find(free & (self._taken[self._patient] & own == 0) if once else free)
            if offer is None:
                waiting.drop(line)
                continue
            family, members = offer
            k = len(family.claims)
            most = min(at_once, -(-(wanted - formed) // k))
            n = self._take(split, family, members, most)
            if n == 0:
                waiting.drop(line)
                continue
            waiting.count(line, n * k)
            formed += n * k
        return formed

    def _asks_once(self, split: int) -> bool:
        return self.recipe.claims.once == "all" or SPLITS[split] != "train"

    def _take(self, split: int, family: Family, members: list[Ints], most: int) -> int:
        """Form up to so many groups, of which no two have a patient in common; return how many."""
        number = self.families.setdefault(family, len(self.families))
        code = draw_int(self.recipe.seed, "claims", *map(str, family.claims))
        picked = self._pick_apart(members, most, code)
        n = len(picked)
        if n == 0:
            return 0
        self._uses[picked] += np.uint64(1)
        self._taken[self._patient[picked]] |= np.bitwise_or.reduce(self.linked[list(family.conditions)])
        self.made.setdefault(len(family.claims), []).append(
            Groups(
                np.repeat(np.array([family.claims], np.int32), n, axis=0),
                picked,
                _altered(self.table, self.sheet, family, picked),
                np.full(n, number, np.int32),
                np.full(n, split, np.int32),
                mix_codes(self.table.draw[picked[:, 0]], draw_int(self.recipe.seed, "group", code)),
            )
        )
        return n

    def _pick_apart(self, members: list[Ints], most: int, code: int) -> Ints:
        """Return up to ``most`` x K studies of as many patients, those that served least first.

        Ties are in hashed order. The claim with the fewest studies chooses first.
        """
        seen: set[int] = set()
        chosen: dict[int, list[int]] = {}
        n = most
        for at in sorted(range(len(members)), key=lambda i: len(members[i])):
            own: list[int] = []
            for study in _order(members[at], 4 * most + 4 * len(members), self._uses, self.table.draw, code):
                if len(own) == n:
                    break
                if (patient := int(self._patient[study])) not in seen:
                    seen.add(patient)
                    own.append(int(study))
            chosen[at] = own
            n = min(n, len(own))
        return np.array([chosen[i][:n] for i in range(len(members))], np.int32).reshape(len(members), n).T


class _Tally:
    """How many sets of a split there are, by kind and by condition."""

    def __init__(self, conditions: int) -> None:
        self.of_kind = np.zeros(len(KINDS))
        self.of_condition = np.zeros(conditions)


class _Waiting:
    """Which line is next."""

    def __init__(self, lines: list[Line], mix: Mapping[Any, float] | None, tally: _Tally) -> None:
        self._lines, self._tally = lines, tally
        self._kind = np.array([KINDS.index(line.kind) for line in lines], np.int64)
        self._about = np.zeros((len(lines), len(tally.of_condition)), bool)
        for i, line in enumerate(lines):
            self._about[i, list(line.conditions)] = True
        self._open = np.ones(len(lines), bool)
        self._number = {id(line): i for i, line in enumerate(lines)}
        self._weight = np.array([max((mix or {}).get(kind, 0.0), LEAST_SHARE) for kind in KINDS])

    def find_next(self) -> Line | None:
        """Return the line that costs least of the kind that is furthest below its share.

        The cost is how many sets there are about its conditions; times their number, since a set about
        several uses its studies up for all of them.
        """
        there = np.bincount(self._kind[self._open], minlength=len(KINDS)) > 0
        if not there.any():
            return None
        kind = int(np.where(there, self._tally.of_kind / self._weight, np.inf).argmin())
        at = np.flatnonzero(self._open & (self._kind == kind))
        about = self._about[at]
        cost = (np.where(about, self._tally.of_condition, 0.0).max(axis=1) + 1.0) * about.sum(axis=1)
        return self._lines[int(at[cost.argmin()])]

    def drop(self, line: Line) -> None:
        """Note that a line has nothing left."""
        self._open[self._number[id(line)]] = False

    def count(self, line: Line, sets: int) -> None:
        """Note that a line made so many sets."""
        about = self._about[self._number[id(line)]]
        self._tally.of_kind[KINDS.index(line.kind)] += sets
        self._tally.of_condition[about] += sets / about.sum()


def link_conditions(ontology: Ontology) -> Codes:
    """Return a bit mask for each condition, in ontology order: itself, what implies it, what it implies."""
    names = tuple(ontology.order)
    return np.array(
        [
            sum(1 << i for i, m in enumerate(names) if m == n or m in up[n] or n in up[m])
            for up in [ontology.ancestors]
            for n in names
        ],
        np.uint64,
    )


def find_hard_pairs(facts: Sequence[Fact], ontology: Ontology) -> Bools:
    """Return statements x statements: whether they are about two regions that one image hardly tells apart.

    Those are regions of one side that are ``superimposed`` in the ontology: one lobe of a lung against
    another of it.
    """
    pairs = {frozenset((r.name, other)) for r in ontology.regions for other in r.superimposed}
    spots = [
        (place.side, place.region) if (place := ontology.place_by_name.get(f.location or "")) else None
        for f in facts
    ]
    distinct = list(dict.fromkeys(spots))
    hard = np.array(
        [
            [bool(a and b and a[0] == b[0] and frozenset((a[1], b[1])) in pairs) for b in distinct]
            for a in distinct
        ]
    )
    at = np.array([distinct.index(s) for s in spots])
    apart: Bools = hard[np.ix_(at, at)]
    return apart


def share_splits(split: Ints, shares: SplitShares) -> Floats:
    """Return (splits,) the share of the rows that each split is to have: the recipe's, as of patients.

    Args:
        split: (studies,) number of each study's split. With ``keep_own`` the studies themselves say.
        shares: of the recipe.
    """
    there = np.bincount(split, minlength=len(SPLITS)).astype(np.float64)
    wanted = there if shares.keep_own else np.array([getattr(shares, s) for s in SPLITS])
    wanted = np.where(there > 0, wanted, 0.0)
    return wanted / wanted.sum() if wanted.sum() > 0 else wanted


def _order(studies: Ints, most: int, uses: Codes, draw: Codes, code: int) -> Ints:
    """Return the first ``most`` studies: those that served least first, in hashed order."""
    key = (uses[studies] << np.uint64(48)) | (mix_codes(draw[studies], code) >> np.uint64(16))
    best = np.argpartition(key, most)[:most] if most < len(key) else np.arange(len(key))
    chosen: Ints = studies[best[np.argsort(key[best], kind="stable")]]
    return chosen


def _altered(
    table: StudyTable, sheet: Sheet, family: Family, picked: Ints
) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Look up in which attribute each claim departs from each picked study: G x K x K."""
    starts = [sheet.by_condition[c][0] for c in family.conditions]
    owner = [max(i for i, s in enumerate(starts) if s <= claim) for claim in family.claims]
    out = np.empty((*picked.shape, len(family.claims)), np.int8)
    for j, (claim, i) in enumerate(zip(family.claims, owner, strict=True)):
        condition = family.conditions[i]
        out[:, :, j] = sheet.verdicts[condition][table.state[picked, condition], claim - starts[i]]
    return out


def _join(parts: list[Groups]) -> Groups:
    fields = Groups.__dataclass_fields__
    return Groups(*(np.concatenate([getattr(p, f) for p in parts]) for f in fields))
