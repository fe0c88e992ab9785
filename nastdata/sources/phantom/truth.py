"""The hidden truth of phantom studies, and what their reports tell of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nastdata.ontology import Ontology
from nastdata.seeded import draw_int

MAX_STUDIES = 3
"""A patient has 1 to 3 studies."""
SHARES: dict[str, tuple[float, float, float]] = {
    "Enlarged Cardiomediastinum": (0.048, 0.080, 0.054),
    "Cardiomegaly": (0.123, 0.041, 0.035),
    "Lung Opacity": (0.494, 0.026, 0.023),
    "Lung Lesion": (0.037, 0.004, 0.006),
    "Edema": (0.261, 0.083, 0.062),
    "Consolidation": (0.068, 0.102, 0.128),
    "Pneumonia": (0.024, 0.010, 0.083),
    "Atelectasis": (0.156, 0.005, 0.157),
    "Pneumothorax": (0.092, 0.251, 0.014),
    "Pleural Effusion": (0.403, 0.132, 0.050),
    "Pleural Other": (0.013, 0.001, 0.009),
    "Fracture": (0.039, 0.010, 0.003),
    "Support Devices": (0.564, 0.028, 0.005),
}
"""Condition -> share of CheXpert's studies in which it is present, absent, uncertain; the rest is blank."""
DEFAULT_SHARES = (0.15, 0.10, 0.05)
LOADINGS: dict[str, tuple[float, float]] = {
    "Enlarged Cardiomediastinum": (0.5, 0.1),
    "Cardiomegaly": (0.6, 0.0),
    "Lung Opacity": (0.3, 0.0),
    "Lung Lesion": (0.0, 0.0),
    "Edema": (0.7, 0.0),
    "Consolidation": (0.3, 0.0),
    "Pneumonia": (0.2, 0.0),
    "Atelectasis": (0.4, 0.2),
    "Pneumothorax": (-0.2, 0.6),
    "Pleural Effusion": (0.6, 0.2),
    "Pleural Other": (0.0, 0.2),
    "Fracture": (0.0, 0.5),
    "Support Devices": (0.4, 0.4),
}
"""Condition -> how strongly it goes with fluid overload, and with injury: why findings co-occur."""
TELL_ABSENT = 0.35
"""Least share of absent findings that a report tells; CheXpert's own share where that is higher."""
_HEAD, _EACH = 6, 5
"""Draws a study: four factors and two spare; draws a condition: truth, telling, place, grade, parent."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


BLANK = 2
"""Stands for a blank label in arrays."""


def draw_uniforms(
    seed: int, patients: int, conditions: int
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return uniforms (studies x draws), the patient's number and the study's number (from 1) of each row."""
    width = _HEAD + _EACH * conditions
    stream = np.random.Philox(key=draw_int(seed, "phantom"))
    raw = stream.random_raw(patients * (1 + MAX_STUDIES * width)).reshape(patients, -1)
    unit = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) / (1 << 53)
    per_patient = unit[:, 1:].reshape(patients, MAX_STUDIES, width)
    # the patient's own part of the two factors is that of the first study
    per_patient[:, :, :2] = per_patient[:, :1, :2]
    count = 1 + np.floor(unit[:, 0] * MAX_STUDIES).astype(np.int64)
    kept = np.arange(MAX_STUDIES)[None, :] < count[:, None]
    patient, study = np.nonzero(kept)
    return per_patient[kept], patient + 1, study + 1


Rates = dict[str, tuple[float, float]]


def calibrate(ontology: Ontology) -> Rates:
    """Find the rates of ``draw_truth`` on a fixed sample: they must not depend on the drawn patients."""
    u, _, _ = draw_uniforms(0, 1500, len(ontology.conditions))
    rates: Rates = {}
    draw_truth(ontology, u, rates)
    return rates


def draw_truth(ontology: Ontology, u: Floats, rates: Rates) -> tuple[Flags, Flags]:
    """Return which conditions are present, and which of these are parents that a report leaves unsaid.

    Args:
        ontology: Its conditions are the columns.
        u: Uniforms, studies x draws.
        rates: Condition -> (share to draw beside what its children imply, share of implied ones to tell),
            such that told ones have the condition's own share. Missing ones are found on this sample.
    """
    from scipy.special import ndtri

    factors = np.sqrt(0.6) * ndtri(u[:, 0:2]) + np.sqrt(0.4) * ndtri(u[:, 2:4])
    n = len(ontology.conditions)
    truth = np.zeros((len(u), n), dtype=bool)
    unsaid = np.zeros((len(u), n), dtype=bool)
    for i in order_children_first(ontology):
        c = ontology.conditions[i]
        children = [j for j, child in enumerate(ontology.conditions) if c.name in child.parents]
        below = truth[:, children].any(axis=1)
        if c.name not in rates:
            rates[c.name] = _find_rates(SHARES.get(c.name, DEFAULT_SHARES)[0], float(below.mean()))
        own, tell = rates[c.name]
        load = np.array(LOADINGS.get(c.name, (0.4, 0.0)))
        z = factors @ load + np.sqrt(1.0 - load @ load) * ndtri(get_draws(u, i, 0))
        truth[:, i] = below | (z > ndtri(1.0 - own))
        unsaid[:, i] = below & (get_draws(u, i, 4) >= tell)
    return truth, unsaid


def _find_rates(share: float, implied: float) -> tuple[float, float]:
    tell = min(0.6, 0.8 * share / implied) if implied else 0.0
    own = (share - tell * implied) / max(1e-9, 1.0 - implied)
    return min(max(own, 1e-6), 0.999), tell


def tell_labels(ontology: Ontology, u: Floats, truth: Flags, unsaid: Flags) -> npt.NDArray[np.int8]:
    """Return labels: 1, 0, -1 or ``BLANK``; never one that the truth contradicts."""
    out = np.full(truth.shape, BLANK, dtype=np.int8)
    for i, c in enumerate(ontology.conditions):
        present, absent, uncertain = SHARES.get(c.name, DEFAULT_SHARES)
        rest = 1.0 - present
        hedge = uncertain / rest
        told = absent / max(1e-9, rest - uncertain)
        tell = TELL_ABSENT + (1.0 - TELL_ABSENT) * told
        v = get_draws(u, i, 1)
        not_there = np.where(v < hedge, -1, np.where(v < hedge + (1.0 - hedge) * tell, 0, BLANK))
        out[:, i] = np.where(truth[:, i], np.where(unsaid[:, i], BLANK, 1), not_there)
    return out


def get_draws(u: Floats, condition: int, purpose: int) -> Floats:
    """Return one condition's uniforms for one purpose."""
    column: Floats = u[:, _HEAD + _EACH * condition + purpose]
    return column


def order_children_first(ontology: Ontology) -> list[int]:
    """Return condition indices, each after all that are kinds of it."""
    depth = {c.name: len(ontology.ancestors[c.name]) for c in ontology.conditions}
    return sorted(range(len(ontology.conditions)), key=lambda i: (-depth[ontology.conditions[i].name], i))
