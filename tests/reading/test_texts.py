"""The round trip's checks: right texts pass, each kind of wrong one is refused with its reason."""

from __future__ import annotations

import pytest

from nastdata.engines.local import LocalEngine
from nastdata.ontology import Ontology
from nastdata.reading import caption_gate as texts
from nastdata.reading.caption_gate import check_fact, check_option, check_question, read_texts
from nastdata.reading.text_cleanup import find_debris
from nastdata.records import Fact, OptionStatement, OptionWording

STATEMENT = OptionStatement(("Cardiomegaly", "Atelectasis", "Pneumothorax"), (0, 0, 1))
NEGATED = "Pneumothorax present, but no cardiomegaly and atelectasis absent."
AFFIRMATIVE = "Pneumothorax present, and normal heart size and well-aerated expanded lungs present."


def judge(ontology: Ontology, negated: str = NEGATED, affirmative: str = AFFIRMATIVE) -> str | None:
    wording = OptionWording(STATEMENT, 0, "p", negated, affirmative, ())
    return check_option(*read_texts([negated, affirmative], ontology), wording, ontology)


def test_right_option_passes(ontology: Ontology) -> None:
    assert judge(ontology) is None


@pytest.mark.parametrize(
    ("negated", "reason"),
    [
        ("Pneumothorax present, with cardiomegaly; atelectasis absent.", "Cardiomegaly is present"),
        ("Pneumothorax present, but no cardiomegaly.", "does not mention Atelectasis"),
        ("No pneumothorax, cardiomegaly or atelectasis.", "Pneumothorax is absent"),
        ("Pneumothorax present, but no cardiomegaly, edema or atelectasis.", "mentions Edema"),
        ("Possible pneumothorax, but no cardiomegaly and atelectasis absent.", "word 'Possible'"),
        ("Pneumothorax present, normal heart size, no cardiomegaly, atelectasis absent.", "alternative"),
        ("Pneumothorax with tracheal deviation, but no cardiomegaly and atelectasis absent.", "tracheal"),
        ("Left pneumothorax present, but no cardiomegaly and atelectasis absent.", "place or a grade"),
        ("Sure, here is the option: Pneumothorax present, no cardiomegaly, no atelectasis.", "debris"),
        ("Pneumothorax present, but no cardiomegaly and atelectasis absent", "end"),
        ("Pneumothor\u0430x present, but no cardiomegaly and atelectasis absent.", "unlicensed word"),
        ("A. Pneumothorax present, but no cardiomegaly and atelectasis absent.", "leading"),
        ("**Pneumothorax** present, but no cardiomegaly and atelectasis absent.", "markup"),
        ('"Pneumothorax present, but no cardiomegaly and atelectasis absent."', "quotation"),
    ],
)
def test_wrong_negated_texts(ontology: Ontology, negated: str, reason: str) -> None:
    said = judge(ontology, negated=negated)
    assert said is not None
    assert reason in said


@pytest.mark.parametrize(
    ("affirmative", "reason"),
    [
        (NEGATED, "negation 'no'"),
        ("Pneumothorax present, and normal heart size present.", "lacks the alternative of Atelectasis"),
        (AFFIRMATIVE.replace("normal heart size", "sharp costophrenic angles"), "alternative"),
        (
            AFFIRMATIVE.replace("present, and", "present, intact bony structures, and"),
            "alternative of Fracture",
        ),
        (AFFIRMATIVE.replace("Pneumothorax present, and", "Seen are"), "does not mention Pneumothorax"),
        (AFFIRMATIVE.replace("Pneumothorax present", "Pneumothoraces identified"), "texts differ"),
        (AFFIRMATIVE.replace("Pneumothorax present", "Pneumothorax clearly visible"), "beside the negations"),
        (AFFIRMATIVE.replace("normal heart size", "cardiomegaly"), "mentions Cardiomegaly"),
    ],
)
def test_wrong_affirmative_texts(ontology: Ontology, affirmative: str, reason: str) -> None:
    said = judge(ontology, affirmative=affirmative)
    assert said is not None
    assert reason in said


def test_spans_have_to_be_in_the_texts(ontology: Ontology) -> None:
    readings = read_texts([NEGATED, AFFIRMATIVE], ontology)
    good = (("but no cardiomegaly and atelectasis absent", "and normal heart size and well-aerated"),)
    bad = (("but no edema", "and normal heart size"),)
    for spans, passes in ((good, True), (bad, False)):
        wording = OptionWording(STATEMENT, 0, "p", NEGATED, AFFIRMATIVE, spans)
        assert (check_option(*readings, wording, ontology) is None) is passes


