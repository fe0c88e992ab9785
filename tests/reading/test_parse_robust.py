"""The parser on hostile, long and odd text; the same answer in every process."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nastdata.ontology import load_ontology
from nastdata.reading.parse import get_parser

ONTOLOGY = load_ontology("chest_xray")
PARSE = get_parser(ONTOLOGY).parse
PIECES = [
    *("no", "not", "without", "but", "and", "or", "nor", ",", ".", ";", ":", "?", "/", "is", "are", "with"),
    *("absent", "present", "cannot", "exclude", "excluded", "effusion", "edema", "left", "right", "small"),
    *("large", "in", "the", "of", "normal heart size", "heart", "enlarged", "one", "it", "change", "prior"),
    *(
        "history of",
        "may represent",
        "possible",
        "versus",
        "neither",
        "except",
        "if",
        "findings",
        "\n",
        "(",
        ")",
    ),
]


def measure(text: str) -> float:
    started = time.process_time()
    PARSE(text)
    return time.process_time() - started


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "no effusion, ",
            "no ",
            "not ",
            "effusion, ",
            "effusion and ",
            "left ",
            "small left ",
            "heart ",
            "enlarged ",
        ),
        *(
            "a",
            " ",
            "-",
            "x-",
            "'",
            "? ",
            "(",
            "no change in ",
            "may represent ",
            "neither ",
            "right upper and ",
            "1.",
        ),
        *(
            "left, ",
            "is ",
            "effusion ",
            "one ",
            "it. ",
            "and left ",
            "or effusion, edema ",
            "\u0130",
            "no definite ",
        ),
    ],
)
def test_time_is_linear(unit: str) -> None:
    small, large = unit * (25_000 // len(unit)), unit * (200_000 // len(unit))
    fast = max(min(measure(small) for _ in range(3)), 0.004)
    assert any(measure(large) < 24 * fast for _ in range(8)), "slower than eight times the text asks for"


def test_a_megabyte() -> None:
    text = "No pneumothorax or small left effusion, with consolidation in the right lower lobe. " * 12_500
    started = time.process_time()
    reading = PARSE(text)
    assert time.process_time() - started < 20
    assert reading.labels == {"Pneumothorax": 0, "Pleural Effusion": 0, "Consolidation": 1}


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    reading = PARSE(text)
    assert reading.text == text
    assert all(0 <= f.start < f.end <= len(text) for f in reading.facts)


@settings(max_examples=800, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_order_of_words_is_read(words: list[str]) -> None:
    reading = PARSE(" ".join(words))
    assert {f.fact.condition for f in reading.facts} == set(reading.labels)
    assert set(reading.labels.values()) <= {1, 0, -1}


def test_the_same_in_every_process() -> None:
    code = (
        "from nastdata.ontology import load_ontology\n"
        "from nastdata.reading.parse import Parser\n"
        "p = Parser(load_ontology('chest_xray'))\n"
        "print(p.parse('Small left and large right effusions, no edema or nodule; zzz, heart not enlarged.'))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(said) == 1
