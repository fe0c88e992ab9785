"""The test of real reports' sentences: what radiologists wrote, where our reader is sure what it says.

The sentences come from Open-i's reports at the time of the run; none of them is kept with the code.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl

from experiment.composition import read_states
from nastdata.ontology import Ontology
from nastdata.reading.api import parse
from nastdata.seeded import shuffle
from nastdata.sources.locate import find_in_torchxrayvision
from nastdata.sources.openi.files import read_members, read_report

REPORTS = 1500
"""Reports whose sentences are looked at."""
EACH = 8
"""Most sentences that affirm, or deny, a condition."""
LONGEST = 60
"""Characters of a sentence."""
_END = re.compile(r"(?<=[.!?])\s+")
_REDACTED = "XXXX"


def find_reports() -> Path | None:
    """Return the archive of Open-i's reports, or None."""
    return find_in_torchxrayvision("NLMCXR_reports.tgz")


def make_sets(sets: pl.DataFrame, captions: pl.DataFrame, ontology: Ontology, most: int) -> pl.DataFrame:
    """Return claim sets of two real sentences, one that affirms a finding and one that denies it.

    Each pair of sentences is put to as many images that show the finding as to images that don't. The images
    are those of ``sets``: only the words are real.

    Args:
        sets: claim sets of the test split: their schema, and what is true of their images.
        captions: captions of the same.
        ontology: to read with.
        most: sets.
    """
    path = find_reports()
    if path is None:
        raise ValueError("no reports")
    bank = read_bank(path, ontology)
    states, rows = read_states(sets, captions)
    known = sorted({c for c, _ in bank})
    whole = [c for c in known if bank.get((c, 0)) and bank.get((c, 1))]
    out: list[dict[str, Any]] = []
    each = max(1, most // (2 * max(1, len(whole))))
    for condition in whole:
        images = [_find(rows, states, condition, there) for there in (0, 1)]
        for k in range(min(each, *map(len, images))):
            texts = [bank[condition, there][k % len(bank[condition, there])] for there in (0, 1)]
            for there in (0, 1):
                out.append(_make_row(rows[images[there][k]], condition, texts, there, k))
    return pl.DataFrame(out[: most // 2 * 2], schema=sets.schema)


def read_bank(path: Path, ontology: Ontology) -> dict[tuple[str, int], list[str]]:
    """Return (condition, 1 there or 0 not) -> real sentences that say just that.

    A sentence enters if the reader finds one definite fact in it, without place or grade, and nothing that it
    doesn't understand.
    """
    seen: set[str] = set()
    bank: dict[tuple[str, int], list[str]] = {}
    for i, (_, content) in enumerate(read_members(path)):
        if i >= REPORTS:
            break
        try:
            texts = read_report(content).texts
        except ValueError:
            continue
        for sentence in (s.strip() for text in texts for s in _END.split(text)):
            if sentence in seen or len(sentence) > LONGEST or _REDACTED in sentence:
                continue
            seen.add(sentence)
            said = _read(sentence, ontology)
            if said is not None and len(bank.setdefault(said, [])) < EACH:
                bank[said].append(sentence)
    return bank


def _read(sentence: str, ontology: Ontology) -> tuple[str, int] | None:
    reading = parse(sentence, ontology=ontology)
    if len(reading.facts) != 1 or reading.unread or reading.unlicensed or reading.alternatives:
        return None
    told = reading.facts[0]
    fact = told.fact
    plain = fact.location is None and fact.severity is None and not fact.denies and not fact.qualifier
    if told.certainty != "definite" or told.time != "now" or not plain:
        return None
    return (fact.condition, int(fact.existence == "present")) if fact.existence != "uncertain" else None


def _find(
    rows: dict[str, dict[str, Any]], states: dict[str, dict[str, int]], condition: str, there: int
) -> list[str]:
    found = sorted(i for i in rows if states[i].get(condition) == there)
    return [found[i] for i in shuffle(range(len(found)), 0, "real", condition, str(there))]


def _make_row(row: dict[str, Any], condition: str, texts: list[str], there: int, k: int) -> dict[str, Any]:
    words = ("absent", "present")
    facts = [{"condition": condition, "existence": w, "location": None, "severity": None} for w in words]
    negations = ["existence", "none"]
    return {
        **row,
        "set_id": f"real/{condition}/{k}/{there}",
        "group_id": f"{condition}/{k}",
        "condition": condition,
        "claims": texts,
        "claim_facts": facts,
        "claim_negations": negations,
        "negation_type": negations[there],
        "answer": there,
        "altered": [None if i == there else "existence" for i in (0, 1)],
        "realizer": "template",
    }
