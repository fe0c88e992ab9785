"""The verdict on each finding: supported, contradicted, not supported, missed, unread."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from generated_captions import PLACED, draw_studies, write

from nastdata.checks.generated.facts import Recorded
from nastdata.checks.generated.judge import Finding, Judge
from nastdata.checks.generated.known import Reference
from nastdata.checks.generated.readings import read_distinct
from nastdata.checks.generated.results import to_labels
from nastdata.checks.generated.summary import agree
from nastdata.engines.base import IN_PROCESS
from nastdata.ontology import Ontology

Verdicts = list[tuple[str, str, str | None]]


@pytest.fixture(scope="module")
def judge(ontology: Ontology) -> Judge:
    return Judge(Reference(ontology, no_finding=True))


def find(judge: Judge, text: str, facts: list[tuple], normal: bool = False) -> list[Finding]:
    (read,) = read_distinct([text], "chest_xray", IN_PROCESS)
    record = tuple(Recorded(*f) for f in facts)
    return judge.judge(read, judge.reference.know((record, normal)))


def verdicts(found: list[Finding]) -> Verdicts:
    return [(f.condition or "-", f.verdict, f.attribute) for f in found]


EFFUSION, LEFT_SMALL = "Pleural Effusion", ("Pleural Effusion", "present", "left", "small")


@pytest.mark.parametrize(
    ("text", "facts", "right"),
    [
        # existence
        ("There is pleural effusion.", [(EFFUSION, "present")], [(EFFUSION, "supported", None)]),
        ("No pleural effusion.", [(EFFUSION, "absent")], [(EFFUSION, "supported", None)]),
        ("No pleural effusion.", [(EFFUSION, "present")], [(EFFUSION, "contradicted", "existence")]),
        ("There is pleural effusion.", [(EFFUSION, "absent")], [(EFFUSION, "contradicted", "existence")]),
        ("There is pleural effusion.", [], [(EFFUSION, "not_supported", None)]),
        ("No pleural effusion.", [], [(EFFUSION, "not_supported", None)]),
        # what the record does not hold is not judged
        ("Small left pleural effusion.", [(EFFUSION, "present")], [(EFFUSION, "supported", None)]),
        # place
        ("Left pleural effusion.", [LEFT_SMALL], [(EFFUSION, "supported", None)]),
        ("Pleural effusion.", [LEFT_SMALL], [(EFFUSION, "supported", None)]),
        ("Right pleural effusion.", [LEFT_SMALL], [(EFFUSION, "contradicted", "location")]),
        ("Bilateral pleural effusion.", [LEFT_SMALL], [(EFFUSION, "contradicted", "location")]),
        (
            "Consolidation is seen in the left lower lobe.",
            [("Consolidation", "present", "left lung")],
            [("Consolidation", "not_supported", "location")],
        ),
        (
            "Consolidation is seen in the left lung.",
            [("Consolidation", "present", "left lower lobe")],
            [("Consolidation", "supported", None)],
        ),
        (
            "Consolidation is not in the right lower lobe.",
            [("Consolidation", "present", "left lower lobe")],
            [("Consolidation", "supported", None)],
        ),
        (
            "Consolidation is not in the right lower lobe.",
            [("Consolidation", "present", "right lower lobe")],
            [("Consolidation", "contradicted", "location")],
        ),
        # grade
        ("Small left pleural effusion.", [LEFT_SMALL], [(EFFUSION, "supported", None)]),
        ("Large left pleural effusion.", [LEFT_SMALL], [(EFFUSION, "contradicted", "severity")]),
        ("Large right pleural effusion.", [LEFT_SMALL], [(EFFUSION, "contradicted", "location+severity")]),
        ("There is no large pleural effusion.", [LEFT_SMALL], [(EFFUSION, "supported", None)]),
        ("There is no small pleural effusion.", [LEFT_SMALL], [(EFFUSION, "contradicted", "severity")]),
        (
            "Large left pleural effusion.",
            [LEFT_SMALL, (EFFUSION, "present", "right", "large")],
            [(EFFUSION, "contradicted", "severity"), (EFFUSION, "missed", "location")][:1],
        ),
        ("The effusion is not large.", [LEFT_SMALL], [(EFFUSION, "supported", None)]),
        # an absence that names a place or a grade
        ("No right pleural effusion.", [LEFT_SMALL], [(EFFUSION, "supported", None)]),
        ("No left pleural effusion.", [LEFT_SMALL], [(EFFUSION, "contradicted", "location")]),
        ("No large pleural effusion.", [(EFFUSION, "present")], [(EFFUSION, "not_supported", "severity")]),
        ("No left pleural effusion.", [(EFFUSION, "present")], [(EFFUSION, "not_supported", "location")]),
        ("No large pleural effusion.", [(EFFUSION, "absent")], [(EFFUSION, "supported", None)]),
        # doubt
        ("Possible pneumonia.", [("Pneumonia", "uncertain")], [("Pneumonia", "supported", None)]),
        ("Possible pneumonia.", [("Pneumonia", "present")], [("Pneumonia", "not_supported", "certainty")]),
        ("Possible pneumonia.", [("Pneumonia", "absent")], [("Pneumonia", "not_supported", "certainty")]),
        ("Pneumonia is seen.", [("Pneumonia", "uncertain")], [("Pneumonia", "not_supported", "certainty")]),
        # hierarchy: a finding supports what is above it, and never contradicts alone
        ("There is a lung opacity.", [("Consolidation", "present")], [("Lung Opacity", "supported", None)]),
        (
            "No widened mediastinum. Cardiomegaly.",
            [("Cardiomegaly", "present")],
            [("Enlarged Cardiomediastinum", "not_supported", None), ("Cardiomegaly", "supported", None)],
        ),
        (
            "Consolidation is seen.",
            [("Consolidation", "present"), ("Lung Opacity", "present")],
            [("Consolidation", "supported", None)],
        ),
        # alternatives state an absence
        ("Normal heart size.", [("Cardiomegaly", "absent")], [("Cardiomegaly", "supported", None)]),
        (
            "Normal heart size.",
            [("Cardiomegaly", "present")],
            [("Cardiomegaly", "contradicted", "existence")],
        ),
        # missed
        (
            "No edema.",
            [("Edema", "absent"), LEFT_SMALL],
            [("Edema", "supported", None), (EFFUSION, "missed", None)],
        ),
        (
            "Small left pleural effusion.",
            [LEFT_SMALL, (EFFUSION, "present", "right", "small")],
            [(EFFUSION, "supported", None), (EFFUSION, "missed", "location")],
        ),
        # what is above in the hierarchy and denied covers what is below
        (
            "There is no lung opacity.",
            [("Lung Opacity", "absent"), ("Consolidation", "absent"), ("Edema", "present")],
            [("Lung Opacity", "supported", None), ("Edema", "missed", None)],
        ),
        # a record that contradicts itself decides nothing
        (
            "There is pleural effusion.",
            [(EFFUSION, "present"), (EFFUSION, "absent")],
            [(EFFUSION, "not_supported", None)],
        ),
    ],
)
def test_verdicts(judge: Judge, text: str, facts: list[tuple], right: Verdicts) -> None:
    found = [v for v in verdicts(find(judge, text, facts)) if v[1] != "missed" or ("missed" in str(right))]
    assert found == right


def test_no_finding_makes_the_rest_absent_but_for_devices(judge: Judge, ontology: Ontology) -> None:
    text = "Pneumothorax is seen. No fracture. A pacemaker is in place."
    found = {f.condition: f for f in find(judge, text, [], normal=True)}
    assert found["Pneumothorax"].verdict == "contradicted"
    assert found["Pneumothorax"].recorded == "absent (No Finding)"
    assert found["Fracture"].verdict == "supported"
    assert found["Support Devices"].verdict == "not_supported"
    assert len(found) == 3  # what is absent by inference is not missed
    (own,) = find(judge, "There is a fracture.", [("Fracture", "present")], normal=True)
    assert own.verdict == "supported"  # a label of its own goes before No Finding
    open_world = Judge(Reference(ontology, no_finding=False))
    assert {f.verdict for f in find(open_world, text, [], normal=True)} == {"not_supported"}


def test_attributes_not_on_record_and_not_said_are_named(judge: Judge) -> None:
    (found,) = find(judge, "Small left pleural effusion.", [(EFFUSION, "present")])
    assert (found.unchecked, found.omitted) == ("location+severity", None)
    (found,) = find(judge, "There is pleural effusion.", [LEFT_SMALL])
    assert (found.unchecked, found.omitted) == (None, "location+severity")
    assert (found.said, found.recorded) == ("present", "present (small, left)")
    assert "There is pleural effusion."[found.start : found.end].strip() in "pleural effusion"


def test_what_is_unread_is_neither_missed_nor_judged(judge: Judge) -> None:
    facts = [("Pneumothorax", "absent"), ("Edema", "present")]
    found = find(judge, "Kein Pneumothorax, kein Erguss, keine Stauung der Lunge.", facts)
    assert {f.verdict for f in found} == {"unread"}
    assert {f.condition for f in found if f.kind == "recorded" or f.condition} >= {"Pneumothorax"}
    assert all(f.reason for f in found)


def test_planted_errors_are_found_one_by_one(ontology: Ontology) -> None:
    """Every planted error is found as what it is, and nothing else: each kind alone, and all together."""
    kinds = ("deny", "invent", "side", "grade", "omit", "add")
    rates = [{k: 0.4} for k in kinds] + [dict.fromkeys(kinds, 0.2), {}]
    for seed, rate in enumerate(rates):
        rng, planted = random.Random(seed), Counter[str]()
        studies = draw_studies(150, seed)
        judge = Judge(Reference(ontology, no_finding=True))
        found: Counter[tuple[str, str | None]] = Counter()
        texts = [write(s, rate, rng, planted) for s in studies]
        for study, read in zip(studies, read_distinct(texts, "chest_xray", IN_PROCESS), strict=True):
            facts = tuple(
                Recorded(t.condition, "present" if t.present else "absent", t.place, t.grade)
                for t in study.truths
            )
            known = judge.reference.know((facts, False))
            found.update((f.verdict, f.attribute) for f in judge.judge(read, known))
        assert found["contradicted", "existence"] == planted["deny"] + planted["invent"]
        assert found["contradicted", "location"] == planted["side"]
        assert found["contradicted", "severity"] == planted["grade"]
        assert found["not_supported", None] == planted["add"]
        assert found["missed", None] == planted["omit_present"] + planted["omit_absent"]
        wrong = sum(n for (v, _), n in found.items() if v != "supported" and v != "missed")
        assert found["supported", None] == planted["said"] - wrong
    assert set(PLACED)


ON_RECORD = [LEFT_SMALL, ("Pneumothorax", "absent"), ("Cardiomegaly", "present", None, "mild")]


def test_the_table_in_the_docs_beside_label_agreement(judge: Judge) -> None:
    """What F1 of labels does not see: the table of ``docs/validate.md``, judged again."""
    page = (Path(__file__).parents[3] / "docs" / "validate.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| ([A-Z*][^|]*\.\**) \| (\d\.\d\d) \| ([^|]*) \|$", page, re.M)
    assert len(lines) == 8
    for cell, f1, said in lines:
        text = cell.replace("*", "")
        (read,) = read_distinct([text], "chest_xray", IN_PROCESS)
        record = tuple(Recorded(*f) for f in ON_RECORD)
        figures = agree([(dict(read.labels), to_labels((record, False)))])
        assert f"{figures['micro_f1']:.2f}" == f1, text
        found = judge.judge(read, judge.reference.know((record, False)))
        counted = Counter(
            f.verdict.replace("_", " ") + (f" in {f.attribute}" if f.attribute else "") for f in found
        )
        if set(counted) != {"supported"}:
            del counted["supported"]
        assert ", ".join(f"{n} {what}" for what, n in counted.items()) == said, text
