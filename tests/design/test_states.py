"""Truth from records, against worlds drawn from a separate model of the lung."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nastdata.design.contextual.perturb import statements
from nastdata.design.contextual.states import ConditionState, differs_in, logic_of, truth
from nastdata.ontology import Ontology, load_ontology
from nastdata.records import Fact

# Every region as a set of small pieces of lung, written down by hand, apart from the ontology's relations.
_APEX, _BASE = {"upper apex"}, {"middle base", "lower base", "lower angle", "lingula base", "retro base"}
_HILAR = {"upper hilar", "middle hilar", "lower hilar", "lingula hilar"}
_MIDDLE = {"middle mid", "middle base", "middle hilar"}
_LINGULA = {"lingula mid", "lingula base", "lingula hilar"}
_LOWER = {"lower mid", "lower base", "lower angle", "lower hilar", "retro base", "retro hilar"}
_UPPER = {"upper apex", "upper zone", "upper mid", "upper hilar"}
_ALL = _UPPER | _MIDDLE | _LINGULA | _LOWER
PIECES = {
    None: _ALL,
    "lung": _ALL,
    "upper lobe": _UPPER | _LINGULA,
    "middle lobe": _MIDDLE,
    "lower lobe": _LOWER,
    "lingula": _LINGULA,
    "lung apex": _APEX,
    "lung base": _BASE,
    "upper lung zone": {"upper apex", "upper zone"},
    "mid lung zone": {"upper mid", "middle mid", "lower mid", "lingula mid", "retro hilar"} | _HILAR,
    "lower lung zone": _BASE,
    "perihilar region": _HILAR | {"retro hilar"},
    "hilum": _HILAR,
    "retrocardiac region": {"retro base", "retro hilar", "lower mid"},
}
ATOMS = {
    (side, piece)
    for side, pieces in (("right", _ALL - _LINGULA), ("left", _ALL - _MIDDLE))
    for piece in pieces
}
World = frozenset[tuple[tuple[str, str], str]]
ONTOLOGY = load_ontology("chest_xray")
LUNG = [
    p
    for p in ONTOLOGY.condition_by_name["Consolidation"].places
    if ONTOLOGY.place_by_name[p].region in PIECES
]
GRADES = ONTOLOGY.grades("Consolidation")


def halves(place: str) -> list[set[tuple[str, str]]]:
    """The sets of atoms that a finding "in this place" has to touch, all of them."""
    p = ONTOLOGY.place_by_name[place]
    pieces = PIECES[p.region]
    sides = [{"left"}, {"right"}] if p.side == "both" else [{p.side}] if p.side else [{"left", "right"}]
    return [{a for a in ATOMS if a[0] in s and a[1] in pieces} for s in sides]


def holds(world: World, fact: Fact) -> bool:
    def there(place: str | None, grade: str | None) -> bool:
        fit = {atom for atom, g in world if grade is None or g == grade}
        return all(fit & half for half in halves(place)) if place else bool(fit)

    if fact.denies == "location":
        return there(None, fact.severity) and not there(fact.location, fact.severity)
    if fact.denies == "severity":
        return there(fact.location, None) and not there(fact.location, fact.severity)
    said = there(fact.location, fact.severity)
    return not said if fact.existence == "absent" else said


@st.composite
def recorded_worlds(draw: st.DrawFn) -> tuple[list[Fact], World]:
    """Records of a present finding, and a world in which they are the whole story of its places and grade."""
    shared = draw(st.sampled_from([None, *GRADES]))
    places = draw(st.lists(st.sampled_from([*LUNG, None]), min_size=1, max_size=3, unique=True))
    mixed = draw(st.booleans())
    records = [
        Fact("Consolidation", "present", p, draw(st.sampled_from([None, *GRADES])) if mixed else shared)
        for p in places
    ]
    world: set[tuple[tuple[str, str], str]] = set()
    everywhere = sorted(ATOMS)
    grades = {f.severity for f in records}
    free = list(GRADES) if None in grades or len(grades) > 1 else [g for g in grades if g]
    for f in records:
        grade = f.severity or draw(st.sampled_from(GRADES))
        for half in halves(f.location) if f.location else [set(everywhere)]:
            world.add((draw(st.sampled_from(sorted(half))), grade))
    allowed = everywhere
    if None not in places:
        allowed = sorted(set().union(*(h for p in places if p for h in halves(p))))
    extra = st.tuples(st.sampled_from(allowed), st.sampled_from(free))
    world |= set(draw(st.lists(extra, max_size=4)))
    return records, frozenset(world)


def all_statements() -> list[Fact]:
    said = [f for f in statements("Consolidation", ONTOLOGY) if f.location is None or f.location in LUNG]
    return said + [Fact("Consolidation", "present", p, g) for p in LUNG for g in GRADES]


@settings(max_examples=150, deadline=None)
@given(recorded_worlds())
def test_what_is_true_or_false_is_so_in_every_world_of_the_records(case: tuple[list[Fact], World]) -> None:
    records, world = case
    logic = logic_of(ONTOLOGY)
    state = logic.read_study(records)
    for fact in all_statements():
        judged = logic.truth(state, fact)
        if judged is not None:
            assert judged is holds(world, fact), (records, fact)


@settings(max_examples=60, deadline=None)
@given(recorded_worlds(), st.sampled_from(LUNG))
def test_denied_places_are_kept_out(case: tuple[list[Fact], World], place: str) -> None:
    records, world = case
    denial = Fact("Consolidation", "absent", place)
    assume(holds(world, denial))
    logic = logic_of(ONTOLOGY)
    state = logic.read_study([*records, denial])
    for fact in all_statements():
        judged = logic.truth(state, fact)
        if judged is not None:
            assert judged is holds(world, fact), (records, place, fact)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(all_statements()), st.sampled_from(all_statements()))
def test_exclusion_is_symmetric_and_excludes_entailment(a: Fact, b: Fact) -> None:
    logic = logic_of(ONTOLOGY)
    assert logic.exclusive(a, b) == logic.exclusive(b, a)
    assert not (logic.exclusive(a, b) and (logic.entails(a, b) or logic.entails(b, a)))
    assert logic.entails(a, a)


LEFT = Fact("Pleural Effusion", "present", "left", "small")


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (Fact("Pleural Effusion", "present"), True),
        (Fact("Pleural Effusion", "absent"), False),
        (Fact("Pleural Effusion", "present", "right"), False),
        (Fact("Pleural Effusion", "present", "bilateral"), False),
        (Fact("Pleural Effusion", "present", "left costophrenic angle"), None),
        (Fact("Pleural Effusion", "absent", "right"), True),
        (Fact("Pleural Effusion", "present", "right", denies="location"), True),
        (Fact("Pleural Effusion", "absent", None, "large"), True),
        (Fact("Pleural Effusion", "present", None, "large", denies="severity"), True),
        (Fact("Pleural Effusion", "present", None, "small", denies="severity"), False),
        (Fact("Pneumothorax", "absent"), None),
    ],
)
def test_a_small_left_effusion(ontology: Ontology, fact: Fact, expected: bool | None) -> None:
    state = logic_of(ontology).read_study([LEFT])
    assert truth(state, fact, ontology) is expected


def test_both_sides_recorded_apart_are_bilateral(ontology: Ontology) -> None:
    logic = logic_of(ontology)
    state = logic.read_study([Fact("Pleural Effusion", "present", s) for s in ("left", "right")])
    assert logic.truth(state, Fact("Pleural Effusion", "present", "bilateral")) is True
    both = logic.read_study([Fact("Pleural Effusion", "present", "bilateral")])
    assert logic.truth(both, Fact("Pleural Effusion", "present", "right")) is True


def test_differing_grades_and_unlocated_facts_make_nothing_false(ontology: Ontology) -> None:
    logic = logic_of(ontology)
    state = logic.read_study([LEFT, Fact("Pleural Effusion", "present", None, "large")])
    assert logic.truth(state, Fact("Pleural Effusion", "present", "right")) is None
    assert logic.truth(state, Fact("Pleural Effusion", "present", None, "moderate")) is None


def test_a_child_makes_its_parent_present_but_not_absent_elsewhere(ontology: Ontology) -> None:
    logic = logic_of(ontology)
    state = logic.read_study([Fact("Consolidation", "present", "left lower lobe")])
    assert logic.truth(state, Fact("Lung Opacity", "absent")) is False
    assert logic.truth(state, Fact("Lung Opacity", "present", "left")) is True
    assert logic.truth(state, Fact("Lung Opacity", "present", "right")) is None
    clash = logic.read_study([Fact("Consolidation", "present"), Fact("Lung Opacity", "absent")])
    assert logic.truth(clash, Fact("Lung Opacity", "absent")) is None


def test_what_was_denied_only_leaves_the_rest_open(ontology: Ontology) -> None:
    logic = logic_of(ontology)
    state = logic.read_study([Fact("Pleural Effusion", "absent", None, "large")])
    assert logic.truth(state, Fact("Pleural Effusion", "present", "left", "large")) is False
    assert logic.truth(state, Fact("Pleural Effusion", "present")) is None
    assert logic.violated(state["Pleural Effusion"], Fact("Pleural Effusion", "present", None, "large")) == {
        "severity"
    }


def test_present_and_absent_at_once_is_unknown(ontology: Ontology) -> None:
    logic = logic_of(ontology)
    facts = [("present", "left", None), ("absent", "left", None)]
    assert logic.read_condition("Pneumonia", facts) == ConditionState("Pneumonia", "contradictory")


def test_differences_need_both_facts_to_state_the_attribute() -> None:
    absent = Fact("Pleural Effusion", "absent")
    assert differs_in(LEFT, absent) == {"existence"}
    assert differs_in(LEFT, Fact("Pleural Effusion", "present", "right")) == {"location"}
    assert differs_in(LEFT, Fact("Pleural Effusion", "present")) == frozenset()
    for a, b in itertools.product((LEFT, absent), repeat=2):
        assert differs_in(a, b) == differs_in(b, a)
    with pytest.raises(ValueError, match="can't be compared"):
        differs_in(LEFT, Fact("Pneumonia", "absent"))
