"""Every register's examples, read; and the mistakes that a register file may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from nastdata.errors import UserError
from nastdata.ontology import Ontology
from nastdata.reading.kinds import NAME, SYMBOL, Kind, compile_pattern, symbols
from nastdata.reading.parse import Reading, get_parser
from nastdata.reading.register import FOLDER, Example, list_registers, load_register


def describe(reading: Reading) -> list[str]:
    """Write facts as ``nastdata parse`` prints them."""
    out = []
    for p in reading.facts:
        no = "not " if p.denies else ""
        details = ", ".join(no + d for d in (p.severity, p.location) if d)
        out.append(f"{p.condition} {p.existence}" + (f" ({details})" if details else ""))
    return sorted(out)


def is_right(example: Example, reading: Reading) -> bool:
    return (
        (example.labels is None or reading.labels == example.labels)
        and (example.facts is None or describe(reading) == sorted(example.facts))
        and (example.unread is None or tuple(u.text for u in reading.unread) == example.unread)
    )


@pytest.mark.parametrize("name", list_registers())
def test_every_example_is_read_right(ontology: Ontology, name: str) -> None:
    parse = get_parser(ontology, name).parse
    examples = list(load_register(name).list_examples())
    wrong = [
        (e.text, said.labels, describe(said), [u.text for u in said.unread])
        for e in examples
        if not is_right(e, said := parse(e.text))
    ]
    assert not wrong
    assert len(examples) >= sum(len(c.examples) for c in load_register(name).cues)


@pytest.mark.parametrize("name", list_registers())
def test_every_qualifier_is_found(ontology: Ontology, name: str) -> None:
    parse = get_parser(ontology, name).parse
    for text, qualifier in load_register(name).list_qualified():
        (fact,) = parse(text).facts
        assert (fact.existence, fact.qualifier) == ("absent", qualifier), text


@pytest.mark.parametrize(
    ("text", "qualifiers"),
    [
        ("No focal consolidation, large effusion or pneumothorax.", ["focal", "large", None]),
        ("There is no evidence of acute displaced rib fracture.", ["acute displaced"]),
        ("Without new or enlarging right effusion.", ["new enlarging"]),
        ("Large effusion. No pneumothorax.", [None, None]),
        ("Heart is not significantly enlarged.", ["significantly"]),
        ("A suspicious nodule is absent.", ["suspicious"]),
        ("No effusion, but acute edema.", [None, None]),
    ],
)
def test_qualifiers_belong_to_the_denial_they_are_in(
    ontology: Ontology, text: str, qualifiers: list[str | None]
) -> None:
    assert [f.qualifier for f in get_parser(ontology).parse(text).facts] == qualifiers


def test_a_wrong_example_is_noticed(ontology: Ontology) -> None:
    reading = get_parser(ontology).parse("No edema.")
    assert is_right(Example(text="", labels={"Edema": 0}, facts=("Edema absent",)), reading)
    assert not is_right(Example(text="", labels={"Edema": 1}), reading)
    assert not is_right(Example(text="", facts=("Edema absent (mild)",)), reading)
    assert not is_right(Example(text="", unread=("No edema.",)), reading)


GOOD = """
language: en
name: English
detect: [the]
cues:
  - {kind: denial, reach: next, words: [no], examples: [{text: "{cue} edema.", labels: {Edema: 0}}]}
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("kind: denial", "kind: denail", "cues.0.kind"),
        ("reach: next", "reach: sentence", "reach of denial is 'next', not 'sentence'"),
        ("words: [no]", "words: []", "cues.0.words"),
        ("examples: [", "example: [", "examples: Field required"),
        (', labels: {Edema: 0}', "", "give labels, facts or unread"),
        ("words: [no]", "words: [no, no]", "'no' is under denial and under denial"),
        ("detect: [the]", "detect: the: [", "not a readable YAML file"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_register(str(path)).cues[0].words == ("no",)
    bad = tmp_path / "bad.yaml"
    bad.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=r"bad\.yaml") as e:
        load_register(str(bad))
    assert reason in str(e.value)


def test_no_such_register() -> None:
    with pytest.raises(UserError, match="no such register"):
        load_register("klingon")


def test_a_new_cue_is_one_entry(ontology: Ontology, tmp_path: Path) -> None:
    """A word that the reader doesn't know becomes a denial by one line, without code."""
    source = FOLDER / "english.yaml"
    entry = (
        "  - {kind: denial, reach: next, words: [frei von], examples: [{text: '{cue} edema.', labels: {}}]}\n"
    )
    path = tmp_path / "more.yaml"
    path.write_text(
        source.read_text(encoding="utf-8").replace("\ncues:\n", f"\ncues:\n{entry}", 1), encoding="utf-8"
    )
    assert get_parser(ontology).parse("Frei von edema.").labels != {"Edema": 0}
    assert get_parser(ontology, str(path)).parse("Frei von edema.").labels == {"Edema": 0}


def test_every_kind_has_a_character_of_its_own() -> None:
    assert len(SYMBOL) == len(NAME) == len(Kind)
    assert all(len(s) == 1 for s in SYMBOL.values())


def test_patterns_are_written_with_names() -> None:
    pattern = compile_pattern("[filler article]{0,2} (condition | alternative) (?! comma) any? end")
    assert pattern.match(symbols("article condition"))
    assert pattern.match(symbols("filler alternative full_stop"))
    assert not pattern.match(symbols("condition comma"))
    assert not pattern.match(symbols("filler filler filler condition"))
    with pytest.raises(KeyError, match="conditon"):
        compile_pattern("conditon")
