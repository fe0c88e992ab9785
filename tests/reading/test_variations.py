"""Variations of every kind of fault: what is there, not there or doubtful, said in hundreds of ways.

``reader_variations.tsv`` are sentences; ``reader_templates.tsv`` are templates, each read with several
findings: ``{a}`` is "a pneumothorax", ``{b}`` "pneumothorax", ``{t}`` "the pneumothorax", in capitals at
the beginning of a sentence, with X and Y for two findings. The first column is the
polarity, or that of X and of Y.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from labelled import DATA, read_sentences, score_reading

import nastdata

FINDINGS = {
    "Pneumothorax": ("a pneumothorax", "pneumothorax", "the pneumothorax", "is"),
    "Pleural Effusion": ("a pleural effusion", "effusion", "the effusion", "is"),
    "Lung Lesion": ("nodules", "nodules", "the nodules", "are"),
    "Edema": ("pulmonary edema", "edema", "the edema", "is"),
    "Fracture": ("a rib fracture", "rib fractures", "the rib fracture", "is"),
    "Support Devices": ("a central line", "central lines", "the central line", "is"),
}
ALONE = [*FINDINGS]
TOGETHER = [
    ("Pneumothorax", "Pleural Effusion"),
    ("Pleural Effusion", "Fracture"),
    ("Lung Lesion", "Edema"),
    ("Edema", "Lung Lesion"),
    ("Fracture", "Pneumothorax"),
]
_PLURAL = (("is ", "are "), ("was ", "were "), ("has ", "have "), ("does ", "do "))


def list_templates() -> list[tuple[list[int], str]]:
    lines = (DATA / "reader_templates.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return [([int(p) for p in line.split("\t")[0].split()], line.split("\t")[1]) for line in lines]


def fill(template: str, names: dict[str, str]) -> str:
    slots = {}
    for which, name in names.items():
        a, b, t, verb = FINDINGS[name]
        for slot, words in (("a", a), ("b", b), ("t", t)):
            slots[slot + which] = words
            slots[slot.upper() + which] = words[0].upper() + words[1:]
        slots["is" + which], slots["has" + which] = verb, {"is": "has", "are": "have"}[verb]
    text = template.format(**slots)
    if not any("" == which and FINDINGS[name][3] == "are" for which, name in names.items()):
        return text
    for words in {slots["a"], slots["A"], slots["t"], slots["T"]}:
        for one, many in _PLURAL:
            text = text.replace(f"{words} {one}", f"{words} {many}")
    return text


def list_texts() -> Iterator[tuple[str, dict[str, int]]]:
    for polarities, template in list_templates():
        if len(polarities) == 1:
            for name in ALONE:
                yield fill(template, {"": name}), {name: polarities[0]}
        else:
            for x, y in TOGETHER:
                yield fill(template, {"X": x, "Y": y}), dict(zip((x, y), polarities, strict=True))


def test_templates_are_read_right() -> None:
    flips, wrong, count = [], [], 0
    for text, labels in list_texts():
        said = nastdata.parse(text).labels
        count += 1
        if any({said.get(c), v} == {0, 1} for c, v in labels.items()):
            flips.append(f"{text}: {said}")
        elif said != labels:
            wrong.append(f"{text}: {said}")
    assert count > 2500
    assert not flips, "\n".join(flips)
    assert len(wrong) <= 0.03 * count, "\n".join(wrong)


def test_sentences_are_read_right() -> None:
    rows = read_sentences("reader_variations.tsv")
    score = score_reading(rows, nastdata.parse)["trap"]
    assert len(rows) > 600
    assert not score.flips, "\n".join(score.flips)
    assert score.exact >= 0.93 * len(rows), "\n".join(score.misread)


@pytest.mark.parametrize(
    ("text", "labels"),
    [("{A} {is} not seen.", {"Pneumothorax": 1}), ("{A} {is} seen.", {"Pneumothorax": 0})],
)
def test_a_flip_would_be_noticed(text: str, labels: dict[str, int]) -> None:
    said = nastdata.parse(fill(text.replace("{is}", "is"), {"": "Pneumothorax"})).labels
    assert {said["Pneumothorax"], labels["Pneumothorax"]} == {0, 1}


def test_plurals_have_their_verbs() -> None:
    assert fill("{A} is not seen.", {"": "Lung Lesion"}) == "Nodules are not seen."
    assert fill("{TX} {hasX} gone.", {"X": "Lung Lesion"}) == "The nodules have gone."
