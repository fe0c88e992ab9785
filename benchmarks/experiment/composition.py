"""The test of two findings in one sentence: present or absent, each of the four ways true equally often."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import polars as pl

from experiment.wording import make_fact
from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.seeded import shuffle

WAYS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Whether the first and the second finding are there: the four claims of a set."""
PATTERNS = (
    ("There is no {x} and no {y}.", "There is no {x}, but there is {Y}.", "There is {X}, but no {y}.",
     "There is {X}, and there is {Y}."),
    ("No {x} or {y} is seen.", "No {x} is seen, but {Y} is.", "{X} is seen, but no {y} is.",
     "{X} and {Y} are seen."),
)  # fmt: skip
"""Claims of the four ways; {x} a finding, {X} with its article. Training has one finding a sentence."""
PAIRS = 16
"""Most pairs of findings."""
States = dict[str, dict[str, int]]
"""Image -> condition -> 1 there, 0 not."""


def make_sets(sets: pl.DataFrame, captions: pl.DataFrame, ontology: Ontology, most: int) -> pl.DataFrame:
    """Return claim sets of four claims about two findings.

    Over the sets of one pair and wording each of the four claims is true equally often, so that a model that
    ignores the image gets a quarter.

    Args:
        sets: claim sets of the test split: their schema, and what their true claims say.
        captions: captions of the same, all true.
        ontology: names and articles.
        most: sets.
    """
    states, rows = read_states(sets, captions)
    pairs = list(_list_pairs(states))
    each = max(1, most // (4 * max(1, min(PAIRS, len(pairs)))))
    out: list[dict[str, Any]] = []
    for x, y in pairs[:PAIRS]:
        images = {way: _find(states, rows, x, y, way) for way in WAYS}
        n = min(each, *(len(found) for found in images.values()))
        for k in range(n):
            pattern = PATTERNS[k % len(PATTERNS)]
            texts = [_word(pattern[i], ontology, x, y) for i in range(len(WAYS))]
            for answer, way in enumerate(WAYS):
                row = rows[images[way][k]]
                out.append(_make_row(row, x, y, texts, answer, f"{x}/{y}/{k}"))
    return pl.DataFrame(out[: most // 4 * 4], schema=sets.schema)


def read_states(sets: pl.DataFrame, captions: pl.DataFrame) -> tuple[States, dict[str, dict[str, Any]]]:
    """Return what is known of each image, and a row of each image."""
    states: States = {}
    rows: dict[str, dict[str, Any]] = {}
    for row in sets.iter_rows(named=True):
        a = row["answer"]
        _note(states, row["image"], make_fact(row["claim_facts"][a], row["claim_negations"][a]))
        rows.setdefault(row["image"], row)
    for image, struct, negation in captions.select("image", "fact", "negation_type").iter_rows():
        _note(states, image, make_fact(struct, negation))
    return states, rows


def _note(states: States, image: str, fact: Fact) -> None:
    if fact.existence == "present":
        states.setdefault(image, {})[fact.condition] = 1
    elif fact.negation_type == "existence":
        states.setdefault(image, {})[fact.condition] = 0


def _list_pairs(states: States) -> list[tuple[str, str]]:
    """Return pairs of findings that are known together in all four ways, in a drawn order."""
    seen: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for known in states.values():
        for x, y in combinations(sorted(known), 2):
            seen.setdefault((x, y), set()).add((known[x], known[y]))
    whole = sorted(pair for pair, ways in seen.items() if len(ways) == len(WAYS))
    return [whole[i] for i in shuffle(range(len(whole)), 0, "pairs of findings")]


def _find(states: States, rows: dict[str, dict[str, Any]], x: str, y: str, way: tuple[int, int]) -> list[str]:
    found = sorted(i for i in rows if (states[i].get(x), states[i].get(y)) == way)
    return [found[i] for i in shuffle(range(len(found)), 0, "images", x, y, str(way))]


def _word(pattern: str, ontology: Ontology, x: str, y: str) -> str:
    first, second = (ontology.condition_by_name[c] for c in (x, y))
    slots = {
        "x": first.text,
        "y": second.text,
        "X": f"{first.article} {first.text}" if first.article else first.text,
        "Y": f"{second.article} {second.text}" if second.article else second.text,
    }
    text = pattern.format_map(slots)
    return f"{text[0].upper()}{text[1:]}"


def _make_row(
    row: dict[str, Any], x: str, y: str, texts: list[str], answer: int, group: str
) -> dict[str, Any]:
    facts = [
        {"condition": x, "existence": "present" if a else "absent", "location": None, "severity": None}
        for a, _ in WAYS
    ]
    negations = ["none" if way == (1, 1) else "existence" for way in WAYS]
    return {
        **row,
        "set_id": f"two/{group}/{answer}",
        "group_id": group,
        "condition": x,
        "claims": texts,
        "claim_facts": facts,
        "claim_negations": negations,
        "negation_type": negations[answer],
        "answer": answer,
        "altered": [None if i == answer else "existence" for i in range(len(WAYS))],
        "realizer": "template",
    }
