"""PadChest's two witnesses: labels and report text. A fact enters only if neither contradicts it.

The labels say what is there, the text says where and what is not there. ``Witnesses.judge`` holds one label
list against one report:

- a labelled finding that the text denies, doubts, or calls gone is uncertain;
- a finding that only the text states is uncertain, since the labels list what the report finds;
- a denial of the text is kept where no label is of its kind, as wide as the text has it;
- a place is kept if no other finding of its sentence can own it, or if the text gives it to this one; where
  label and text disagree, or most of a finding is there only, it is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from nastdata.ontology import Ontology
from nastdata.records import KIN, Fact
from nastdata.sources.denials import find_conflict, is_plain, settle, widen
from nastdata.sources.padchest.labels import Mention
from nastdata.sources.padchest.report_text import Sentence
from nastdata.sources.witness import AGREED, Agreement, Said, differ_in_side


class Witnesses:
    """Holds label lists against reports."""

    def __init__(self, ontology: Ontology, strength: tuple[str, ...]) -> None:
        self._ontology, self._strength = ontology, strength
        self._sides = {p.name: p.side for p in ontology.places}
        self._regions = {p.name: p.region for p in ontology.places}
        self.agreement = Agreement()

    def judge(
        self,
        mentions: Iterable[Mention],
        sentences: tuple[Sentence, ...] | None,
        aligned: bool,
        weight: int = 1,
    ) -> list[Fact]:
        """Return what one study's labels and report say together.

        Args:
            mentions: Of its label list.
            sentences: Of its report; None if there is no text.
            aligned: Whether the label list has one entry a sentence of the report.
            weight: Studies that say just this, for the counts.
        """
        counts: Counter[str] = Counter()
        by_condition: dict[str, list[Mention]] = {}
        for m in mentions:
            by_condition.setdefault(m.condition, []).append(m)
        text = self._collect(sentences)
        facts: list[Fact] = []
        if not by_condition and not text:
            return []
        for condition in self._ontology.order:
            if condition not in by_condition and condition not in text:
                continue
            own = by_condition.get(condition, [])
            stated = [m for m in own if m.stated]
            facts += [
                Fact(condition, "uncertain", m.place, qualifier=m.qualifier) for m in own if not m.stated
            ]
            said = text.get(condition, Said())
            if sentences is None:
                facts += [Fact(condition, "present", m.place) for m in stated]
            elif stated:
                facts += self._confirm(condition, stated, said, sentences, aligned, counts, weight)
            else:
                facts += self._add(condition, own, said, weight)
        kept = settle(widen(facts, self._strength), self._ontology, counts)
        for reason, n in counts.items():
            self.agreement.counts[reason] += n * weight
        return kept

    def deny_all(self, facts: list[Fact]) -> list[Fact]:
        """Add the absence of every condition of which a normal study says nothing else."""
        known = [f for f in facts if f.existence != "absent" and f.qualifier != KIN]
        named = {f.condition for f in facts if is_plain(f) and f.existence == "absent"}
        absent = [Fact(c, "absent") for c in self._ontology.order if c not in named]
        return [
            *(f for f in facts if f.qualifier is None or f.qualifier == KIN),
            *(f for f in absent if find_conflict(f, known, self._ontology) is None),
        ]

    def _collect(self, sentences: tuple[Sentence, ...] | None) -> dict[str, Said]:
        out: dict[str, Said] = {}
        for number, sentence in enumerate(sentences or ()):
            for fact in sentence.facts:
                out.setdefault(fact.condition, Said()).add(fact, number)
            for condition in sentence.gone:
                out.setdefault(condition, Said()).gone = True
        return out

    def _confirm(
        self,
        condition: str,
        stated: list[Mention],
        said: Said,
        sentences: tuple[Sentence, ...],
        aligned: bool,
        counts: Counter[str],
        weight: int,
    ) -> list[Fact]:
        reads = said.summarise()
        self.agreement.note(condition, reads, named=True, weight=weight)
        if reads not in AGREED:
            counts[f"labelled, but {reads} in the text"] += 1
            return [Fact(condition, "uncertain")]
        out = []
        for m in stated:
            here = [
                f.location
                for number, f in said.present
                if f.location and (not aligned or number == m.sentence)
            ]
            partial = aligned and m.sentence < len(sentences) and sentences[m.sentence].partial
            partial |= not aligned and any(s.partial for s in sentences)
            out.append(Fact(condition, "present", self._tie(m, list(dict.fromkeys(here)), partial, counts)))
        return [*out, *(f for _, f in said.absent)]

    def _tie(self, m: Mention, read: list[str], partial: bool, counts: Counter[str]) -> str | None:
        """Return the place of a labelled finding, as both witnesses have it."""
        place = m.place
        if partial and not (place and self._sides[place] == "both" and self._regions[place] is None):
            if place or m.shared:
                counts["place that holds most of a finding only, or may do"] += 1
            return None
        if place is not None:
            if read and all(differ_in_side(place, r, self._ontology) for r in read):
                counts["place that label and text give differently"] += 1
                return None
            return place
        if not m.shared:
            return None
        fit = [r for r in read if self._among(r, m.shared)]
        if len(fit) == 1 and len(read) == 1:
            counts["shared place that the text gives to one finding"] += 1
            return fit[0]
        counts["place of several findings, unknown"] += 1
        return None

    def _add(self, condition: str, own: list[Mention], said: Said, weight: int) -> list[Fact]:
        reads = said.summarise()
        near = any(m.qualifier is None for m in own)
        self.agreement.note(condition, reads, named=False, near=near, weight=weight)
        if reads in ("present", "uncertain"):
            facts = [f for _, f in (*said.present, *said.uncertain)]
            return [Fact(condition, "uncertain", f.location) for f in facts]
        if reads == "gone":
            return [Fact(condition, "uncertain")]
        return [f for _, f in said.absent]

    def _among(self, place: str, shared: tuple[tuple[str | None, str | None], ...]) -> bool:
        """Whether the sentence's places name this place, and no other."""
        sides = {side for _, side in shared if side}
        regions = {region for region, _ in shared if region}
        side, region = self._sides[place], self._regions[place]
        return sides == ({side} if side else set()) and regions == ({region} if region else set())
