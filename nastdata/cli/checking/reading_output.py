"""How ``nastdata parse`` shows a reading: JSON, plain lines, or a table on a terminal."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nastdata.ontology import Ontology
    from nastdata.reading.parse import Reading
    from nastdata.records import ParsedFact

_BREAK = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*(?:[-*\u2022]|\d+[.)]|[A-Z]))")


def describe_reading(reading: Reading, ontology: Ontology) -> dict[str, Any]:
    """Return the JSON of a reading (``docs/reader.md`` lists the keys)."""
    return {
        "text": reading.text,
        "labels": reading.labels,
        "facts": [describe_fact(p, ontology) for p in reading.facts],
        "unread": [
            {"start": u.start, "end": u.end, "text": u.text, "reason": u.reason} for u in reading.unread
        ],
        "unsaid": [
            {"start": u.start, "end": u.end, "text": u.text, "reason": u.reason} for u in reading.unsaid
        ],
        "language": reading.language,
    }


def describe_fact(parsed: ParsedFact, ontology: Ontology) -> dict[str, Any]:
    """Return the JSON of a fact; a denied attribute has a key of its own."""
    fact = parsed.fact
    return {
        "condition": fact.condition,
        "existence": fact.existence,
        "location": None if fact.denies == "location" else fact.location,
        "severity": None if fact.denies == "severity" else fact.severity,
        "not_location": fact.location if fact.denies == "location" else None,
        "not_severity": fact.severity if fact.denies == "severity" else None,
        "side": find_side(parsed, ontology),
        "time": parsed.time,
        "certainty": parsed.certainty,
        "qualifier": parsed.qualifier,
        "section": parsed.section,
        "sentence": parsed.sentence,
        "sentence_span": list(parsed.sentence_span),
        "start": parsed.start,
        "end": parsed.end,
    }


def find_side(parsed: ParsedFact, ontology: Ontology) -> str | None:
    """Return left, right or both: the side of the place that is named, denied or not."""
    place = ontology.place_by_name.get(parsed.fact.location or "")
    return place.side if place else None


def say_fact(parsed: ParsedFact) -> str:
    """Return "Pleural Effusion absent (large, left)", with the time where it is not now."""
    fact = parsed.fact
    no = "not " if fact.denies else ""
    details = [no + d for d in (fact.severity, fact.location) if d]
    if parsed.time != "now":
        details.append(parsed.time)
    return f"{fact.condition} {fact.existence}" + (f" ({', '.join(details)})" if details else "")


def write_lines(reading: Reading, title: str | None = None) -> str:
    """Return plain lines: the text (or a title) and what it says; for a report one fact a line."""
    unread = [f"    unread: {_shorten(u.text)} ({u.reason})" for u in reading.unread]
    if title is None:
        said = "; ".join(map(say_fact, reading.facts)) or "-"
        return "\n".join([reading.text, f"    {said}", *unread])
    facts = [f"    {f.section + ': ' if f.section else ''}{say_fact(f)}" for f in reading.facts]
    return "\n".join([title, *(facts or ["    -"]), *unread])


def print_table(reading: Reading, ontology: Ontology, title: str | None = None) -> None:
    """Print one reading as a table on a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=False)
    console.print(Text(title or reading.text, style="bold"))
    if reading.facts:
        table = Table("finding", "says", "place", "side", "grade", "time", "certainty", "section", "at")
        styles = {"present": "red", "absent": "green", "uncertain": "yellow"}
        for p in reading.facts:
            f = p.fact
            place = ("not " if f.denies == "location" else "") + (f.location or "-")
            grade = ("not " if f.denies == "severity" else "") + (f.severity or "-")
            cells = (f.condition, f.existence, place, find_side(p, ontology) or "-", grade, p.time)
            rest = (p.certainty, p.section or "-", f"{p.start}-{p.end}")
            table.add_row(*map(escape, (*cells, *rest)), style=styles.get(f.existence))
        console.print(table)
    elif not reading.unread:
        console.print(Text("  no finding is named", style="dim"))
    for u in reading.unread:
        console.print(Text(f"  unread: {_shorten(u.text)} ({u.reason})", style="magenta"))


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 100 else flat[:97] + "..."


def cut_sentences(text: str) -> list[tuple[int, int]]:
    """Return the character spans of a text's sentences, by full stops, blank lines and list items."""
    spans, start = [], 0
    for m in [*_BREAK.finditer(text), None]:
        end = m.start() if m else len(text)
        if any(c.isalnum() for c in text[start:end]):
            spans.append((start, end))
        start = m.end() if m else end
    return spans


@dataclass
class Tally:
    """Counts sentences, and those with an unread part."""

    texts: int = 0
    sentences: int = 0
    unread: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, reading: Reading) -> None:
        """Count one reading."""
        spans = cut_sentences(reading.text)
        self.texts += 1
        self.sentences += len(spans)
        if reading.unread:
            parts = [(u.start, u.end) for u in reading.unread]
            self.unread += sum(any(a < end and start < b for start, end in parts) for a, b in spans)
            self.reasons.update(u.reason for u in reading.unread)

    def __str__(self) -> str:
        """Return the closing line."""
        texts = f"{self.texts:,} text{'' if self.texts == 1 else 's'}"
        share = 100 * self.unread / max(self.sentences, 1)
        why = ", ".join(f"{reason} {n:,}" for reason, n in self.reasons.most_common(5))
        word = "sentence" if self.sentences == 1 else "sentences"
        said = f"{texts}; unread: {self.unread:,} of {self.sentences:,} {word} ({share:.1f} %)"
        return f"{said}: {why}" if why else said
