"""Sentences of a corpus's reports that say a few findings and nothing else: texts for report alignment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import polars as pl

from nastdata.ontology import Ontology
from nastdata.reading.caption_gate import check_fact
from nastdata.reading.parse import Parser, Reading, get_parser

STATEMENTS_SCHEMA: dict[str, pl.DataType] = {
    "source": pl.String(),
    "study_id": pl.String(),
    "text": pl.String(),
    "conditions": pl.List(pl.String()),
    "present": pl.List(pl.Boolean()),
    "names": pl.List(pl.String()),
    "plain": pl.Boolean(),
}
"""One row a sentence of a study: which conditions it states or denies, the last word of the name that it uses
for each ("effusion"), and whether it says neither place nor grade."""
LONGEST = 160
"""Characters of a sentence."""
REDACTED = re.compile(r"x{3,}|_{2,}", re.IGNORECASE)


def read_statements(reports: Iterable[tuple[str, str, Sequence[str]]], ontology: Ontology) -> pl.DataFrame:
    """Return the sentences of reports in which every word belongs to a finding that is read.

    A sentence with a word that the reader can't account for is left out (it may say more), and so is one
    that doubts, compares, looks back, or was redacted. A sentence about one finding must pass the caption
    gate; of several it may only deny.

    Args:
        reports: (source, study id, texts).
        ontology: whose conditions are read.

    Returns:
        ``STATEMENTS_SCHEMA``, in the order of the reports and their sentences.
    """
    parser = get_parser(ontology)
    known: dict[str, tuple[list[str], list[bool], list[str], bool] | None] = {}
    rows = []
    for source, study, texts in reports:
        said: set[str] = set()
        for text in texts:
            for sentence in _split(text, parser.parse(text)):
                if sentence not in known:
                    known[sentence] = _judge(sentence, parser, ontology)
                found = known[sentence]
                if found is not None and sentence not in said:
                    said.add(sentence)
                    rows.append((source, study, sentence, *found))
    return pl.DataFrame(rows, schema=STATEMENTS_SCHEMA, orient="row")


def _split(text: str, reading: Reading) -> list[str]:
    """Return the sentences that name a finding, each with a capital and a full stop."""
    spans = dict.fromkeys(f.sentence_span for f in reading.facts)
    cut = (text[a:b].strip().rstrip(".").strip() for a, b in spans)
    return [f"{s[0].upper()}{s[1:]}." for s in cut if s]


def _judge(
    sentence: str, parser: Parser, ontology: Ontology
) -> tuple[list[str], list[bool], list[str], bool] | None:
    if len(sentence) > LONGEST or REDACTED.search(sentence):
        return None
    reading = parser.parse(sentence)
    facts = [f for f in reading.facts if f.condition in reading.labels]
    clear = not reading.unlicensed and not reading.unread and not reading.alternatives
    sure = all(f.certainty == "definite" and f.time == "now" and f.denies is None for f in facts)
    if not facts or not clear or not sure or -1 in reading.labels.values():
        return None
    conditions = list(reading.labels)
    plain = all(f.location is None and f.severity is None and f.qualifier is None for f in facts)
    # "no large effusion" is no absence
    if any(f.existence == "absent" and (f.location or f.severity or f.qualifier) for f in facts):
        return None
    if len(facts) > 1 and any(f.existence != "absent" for f in facts):
        return None
    if len(facts) == 1 and check_fact(reading, facts[0].fact, ontology) is not None:
        return None
    last = {f.condition: sentence[f.start : f.end].lower().split()[-1].rstrip("s") for f in facts}
    return conditions, [reading.labels[c] == 1 for c in conditions], [last[c] for c in conditions], plain
