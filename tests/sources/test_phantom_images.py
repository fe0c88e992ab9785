"""Every fact can be seen on the film at its place and grade, and nothing else changes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.frames import FACTS_SCHEMA
from nastdata.images.phantom import PhantomImages, render, write_phantom_images
from nastdata.ontology import Ontology, load_ontology
from nastdata.records import Fact

CHEST = load_ontology("chest_xray")
STATES = [(c.name, p) for c in CHEST.conditions for p in (None, *c.places)]


def show(condition: str, location: str | None = None, severity: str | None = None) -> Fact:
    return Fact(condition, "present", location, severity)


def difference(a: list[Fact], b: list[Fact], seed: int = 3, size: int = 128) -> np.ndarray:
    return np.abs(render(a, seed, size).astype(int) - render(b, seed, size).astype(int))


@pytest.mark.parametrize(("condition", "place"), STATES)
def test_every_place_of_every_condition_is_visible(condition: str, place: str | None) -> None:
    for seed in range(3):
        changed = difference([show(condition, place)], [], seed)
        assert (changed > 20).sum() >= 12, (condition, place, seed)


@pytest.mark.parametrize(
    ("condition", "place"), [s for s in STATES if s[1] and s[1].startswith(("right ", "left "))]
)
def test_a_sided_fact_changes_its_own_side_only(condition: str, place: str) -> None:
    changed = difference([show(condition, place)], []) > 20
    image_left, image_right = changed[:, :56].sum(), changed[:, 72:].sum()
    own, other = (image_left, image_right) if place.startswith("right") else (image_right, image_left)
    assert own > 3 * other
    assert own > 0


@pytest.mark.parametrize("condition", [c.name for c in CHEST.conditions if c.scale])
def test_graver_grades_change_more(condition: str, ontology: Ontology) -> None:
    place = "right lung base" if "right lung base" in ontology.condition_by_name[condition].places else None
    sums = []
    for grade in ontology.grades(condition):
        change = [
            np.clip(difference([show(condition, place, grade)], [], seed) - 8, 0, None).sum()
            for seed in range(4)
        ]
        sums.append(sum(change))
    assert sums[0] * 1.15 < sums[1] < sums[2] / 1.1, (condition, sums)


@pytest.mark.parametrize(
    "pair", [("right", "left"), ("right upper lobe", "right lower lobe"), ("lung apex", "lung base")]
)
def test_two_places_of_one_finding_look_different(pair: tuple[str, str]) -> None:
    a, b = ([show("Consolidation", p, "moderate")] for p in pair)
    assert (difference(a, b) > 30).sum() > 100


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(STATES), st.integers(0, 2**40), st.sampled_from([32, 64, 128]))
def test_same_facts_and_seed_give_the_same_pixels(
    state: tuple[str, str | None], seed: int, size: int
) -> None:
    facts = [show(*state), show("Support Devices"), Fact("Edema", "absent")]
    first = render(facts, seed, size)
    assert first.shape == (size, size) and first.dtype == np.uint8
    assert np.array_equal(first, render(facts[::-1], seed, size))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(STATES), st.integers(0, 2**40))
def test_absence_leaves_no_trace(state: tuple[str, str | None], seed: int) -> None:
    shown = [show("Pleural Effusion", "left", "small")]
    assert np.array_equal(render(shown, seed), render([*shown, Fact(state[0], "absent", state[1])], seed))


def test_a_patient_keeps_the_anatomy_and_a_study_has_its_own_noise() -> None:
    def likeness(a: tuple[int, int], b: tuple[int, int]) -> float:
        films = (render([], seed, patient_seed=patient).ravel() for seed, patient in (a, b))
        return float(np.corrcoef(*films)[0, 1])

    assert likeness((1, 7), (1, 8)) < likeness((1, 7), (2, 7)) < 1


def test_a_finding_of_another_ontology_gets_a_picture() -> None:
    tear, cyst = [show("Meniscus Tear", "medial")], [show("Baker Cyst", "medial")]
    assert (difference(tear, []) > 20).sum() > 12
    assert (difference(tear, cyst) > 20).sum() > 12


def test_a_film_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        render([], 0, 8)


def make_facts() -> pl.DataFrame:
    rows = [
        ("p1", "s1", "Pneumothorax", "present", "left", "large"),
        ("p1", "s1", "Edema", "absent", None, None),
        ("p1", "s2", "Edema", "absent", None, None),
    ]
    made = [
        {"source": "phantom", "patient_id": p, "study_id": s, "image_id": s, "image": f"phantom/{p}/{s}.png"}
        | {"own_split": None, "condition": c, "existence": e, "location": where, "severity": g}
        for p, s, c, e, where, g in rows
    ]
    return pl.DataFrame(made, schema=FACTS_SCHEMA)


def test_films_on_disk_are_marked_and_equal_those_on_demand(tmp_path: Path) -> None:
    from PIL import Image

    facts = make_facts()
    assert write_phantom_images(facts, tmp_path, seed=5, size=64) == 2
    assert write_phantom_images(facts, tmp_path, seed=5, size=64) == 0
    path = tmp_path / "phantom/p1/s1.png"
    data = PhantomImages(facts, seed=5, size=64).load("phantom", "phantom/p1/s1.png")
    assert data == path.read_bytes()
    assert "SYNTHETIC" in Image.open(io.BytesIO(data)).info["Description"]
    assert Image.open(io.BytesIO(data)).size == (64, 64)
    assert PhantomImages(facts).load("chexpert", "phantom/p1/s1.png") is None
    assert not list(tmp_path.rglob("*.partial"))
