"""Objectives by name, and what each is made of."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from nastdata.training.objectives.base import Objective
from nastdata.training.objectives.captions import CaptionObjective, NastObjective
from nastdata.training.objectives.hard_negatives import NegClipObjective, QuadrupletObjective
from nastdata.training.objectives.material import Material, Part
from nastdata.training.objectives.questions import ChoiceObjective, GroupObjective, MixedObjective
from nastdata.training.objectives.rows import Claims, read_captions, read_claims
from nastdata.training.objectives.two_way import TwoWayObjective
from nastdata.training.settings import ObjectiveName


def make_objective(material: Material) -> Objective:
    """Return the objective that a recipe names, on the training split.

    Raises:
        UserError: if the datasets lack what it needs.
    """
    return MAKERS[material.recipe.objective](material)


def _captions(material: Material, *, rows_only: bool = False) -> CaptionObjective:
    part = material.load("contextual_captions", "train")
    return CaptionObjective(
        read_captions(part.frame, material.look(part)), material.recipe, rows_only=rows_only
    )


def _claims(material: Material) -> Claims:
    part = material.load("contextual_claims", "train")
    return read_claims(part.frame, material.look(part))


def _maybe_captions(material: Material) -> CaptionObjective | None:
    wanted = material.recipe.loss.captions > 0 and material.find("contextual_captions", "train") is not None
    return _captions(material) if wanted else None


def _nast(material: Material) -> NastObjective:
    return NastObjective(_maybe_captions(material), _claims(material), material.recipe)


def _quadruplets(material: Material, *, whole_batch: bool) -> QuadrupletObjective:
    part = material.load("opposition", "train")
    frame = part.frame.filter(pl.col("distractor_image").is_not_null())
    part = Part(frame, part.number)
    others = material.look(part, "distractor_image")
    return QuadrupletObjective(frame, material.look(part), others, material.recipe, whole_batch)


def _groups(material: Material) -> GroupObjective:
    part = material.load("mednega", "train")
    return GroupObjective(part.frame, material.look(part), material.recipe)


def _choices(material: Material) -> ChoiceObjective:
    part = material.load("mednega", "train")
    captions = _maybe_captions(material)
    return ChoiceObjective(captions, part.frame, material.look(part), material.recipe)


def _two_way(material: Material) -> TwoWayObjective:
    part = material.load("mednega", "train")
    known = material.load_ontology(part).condition_by_name

    def name(condition: str) -> str:
        return known[condition].text if condition in known else condition.lower()

    return TwoWayObjective(part.frame, material.look(part), name, material.recipe)


def _mixed(material: Material) -> MixedObjective:
    return MixedObjective(_nast(material), _groups(material), material.recipe)


MAKERS: dict[ObjectiveName, Callable[[Material], Objective]] = {
    "nast": _nast,
    "clip": _captions,
    "con1": lambda material: _captions(material, rows_only=True),
    "con2": lambda material: _quadruplets(material, whole_batch=False),
    "conclip": lambda material: _quadruplets(material, whole_batch=True),
    "negclip": lambda material: NegClipObjective(_claims(material), material.recipe),
    "mcq": _choices,
    "two_way": _two_way,
    "groups": _groups,
    "mixed": _mixed,
}
