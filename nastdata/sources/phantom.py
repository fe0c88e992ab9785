"""Phantom: synthetic patients, drawn by the package, so that everything works with nothing downloaded.

Each study has a hidden truth (which findings are present, where, how grave) and a report of it (labels
that may also be blank or uncertain). How often a finding is present or uncertain follows CheXpert's
studies; absence is told more often than there, since a few thousand studies must yield thousands of items.
All numbers come from one counter-based stream in a fixed layout, so that patient 7 is the same person
whether 10 or 60,000 patients are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from nastdata.draws import draw_int
from nastdata.frames import FACTS_SCHEMA, labels_schema
from nastdata.ontology import Ontology
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.studies import KEYS, NO_FINDING, reject_rows, report_facts, report_labels
from nastdata.sources.terms import PHANTOM

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
GRADE_SHARES = (0.4, 0.35, 0.25)
"""Of a three-grade scale, lightest first; other scales are cut evenly."""
_HEAD, _EACH = 6, 5
"""Draws a study: four factors and two spare; draws a condition: truth, telling, place, grade, parent."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Phantoms:
    """All that is known of the drawn studies: ``frames.labels_schema`` and ``FACTS_SCHEMA`` frames.

    ``facts`` holds every finding that is really there (``present``, with place and grade, whether or not
    the labels tell it) and every told absence. ``told`` says which of its rows a label tells; ``drawn``
    which are findings of their own on the film: a parent that is there because its child is, is not (it
    has the place and the grade of an only child, and none beside several).
    """

    labels: pl.DataFrame
    facts: pl.DataFrame
    told: pl.Series
    drawn: pl.Series


def draw_phantoms(ontology: Ontology, seed: int, patients: int) -> Phantoms:
    """Draw patients 1..``patients`` with their studies, labels and facts, for any ontology."""
    u, patient, study = _draw_uniforms(seed, patients, len(ontology.conditions))
    names = [c.name for c in ontology.conditions]
    truth, unsaid = _draw_truth(ontology, u, _calibrate(ontology))
    labels = _tell(ontology, u, truth, unsaid)
    keys = _name_studies(patient, study)
    columns = {n: pl.Series(n, labels[:, i], pl.Int8) for i, n in enumerate(names)}
    frame = keys.with_columns(
        pl.when(column == _BLANK).then(None).otherwise(column).alias(n) for n, column in columns.items()
    )
    findings = [n for n in names if n != "Support Devices"]
    normal = ~pl.any_horizontal(pl.col(findings).is_in([1, -1]).fill_null(False))
    frame = frame.with_columns(pl.when(normal).then(1).cast(pl.Int8).alias(NO_FINDING))
    facts = _draw_facts(ontology, u, truth, labels, keys)
    return Phantoms(
        labels=frame.select(*labels_schema(ontology), NO_FINDING),
        facts=facts.select(list(FACTS_SCHEMA)),
        told=facts["#told"],
        drawn=facts["#drawn"],
    )


