"""Open-i's two witnesses: MeSH headings and report text. A fact enters only if neither contradicts it.

- A heading's finding that the text denies, doubts, or calls gone is uncertain, and so is a finding that only
  the text states.
- A denial of the text is kept where nothing of its kind is in headings or text, as wide as the text has it.
- A heading's place is unknown where the text gives another side, or only where most of the finding is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from nastdata.ontology import Ontology
from nastdata.reading.parse import Reading
from nastdata.records import Fact, ParsedFact
from nastdata.sources.denials import settle, widen
from nastdata.sources.openi.headings import HeadingFact
from nastdata.sources.places import is_partial
from nastdata.sources.report_facts import read_facts
from nastdata.sources.witness import AGREED, ONLY_TEXT, Agreement, Said, collect_said, differ_in_side

REDACTED = "XXXX"
REDACTED_DENIAL = "absent in the text, with a redacted word before the finding"


class Witnesses:
    """Holds the headings of reports against their texts."""

    def __init__(self, ontology: Ontology, strength: tuple[str, ...]) -> None:
        self._ontology, self._strength = ontology, strength
        self.agreement = Agreement()

    def judge(self, headings: Iterable[HeadingFact], texts: Sequence[tuple[str, Reading]]) -> list[Fact]:
        """Return what one report's headings and text say together."""
        counts = self.agreement.counts
        said = self.read(texts)
        by_text = collect_said(said)
        partial = self._find_partial(texts)
        stated: dict[str, list[HeadingFact]] = {}
        near: list[Fact] = []
        for h in headings:
            if h.strength in self._strength and h.certain:
                stated.setdefault(h.condition, []).append(h)
            else:
                near.append(Fact(h.condition, "uncertain", h.location, qualifier=h.qualifier))
        doubted = {f.condition for f in near if f.qualifier is None}
        facts = list(near)
        for condition in self._ontology.order:
            text = by_text.get(condition, Said())
            reads = text.summarise()
            named = condition in stated
            self.agreement.note(condition, reads, named=named, near=condition in doubted)
            if named:
                facts += self._confirm(stated[condition], text, reads, condition in partial)
            elif reads in ("present", "uncertain"):
                counts[f"{ONLY_TEXT}, or doubted there"] += 1
                facts += [
                    Fact(condition, "uncertain", f.location) for _, f in (*text.present, *text.uncertain)
                ]
            else:
                facts += [f for _, f in text.absent]
        return settle(widen(facts, self._strength), self._ontology, counts)

    def read(self, texts: Sequence[tuple[str, Reading]]) -> list[Fact]:
        """Return what the texts of a report say, but for denials that a redacted word may restrict."""
        out: dict[Fact, None] = {}
        for text, reading in texts:
            kept = tuple(p for p in reading.facts if p.existence != "absent" or not _is_redacted(text, p))
            self.agreement.counts[REDACTED_DENIAL] += len(reading.facts) - len(kept)
            said = read_facts(text, replace(reading, facts=kept), self._ontology)
            out |= dict.fromkeys(said.facts)
        return list(out)

    def _confirm(self, own: list[HeadingFact], text: Said, reads: str, partial: bool) -> list[Fact]:
        counts = self.agreement.counts
        if reads not in AGREED:
            counts[f"in a heading, but {reads} in the text"] += 1
            return [Fact(own[0].condition, "uncertain")]
        read = [f.location for _, f in text.present if f.location]
        grades = {f.severity for _, f in text.present if f.severity}
        out = []
        for h in own:
            place, grade = h.location, h.severity
            if place and read and all(differ_in_side(place, r, self._ontology) for r in read):
                counts["place that heading and text give differently"] += 1
                place = None
            where = self._ontology.place_by_name.get(place or "")
            if where and partial and not (where.side == "both" and where.region is None):
                counts["place that holds most of a finding only, or may do"] += 1
                place = None
            if grade and grades and grade not in grades:
                counts["grade that heading and text give differently"] += 1
                grade = None
            out.append(Fact(h.condition, "present", place, grade))
        return [*out, *(f for _, f in text.absent)]

    def _find_partial(self, texts: Sequence[tuple[str, Reading]]) -> set[str]:
        """Return the conditions named in sentences that say where most of a finding is."""
        return {
            p.condition
            for text, reading in texts
            for p in reading.facts
            if is_partial(text[slice(*p.sentence_span)], reading.language or "en")
        }


def _is_redacted(text: str, parsed: ParsedFact) -> bool:
    """Whether the word before a finding was blacked out: it may have been a place or a grade.

    A model names the sentence only, so that any redaction in it counts.
    """
    if (parsed.start, parsed.end) == parsed.sentence_span:
        return REDACTED in text[parsed.start : parsed.end]
    return text[: parsed.start].rstrip().endswith(REDACTED)
