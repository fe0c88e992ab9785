"""Cross-validation that holds out whole groups and whole patients.

Items of a group share their texts, one item for each truth: if three of them were trained on, the member
that was never seen as right would give the fourth away by elimination. So groups stay whole, and a training
group that shares a patient with the held-out fold is left out as a whole ("purged").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from nastdata.draws import draw_int
from nastdata.validate.choices import Bools, Ints, rank_strings


@dataclass(frozen=True)
class Folds:
    """Held-out parts and what may be trained on for each."""

    test: Ints
    """(items,) fold in which an item is held out."""
    train: list[Bools]
    """Fold -> (items,) what may be trained on."""
    cluster: Ints
    """(items,) unit that was assigned as a whole: the clusters of the intervals."""
    cut: int
    """Components of groups and patients that were too large for one fold and were cut between groups."""
    purged: float
    """Share of the items outside a fold that share a patient with it and were not trained on (mean)."""


def make_folds(groups: list[str], patients: list[str], folds: int, seed: int) -> Folds:
    """Assign items to folds by hash; nearly equal sizes, groups whole, patients apart.

    Groups that are linked by patients form components. A component of up to half a fold goes into one fold;
    a larger one is cut between its groups, and the purge keeps its patients apart.

    Args:
        groups: (items,) group ids.
        patients: (items,) patient ids.
        folds: number wanted; fewer where there are fewer units.
        seed: of the hash.
    """
    names, group = rank_strings(groups)
    unit, cut = _find_units(group, rank_strings(patients)[1], folds)
    fold_of_unit = _spread(unit, group, names.to_list(), folds, seed)
    test = fold_of_unit[unit]
    train, purged = [], []
    patient = rank_strings(patients)[1]
    for fold in range(int(test.max()) + 1):
        held = test == fold
        met = np.isin(patient, np.unique(patient[held])) & ~held
        dropped = np.isin(group, np.unique(group[met]))
        train.append(~held & ~dropped)
        purged.append(float((dropped & ~held).sum() / max(int((~held).sum()), 1)))
    return Folds(test, train, unit, cut, float(np.mean(purged)))


def _find_units(group: Ints, patient: Ints, folds: int) -> tuple[Ints, int]:
    """Return (items,) unit codes and how many components were cut."""
    n_groups, n_patients = int(group.max()) + 1, int(patient.max()) + 1
    size = n_groups + n_patients
    edges = coo_matrix((np.ones(len(group)), (group, patient + n_groups)), shape=(size, size))
    component = connected_components(edges, directed=False)[1][group].astype(np.int64)
    large = np.bincount(component) > len(group) / (2 * folds)
    alone = np.bincount(component[np.unique(group, return_index=True)[1]], minlength=len(large)) == 1
    unit = np.where(large[component], len(large) + group, component)
    return np.unique(unit, return_inverse=True)[1].astype(np.int64), int((large & ~alone).sum())


def _spread(unit: Ints, group: Ints, names: list[str], folds: int, seed: int) -> Ints:
    """Return (units,) folds: units in hashed order, largest first, each into the emptiest fold."""
    first = np.full(int(unit.max()) + 1, len(names))
    np.minimum.at(first, unit, group)
    sizes = np.bincount(unit)
    order = sorted(range(len(sizes)), key=lambda u: (-int(sizes[u]), draw_int(seed, "fold", names[first[u]])))
    filled = [0] * min(folds, len(sizes))
    out = np.zeros(len(sizes), dtype=np.int64)
    for u in order:
        fold = filled.index(min(filled))
        out[u] = fold
        filled[fold] += int(sizes[u])
    return out