def load_labels(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Draw label vectors; ``data`` is not used."""
    frame = draw_phantoms(ontology, options.seed, options.phantom_patients).labels
    return Loaded(
        frame=frame,
        rejects=reject_rows([], SOURCE.name),
        files=(),
        rows_in=len(frame),
        rows_out=len(frame),
        report=report_labels(frame, ontology),
    )


def load_facts(data: Path | None, ontology: Ontology, options: Options) -> Loaded:
    """Draw facts with place and grade, those that the labels tell; ``data`` is not used."""
    drawn = draw_phantoms(ontology, options.seed, options.phantom_patients)
    facts = drawn.facts.filter(drawn.told)
    used = facts["study_id"].n_unique()
    left_out = len(drawn.labels) - used
    return Loaded(
        frame=facts,
        rejects=reject_rows([], SOURCE.name),
        files=(),
        rows_in=len(drawn.labels),
        rows_out=used,
        left_out={"no definite label": left_out} if left_out else {},
        report=report_facts(facts),
    )


_BLANK = 2


def _draw_uniforms(
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


def _calibrate(ontology: Ontology) -> Rates:
    """Find the rates of ``_draw_truth`` on a fixed sample: they must not depend on the drawn patients."""
    u, _, _ = _draw_uniforms(0, 1500, len(ontology.conditions))
    rates: Rates = {}
    _draw_truth(ontology, u, rates)
    return rates


def _draw_truth(ontology: Ontology, u: Floats, rates: Rates) -> tuple[Flags, Flags]:
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
    for i in _order_children_first(ontology):
        c = ontology.conditions[i]
        children = [j for j, child in enumerate(ontology.conditions) if c.name in child.parents]
        below = truth[:, children].any(axis=1)
        if c.name not in rates:
            rates[c.name] = _find_rates(SHARES.get(c.name, DEFAULT_SHARES)[0], float(below.mean()))
        own, tell = rates[c.name]
        load = np.array(LOADINGS.get(c.name, (0.4, 0.0)))
        z = factors @ load + np.sqrt(1.0 - load @ load) * ndtri(_of(u, i, 0))
        truth[:, i] = below | (z > ndtri(1.0 - own))
        unsaid[:, i] = below & (_of(u, i, 4) >= tell)
    return truth, unsaid


def _find_rates(share: float, implied: float) -> tuple[float, float]:
    tell = min(0.6, 0.8 * share / implied) if implied else 0.0
    own = (share - tell * implied) / max(1e-9, 1.0 - implied)
    return min(max(own, 1e-6), 0.999), tell


def _tell(ontology: Ontology, u: Floats, truth: Flags, unsaid: Flags) -> npt.NDArray[np.int8]:
    """Return labels: 1, 0, -1 or ``_BLANK``; never one that the truth contradicts."""
    out = np.full(truth.shape, _BLANK, dtype=np.int8)
    for i, c in enumerate(ontology.conditions):
        present, absent, uncertain = SHARES.get(c.name, DEFAULT_SHARES)
        rest = 1.0 - present
        hedge = uncertain / rest
        told = absent / max(1e-9, rest - uncertain)
        tell = TELL_ABSENT + (1.0 - TELL_ABSENT) * told
        v = _of(u, i, 1)
        not_there = np.where(v < hedge, -1, np.where(v < hedge + (1.0 - hedge) * tell, 0, _BLANK))
        out[:, i] = np.where(truth[:, i], np.where(unsaid[:, i], _BLANK, 1), not_there)
    return out


def _draw_facts(
    ontology: Ontology, u: Floats, truth: Flags, labels: npt.NDArray[np.int8], keys: pl.DataFrame
) -> pl.DataFrame:
    names = [c.name for c in ontology.conditions]
    places: dict[str, npt.NDArray[np.object_]] = {}
    grades: dict[str, npt.NDArray[np.object_]] = {}
    parts = []
    for i in _order_children_first(ontology):
        c = ontology.conditions[i]
        scale = ontology.grades(c.name)
        shares = GRADE_SHARES if len(scale) == len(GRADE_SHARES) else (1.0,) * len(scale)
        places[c.name] = _pick(*_list_places(ontology, c.name), _of(u, i, 2))
        grades[c.name] = _pick(scale, shares, _of(u, i, 3))
        children = [j for j, child in enumerate(ontology.conditions) if c.name in child.parents]
        implied = truth[:, children].sum(axis=1) > 0
        places[c.name][implied] = None
        grades[c.name][implied] = None
        for j in children:
            only = truth[:, j] & (truth[:, children].sum(axis=1) == 1)
            _inherit(places[c.name], places[names[j]], only, c.places)
            _inherit(grades[c.name], grades[names[j]], only, scale)
        here = np.flatnonzero(truth[:, i] | (labels[:, i] == 0))
        present = truth[here, i]
        places[c.name][~truth[:, i]] = None
        grades[c.name][~truth[:, i]] = None
        parts.append(
            pl.DataFrame(
                {
                    "#study": here,
                    "#condition": np.full(len(here), i),
                    "#told": labels[here, i] != _BLANK,
                    "#drawn": present & ~implied[here],
                    "condition": pl.Series([c.name], dtype=pl.String).new_from_index(0, len(here)),
                    "existence": pl.Series(np.where(present, "present", "absent").tolist(), dtype=pl.String),
                    "location": pl.Series(places[c.name][here].tolist(), dtype=pl.String),
                    "severity": pl.Series(grades[c.name][here].tolist(), dtype=pl.String),
                }
            )
        )
    facts = pl.concat(parts).sort("#study", "#condition")
    study = keys.with_row_index("#study").with_columns(pl.col("#study").cast(pl.Int64))
    return facts.join(study, on="#study", how="left", maintain_order="left")


def _inherit(
    mine: npt.NDArray[np.object_], childs: npt.NDArray[np.object_], where: Flags, allowed: tuple[str, ...]
) -> None:
    """Give a parent its only child's place or grade, if it may have it."""
    fit = where & np.isin(childs.astype(str), allowed)
    mine[fit] = childs[fit]


def _list_places(ontology: Ontology, condition: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return places to draw from: with a side where the region has one; a bare side twice as often."""
    places = [ontology.place_by_name[p] for p in ontology.condition_by_name[condition].places]
    sided = {p.region for p in places if p.side}
    kept = [p for p in places if p.side or p.region not in sided]
    bare = sum(p.region is None for p in kept)
    # bare sides together: 40 % (where there are others)
    weight = 0.4 / bare if bare and bare < len(kept) else 1.0
    other = 0.6 / (len(kept) - bare) if bare and bare < len(kept) else 1.0
    return tuple(p.name for p in kept), tuple(weight if p.region is None else other for p in kept)


def _pick(names: tuple[str, ...], shares: tuple[float, ...], u: Floats) -> npt.NDArray[np.object_]:
    """Return, for each uniform, the name into whose share it falls; None if there are no names."""
    if not names:
        return np.full(len(u), None, dtype=object)
    edges = np.cumsum(np.array(shares) / sum(shares))
    index = np.minimum(np.searchsorted(edges, u, side="right"), len(names) - 1)
    return np.array(names, dtype=object)[index]


def _of(u: Floats, condition: int, purpose: int) -> Floats:
    column: Floats = u[:, _HEAD + _EACH * condition + purpose]
    return column


def _order_children_first(ontology: Ontology) -> list[int]:
    depth = {c.name: len(ontology.ancestors[c.name]) for c in ontology.conditions}
    return sorted(range(len(ontology.conditions)), key=lambda i: (-depth[ontology.conditions[i].name], i))


def _name_studies(patient: npt.NDArray[np.int64], study: npt.NDArray[np.int64]) -> pl.DataFrame:
    number = pl.DataFrame({"p": patient, "s": study})
    name = pl.format("phantom{}", pl.col("p").cast(pl.String).str.zfill(6))
    number = number.select(name.alias("patient_id"), pl.format("{}/study{}", name, "s").alias("study_id"))
    return number.select(
        pl.lit(SOURCE.name).alias("source"),
        "patient_id",
        "study_id",
        pl.col("study_id").alias("image_id"),
        pl.format("phantom/{}.png", "study_id").alias("image"),
        pl.lit(None, pl.String).alias("own_split"),
    ).select(KEYS)


def find(data: Path | None) -> tuple[list[Path], list[str]]:
    """Return nothing to find and nowhere to look: phantoms are drawn."""
    return [], []


SOURCE = Source(
    name="phantom",
    title="Phantom (synthetic)",
    terms=PHANTOM,
    needs=("nothing: drawn by the package",),
    find=find,
    load_labels=load_labels,
    load_facts=load_facts,
)
