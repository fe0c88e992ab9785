"""What annotators leave: boxes to places, run lengths to areas, readers to labels, names to conditions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.annotations.agreement import count_votes, judge_votes
from nastdata.sources.annotations.collector import Collector, StudyKeys
from nastdata.sources.annotations.geometry import (
    LUNG_BOTTOM,
    LUNG_TOP,
    Box,
    agree_on_spots,
    find_spot,
    list_zone_edges,
    name_places,
    scale_box,
)
from nastdata.sources.annotations.label_maps import LabelMap
from nastdata.sources.annotations.run_lengths import measure_runs
from nastdata.sources.places import PlaceIndex, read_map

MAPS = ("nih_labels", "nih_adjudicated", "vindr_labels", "rsna_classes", "cxr_lt_labels", "maplez_labels")


@pytest.mark.parametrize(
    ("box", "spot"),
    [
        ((100, 200, 300, 350), ("upper lung zone", "right")),  # the patient's right is on the image's left
        ((700, 200, 900, 350), ("upper lung zone", "left")),
        ((100, 450, 300, 550), ("mid lung zone", "right")),
        ((700, 700, 900, 900), ("lower lung zone", "left")),
        ((300, 600, 800, 900), ("lower lung zone", None)),  # across the middle
        ((100, 100, 300, 900), (None, "right")),  # the whole lung
    ],
)
def test_a_box_has_the_patients_side_and_a_zone(box: tuple[int, ...], spot: tuple[str, str]) -> None:
    scaled = scale_box(*map(float, box), 1024.0, 1024.0)
    assert scaled is not None and find_spot(scaled) == spot


def test_the_size_of_the_image_decides() -> None:
    """The same pixels are on the other side of a wider image."""
    narrow, wide = (scale_box(600, 100, 800, 200, width, 1000) for width in (1000, 2000))
    assert narrow is not None and wide is not None
    assert (find_spot(narrow)[1], find_spot(wide)[1]) == ("left", "right")


@given(st.floats(0, 0.9), st.floats(0.01, 0.3), st.floats(0, 0.9), st.floats(0.01, 0.3), st.floats(100, 4000))
def test_a_mirrored_box_is_on_the_other_side(x: float, w: float, y: float, h: float, size: float) -> None:
    box = scale_box(x * size, y * size, (x + w) * size, (y + h) * size, size, size)
    assert box is not None
    zone, side = find_spot(box)
    mirrored = find_spot(Box(1 - box.x1, box.y0, 1 - box.x0, box.y1))
    assert mirrored == (zone, {"left": "right", "right": "left", None: None}[side])


def test_boxes_outside_the_image_are_none() -> None:
    assert scale_box(1100, 10, 1200, 20, 1024, 1024) is None
    assert scale_box(10, 10, 10, 20, 1024, 1024) is None
    assert scale_box(10, 10, 20, 20, 0, 1024) is None
    assert scale_box(-50, 10, 50, 20, 100, 100) == Box(0.0, 0.1, 0.5, 0.2)


def test_zones_are_equal_parts_of_the_lungs_height() -> None:
    edges = list_zone_edges()
    assert edges[0][0] == 0 and edges[2][1] == 1
    assert edges[1][1] - edges[1][0] == pytest.approx((LUNG_BOTTOM - LUNG_TOP) / 3)
    assert [a[1] for a in edges[:2]] == [b[0] for b in edges[1:]]


def test_a_place_that_a_condition_cannot_have_becomes_its_side(ontology: Ontology) -> None:
    places = PlaceIndex(ontology)
    lower_left, upper_right = ("lower lung zone", "left"), ("upper lung zone", "right")
    assert name_places(places, "Consolidation", [lower_left]) == ["left lower lung zone"]
    assert name_places(places, "Pleural Effusion", [lower_left]) == ["left lung base"]
    assert name_places(places, "Pneumothorax", [upper_right]) == ["right lung apex"]
    assert name_places(places, "Pneumothorax", [("mid lung zone", "right")]) == ["right"]
    assert name_places(places, "Cardiomegaly", [lower_left]) == [None]
    assert name_places(places, "Consolidation", [(None, "left"), lower_left]) == ["left lower lung zone"]
    assert name_places(places, "Consolidation", []) == [None]


def test_two_of_three_readers_agree_on_a_spot() -> None:
    a, b, c = ("lower lung zone", "left"), ("mid lung zone", "left"), ("lower lung zone", "right")
    assert agree_on_spots([[a], [a], [c]], 2) == [a]
    assert agree_on_spots([[a], [b], []], 2) == [(None, "left")]
    assert agree_on_spots([[a], [c]], 2) == []
    assert agree_on_spots([[a, a], []], 2) == []


def draw_mask(text: str, width: int, height: int) -> np.ndarray:
    """Decode pixel by pixel, as the challenge's own page describes it."""
    flat = np.zeros(width * height, bool)
    numbers = [int(x) for x in text.split()]
    at = 0
    for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
        at += gap
        flat[at : at + length] = True
        at += length
    return flat.reshape(width, height).T


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 70)), min_size=1, max_size=12))
def test_areas_are_those_of_the_drawn_mask(runs: list[tuple[int, int]]) -> None:
    width, height = 40, 50
    kept, at = [], 0
    for gap, length in runs:
        if at + gap + length <= width * height:
            kept += [gap, length]
            at += gap + length
    text = " ".join(map(str, kept or [0, 1]))
    area, mask = measure_runs(text, width, height), draw_mask(text, width, height)
    assert sum(area.right) * mask.size == pytest.approx(mask[:, : width // 2].sum())
    assert sum(area.left) * mask.size == pytest.approx(mask[:, width // 2 :].sum())


def test_a_mask_has_the_side_and_zone_of_its_pixels() -> None:
    area = measure_runs(f"{1024 * 100 + 50} 100", 1024, 1024)  # column 100, rows 50 to 150
    assert sum(area.left) == 0 and area.find_zone("right") == "upper lung zone"


@pytest.mark.parametrize("text", ["", "1", "1 2 3", "a b", "5 0", "-5 3", "1048570 100", "9" * 30 + " 1"])
def test_broken_run_lengths_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="run length"):
        measure_runs(text, 1024, 1024)


def test_votes(ontology: Ontology) -> None:
    labels = LabelMap("vindr_labels", ontology)
    given_labels = {"R1": ["Nodule/Mass", "Lung tumor"], "R2": ["Nodule/Mass"], "R3": ["Cardiomegaly"]}
    votes = count_votes(given_labels, labels)
    assert votes == {"Lung Lesion": 2, "Cardiomegaly": 1}
    present, absent, doubtful = judge_votes(votes, ["Lung Lesion", "Cardiomegaly", "Edema"], 2)
    assert (present, absent, doubtful) == (["Lung Lesion"], ["Edema"], ["Cardiomegaly"])


@pytest.mark.parametrize("name", [*MAPS, "imagenome_labels"])
def test_maps_name_conditions_of_the_ontology(name: str, ontology: Ontology) -> None:
    rows = read_map(name)
    assert rows
    for row in rows:
        assert row["strength"] in ("exact", "broad", "implied", "none"), row
        assert (row["condition"] in ontology.condition_by_name) == (row["strength"] != "none"), row
        assert row["absence"] in ("", "yes"), row


def test_a_label_of_the_same_name_is_found_in_any_ontology(ontology: Ontology) -> None:
    data = ontology.model_dump(mode="json")
    extra = {"name": "Emphysema", "text": "emphysema", "affirmative": {"text": "normal lung volume"}}
    more = Ontology.model_validate({**data, "conditions": [*data["conditions"], extra]})
    assert LabelMap("nih_labels", ontology).find_stated("Emphysema") == []
    assert LabelMap("nih_labels", more).find_stated("Emphysema") == ["Emphysema"]


def test_every_unit_is_accounted_for(ontology: Ontology) -> None:
    collector = Collector("x", ontology)
    keys = [StudyKeys(f"p{i}", f"s{i}", f"i{i}", None) for i in range(4)]
    collector.add(keys[0], [Fact("Edema", "present")], [Fact("Lung Opacity", "absent")], units=3)
    collector.add(keys[1], [], [Fact("Edema", "absent")], ["Edema"])
    collector.add(keys[2], [], [Fact("Fracture", "absent")])
    collector.add(keys[3], [], [], units=2, why_empty="nothing")
    collector.rejects.append(("broken", "row 9", None))
    facts, labels = collector.as_facts(), collector.as_labels()
    assert facts.frame.select("study_id", "condition", "existence").rows() == [
        ("s0", "Edema", "present"),
        ("s2", "Fracture", "absent"),
    ]
    assert labels.frame.select("study_id", "Edema", "Lung Opacity", "Fracture").rows() == [
        ("s0", 1, None, None),
        ("s1", -1, None, None),
        ("s2", None, None, 0),
    ]
    for loaded in (facts, labels):
        assert loaded.rows_in == 8
        assert loaded.rows_in == loaded.rows_out + len(loaded.rejects) + sum(loaded.left_out.values())
