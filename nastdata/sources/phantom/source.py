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

from nastdata.frames import labels_schema
from nastdata.ontology import Ontology
from nastdata.records import DRAWN
from nastdata.sources.base import Loaded, Options, Source
from nastdata.sources.phantom.truth import (
    BLANK,
    SHARES,
    Flags,
    Floats,
    calibrate,
    draw_truth,
    draw_uniforms,
    get_draws,
    order_children_first,
    tell_labels,
)
from nastdata.sources.studies import (
    KEYS,
    NO_FINDING,
    complete_facts,
    reject_rows,
    report_facts,
    report_labels,
)
from nastdata.sources.terms import PHANTOM

GRADE_SHARES = (0.4, 0.35, 0.25)
"""Of a three-grade scale, lightest first; other scales are cut evenly."""
SUBJECTS = frozenset({"chest radiograph", "chest x-ray"})
"""What the drawn images show."""


@dataclass(frozen=True)
class Phantoms:
    """All that is known of the drawn studies: ``frames.labels_schema`` and ``FACTS_SCHEMA`` frames.

    ``facts`` holds every finding that is really there (``present``, with place and grade, whether or not
    the labels tell it) and every told absence. ``told`` says which of its rows a label tells; ``drawn``
    which are findings of their own on the image: a parent that is there because its child is, is not (it
    has the place and the grade of an only child, and none beside several).
    """

    labels: pl.DataFrame
    facts: pl.DataFrame
    told: pl.Series
    drawn: pl.Series


def draw_phantoms(ontology: Ontology, seed: int, patients: int) -> Phantoms:
    """Draw patients 1..``patients`` with their studies, labels and facts, for any ontology."""
    u, patient, study = draw_uniforms(seed, patients, len(ontology.conditions))
    names = [c.name for c in ontology.conditions]
    truth, unsaid = draw_truth(ontology, u, calibrate(ontology))
    labels = tell_labels(ontology, u, truth, unsaid)
    keys = _name_studies(patient, study)
    if not can_draw(ontology):
        keys = keys.with_columns(pl.lit(None, pl.String).alias("image"))
    columns = {n: pl.Series(n, labels[:, i], pl.Int8) for i, n in enumerate(names)}
    frame = keys.with_columns(
        pl.when(column == BLANK).then(None).otherwise(column).alias(n) for n, column in columns.items()
    )
    findings = [n for n in names if n != "Support Devices"]
    normal = ~pl.any_horizontal(pl.col(findings).is_in([1, -1]).fill_null(False))
    frame = frame.with_columns(pl.when(normal).then(1).cast(pl.Int8).alias(NO_FINDING))
    facts = _draw_facts(ontology, u, truth, labels, keys)
    return Phantoms(
        labels=frame.select(*labels_schema(ontology), NO_FINDING),
        facts=complete_facts(facts),
        told=facts["#told"],
        drawn=facts["#drawn"],
    )


def can_draw(ontology: Ontology) -> bool:
    """Whether the drawn images can show all that an ontology names: chest radiographs, known findings.

    A subset of the built-in conditions under other names of places is drawn; an image of a chest beside a
    finding of the knee would be a lie.
    """
    names = {x.lower() for x in (ontology.subject.text, *ontology.subject_synonyms)}
    return not names.isdisjoint(SUBJECTS) and all(c.name in SHARES for c in ontology.conditions)


def _list_notes(ontology: Ontology) -> tuple[str, ...]:
    if can_draw(ontology):
        return ()
    strange = [c.name for c in ontology.conditions if c.name not in SHARES]
    why = f"'{strange[0]}' is none of its findings" if strange else f"not a {ontology.subject.text}"
    return (
        f"the phantom draws chest radiographs only ({why}): labels and facts are made up for this ontology, "
        "and there are no images",
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
        notes=_list_notes(ontology),
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
        notes=_list_notes(ontology),
    )


def _draw_facts(
    ontology: Ontology, u: Floats, truth: Flags, labels: npt.NDArray[np.int8], keys: pl.DataFrame
) -> pl.DataFrame:
    names = [c.name for c in ontology.conditions]
    places: dict[str, npt.NDArray[np.object_]] = {}
    grades: dict[str, npt.NDArray[np.object_]] = {}
    parts = []
    for i in order_children_first(ontology):
        c = ontology.conditions[i]
        scale = ontology.grades(c.name)
        shares = GRADE_SHARES if len(scale) == len(GRADE_SHARES) else (1.0,) * len(scale)
        places[c.name] = _pick(*_list_places(ontology, c.name), get_draws(u, i, 2))
        grades[c.name] = _pick(scale, shares, get_draws(u, i, 3))
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
                    "#told": labels[here, i] != BLANK,
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
        pl.lit(DRAWN).alias("view"),
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
    views=("frontal", "frontal-only", "all"),
)
