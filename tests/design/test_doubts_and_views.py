"""What doubts, kin and views do to truth: a denied place is surely free, and the image shows it."""

from __future__ import annotations

import pytest

from nastdata.design.contextual.states import logic_of
from nastdata.ontology import Ontology
from nastdata.records import DRAWN, FRONTAL, KIN, LATERAL, PAIR, Fact

LEFT = Fact("Consolidation", "present", "left lower lobe")


def judge(ontology: Ontology, known: list[Fact], said: Fact, view: str | None = PAIR) -> bool | None:
    logic = logic_of(ontology)
    return logic.truth(logic.read_study(known, view), said)


def test_a_doubt_leaves_its_place_open(ontology: Ontology) -> None:
    right = Fact("Consolidation", "present", "right lung")
    assert judge(ontology, [LEFT], right) is False
    assert judge(ontology, [LEFT, Fact("Consolidation", "uncertain", "right")], right) is None
    assert judge(ontology, [LEFT, Fact("Consolidation", "uncertain")], right) is None
    assert judge(ontology, [LEFT, Fact("Consolidation", "uncertain", "left")], right) is False
    assert judge(ontology, [LEFT, Fact("Consolidation", "uncertain", "right")], LEFT) is True


def test_a_doubt_beside_an_absence_leaves_it_open(ontology: Ontology) -> None:
    known = [Fact("Edema", "absent"), Fact("Edema", "uncertain")]
    assert judge(ontology, known, Fact("Edema", "absent")) is None
    # a doubtful child leaves its parent open
    known = [Fact("Lung Opacity", "absent"), Fact("Edema", "uncertain")]
    assert judge(ontology, known, Fact("Lung Opacity", "absent")) is None


def test_kin_forbids_what_is_inferred_and_not_what_is_said(ontology: Ontology) -> None:
    kin = Fact("Consolidation", "uncertain", "right", qualifier=KIN)
    said = Fact("Consolidation", "absent", "right lung")
    assert judge(ontology, [LEFT], said) is True
    assert judge(ontology, [LEFT, kin], said) is None
    assert judge(ontology, [LEFT, kin, Fact("Consolidation", "absent", "right")], said) is True
    assert judge(ontology, [Fact("Consolidation", "absent"), kin], said) is True


def test_a_parent_elsewhere_may_be_the_child(ontology: Ontology) -> None:
    parent = Fact("Lung Opacity", "present", "right lung")
    assert judge(ontology, [LEFT, parent], Fact("Consolidation", "absent", "right lung")) is None
    assert judge(ontology, [LEFT, parent], Fact("Consolidation", "absent", "right lung"), DRAWN) is None


@pytest.mark.parametrize("place", ["right", "right lung", "bilateral", "lingula", "both lungs"])
def test_a_lateral_image_shows_no_side(ontology: Ontology, place: str) -> None:
    for known in ([LEFT], [Fact("Consolidation", "absent")], [Fact("Consolidation", "present", "bilateral")]):
        for existence in ("present", "absent"):
            if place in ontology.condition_by_name["Consolidation"].places:
                said = Fact("Consolidation", existence, place)  # type: ignore[arg-type]
                assert judge(ontology, known, said, LATERAL) is None
    assert (
        judge(ontology, [Fact("Consolidation", "absent")], Fact("Consolidation", "present", place), FRONTAL)
        is False
    )
    assert judge(ontology, [LEFT], Fact("Consolidation", "present"), LATERAL) is True
    assert judge(ontology, [LEFT], Fact("Consolidation", "present", "lower lobe"), LATERAL) is True


def test_one_frontal_image_does_not_tell_lobes_of_a_lung_apart(ontology: Ontology) -> None:
    upper, other = (
        Fact("Consolidation", "present", "left upper lobe"),
        Fact("Consolidation", "present", "right"),
    )
    assert [judge(ontology, [LEFT], upper, v) for v in (PAIR, DRAWN, FRONTAL, None)] == [
        False,
        False,
        None,
        None,
    ]
    assert judge(ontology, [LEFT], other, FRONTAL) is False


def test_a_device_on_one_side_may_cross_to_the_other(ontology: Ontology) -> None:
    line = Fact("Support Devices", "present", "left")
    assert judge(ontology, [line], Fact("Support Devices", "absent", "right")) is None
    assert judge(ontology, [line], Fact("Support Devices", "present", "bilateral")) is None
    assert (
        judge(ontology, [Fact("Support Devices", "absent")], Fact("Support Devices", "absent", "right"))
        is True
    )


def test_a_qualified_denial_says_nothing_of_the_whole(ontology: Ontology) -> None:
    known = [Fact("Consolidation", "absent", qualifier="focal")]
    assert judge(ontology, known, Fact("Consolidation", "absent")) is None
    assert judge(ontology, known, Fact("Consolidation", "present")) is None