FACT = Fact("Consolidation", "present", "right lower lobe", "mild")


@pytest.mark.parametrize(
    ("text", "fact", "reason"),
    [
        ("There is mild consolidation in the right lower lobe.", FACT, None),
        ("There is mild edema in the right lower lobe.", FACT, "not mentioned"),
        ("There is no mild consolidation in the right lower lobe.", FACT, "existence"),
        ("There is mild consolidation in the left lower lobe.", FACT, "location read as left lower lobe"),
        ("There is mild consolidation.", FACT, "location read as none"),
        ("There is severe consolidation in the right lower lobe.", FACT, "severity read as severe"),
        ("Mild consolidation is not in the right lower lobe.", FACT, "more than one fact"),
        ("There is mild consolidation and edema in the right lower lobe.", FACT, "mentions Edema"),
        ("There is mild cavitary consolidation in the right lower lobe.", FACT, "word 'cavitary'"),
        ("There is acute mild consolidation in the right lower lobe.", FACT, "word 'acute'"),
        ("Mild consolidation in the right lower lobe, normal heart size.", FACT, "alternative"),
        ("There is mild mild consolidation in the right lower lobe.", FACT, "repeated word"),
        ("Sure! Mild consolidation in the right lower lobe.", FACT, "debris"),
        ("There is no large pleural effusion.", Fact("Pleural Effusion", "absent", None, "large"), None),
        ("There is no pleural effusion.", Fact("Pleural Effusion", "absent", None, "large"), "severity"),
        ("The effusion is not large.", Fact("Pleural Effusion", "present", None, "large", "severity"), None),
        ("The effusion is large.", Fact("Pleural Effusion", "present", None, "large", "severity"), "denial"),
        ("Edema is not in the left lung.", Fact("Edema", "present", "left lung", None, "location"), None),
        ("No edema in the left lung.", Fact("Edema", "present", "left lung", None, "location"), "existence"),
        ("Edema in the left lung cannot be excluded.", Fact("Edema", "present", "left lung"), "uncertain"),
    ],
)
def test_facts(ontology: Ontology, text: str, fact: Fact, reason: str | None) -> None:
    (reading,) = read_texts([text], ontology)
    said = check_fact(reading, fact, ontology)
    assert said is None if reason is None else said is not None and reason in said


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Which statement describes this chest radiograph?", True),
        ("Which of the following is shown on the image?", True),
        ("Which statement about edema is true?", False),
        ("Which statement is not true?", False),
        ("Which film shows a normal heart size?", False),
        ("Which statement describes this chest radiograph", False),
    ],
)
def test_questions(ontology: Ontology, text: str, passes: bool) -> None:
    assert (check_question(text, ontology) is None) is passes


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "  ",
            "Here are the options: No edema.",
            "Note: no edema.",
            "1. No edema.",
            "- No edema.",
            "No edema",
        ),
        *(
            "`No edema.`",
            "No edema.\n",
            "No edema .",
            "No  edema.",
            "'No edema.'",
            "No edema,.",
            "No edema.\u200b",
        ),
        *(
            "I cannot help with that.",
            "As an AI, I see no edema.",
            "No edema (note that this is a guess).",
            "#No edema.",
        ),
        *(
            "\U0001f600 No edema.",
            "Answer: No edema.",
            "{No edema.}",
            "No edema. Hope this helps.",
            "Caption: No edema.",
        ),
    ],
)
def test_debris_is_found(text: str) -> None:
    assert find_debris(text) is not None


def test_plain_sentences_hold_no_debris() -> None:
    for text in ("No edema.", "X-ray with edema; no fracture (rib).", "There is a port-a-cath."):
        assert find_debris(text) is None


def test_processes_do_not_change_the_result(ontology: Ontology, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"No edema, with {w} effusion {n}." for n in range(30) for w in ("a small", "a large", "no")]
    alone = read_texts(many, ontology)
    monkeypatch.setattr(texts, "LARGE", 10)
    with LocalEngine(2) as engine:
        assert read_texts(many, ontology, engine) == alone
    assert [r.text for r in alone] == many
