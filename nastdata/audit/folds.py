"""Cross-validation that holds out whole groups and whole patients.

Items of a group share their texts, one item for each truth: if three of them were trained on, the member
that was never seen as right would give the fourth away by elimination. So whatever is trained on is whole
groups, none of which shares an item or a patient with what is held out.

Two ways of dividing, of which the one that trains on more is taken:

- *by group*: groups linked by patients form components. A component of up to half a fold goes into one fold;
  a larger one is cut between its groups. Training groups that share a patient with the fold are left out.
- *by patient*: patients are divided, twice as finely; a fold's test items are those of its patients, and
  groups without any of them are trained on. This copes with patients who serve in many groups each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from nastdata.audit.choices import Bools, Ints, rank_strings
from nastdata.seeded import draw_int


@dataclass(frozen=True)
class Folds:
    """Held-out parts and what may be trained on for each."""

    test: Ints
    """(items,) fold in which an item is held out."""
    train: list[Bools]
    """Fold -> (items,) what may be trained on."""
    held_out_by: str
    """``group`` or ``patient``."""
    cut: int
    """Components of groups and patients that were too large for one fold and were cut."""

    @property
    def trained(self) -> float:
        """Mean share of all items that a fold's solver is trained on."""
        return float(np.mean([mask.mean() for mask in self.train]))


def make_folds(groups: list[str], patients: list[str], folds: int, seed: int) -> Folds:
    """Assign items to folds by hash; nearly equal sizes.

    Args:
        groups: (items,) group ids.
        patients: (items,) patient ids.
        folds: number wanted; fewer where there are fewer units.
        seed: of the hash.
    """
    group_names, group = rank_strings(groups)
    patient_names, patient = rank_strings(patients)
    unit, cut = _find_units(group, patient, folds)
    by_group = _divide(unit, group, group_names.to_list(), group, patient, folds, seed)
    first = Folds(*by_group, "group", cut)
    if not cut:
        return first
    by_patient = _divide(patient, patient, patient_names.to_list(), group, patient, 2 * folds, seed)
    second = Folds(*by_patient, "patient", cut)
    return second if second.trained > first.trained else first


def _divide(
    unit: Ints, named: Ints, names: list[str], group: Ints, patient: Ints, folds: int, seed: int
) -> tuple[Ints, list[Bools]]:
    """Return (items,) the test fold by unit, and per fold the whole groups that share nothing with it."""
    test = _spread(unit, named, names, folds, seed)[unit]
    train = []
    for fold in range(int(test.max()) + 1):
        met = np.isin(patient, np.unique(patient[test == fold])) | (test == fold)
        train.append(~np.isin(group, np.unique(group[met])))
    return test, train


def _find_units(group: Ints, patient: Ints, folds: int) -> tuple[Ints, int]:
    """Return (items,) what goes into one fold, and how many components had to be cut."""
    n_groups, n_patients = int(group.max()) + 1, int(patient.max()) + 1
    size = n_groups + n_patients
    edges = coo_matrix((np.ones(len(group)), (group, patient + n_groups)), shape=(size, size))
    component = connected_components(edges, directed=False)[1][group].astype(np.int64)
    large = np.bincount(component) > len(group) / (2 * folds)
    groups_of = np.bincount(component[np.unique(group, return_index=True)[1]], minlength=len(large))
    unit = np.where(large[component], len(large) + group, component)
    return np.unique(unit, return_inverse=True)[1].astype(np.int64), int((large & (groups_of > 1)).sum())


def _spread(unit: Ints, named: Ints, names: list[str], folds: int, seed: int) -> Ints:
    """Return (units,) folds: units in hashed order, largest first, each into the emptiest fold."""
    first = np.full(int(unit.max()) + 1, len(names))
    np.minimum.at(first, unit, named)
    sizes = np.bincount(unit)
    order = sorted(range(len(sizes)), key=lambda u: (-int(sizes[u]), draw_int(seed, "fold", names[first[u]])))
    filled = [0] * min(folds, len(sizes))
    out = np.zeros(len(sizes), dtype=np.int64)
    for u in order:
        fold = filled.index(min(filled))
        out[u] = fold
        filled[fold] += int(sizes[u])
    return out
