"""What a model is asked about a report, in which form it must answer, and what an answer says. No I/O.

As MAPLEZ does (arXiv 2403.04024), the model says for each finding whether it is there, how sure the
radiologist is, where it is and how grave. Our places and grades are those of the ontology, and each finding
names the sentence that it comes from. A model behind a server answers with JSON of a schema; one in this
process answers one line for each condition, bound to an expression.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nastdata.llm.prompts import render
from nastdata.ontology import Ontology
from nastdata.records import Certainty, Existence, Fact, ParsedFact

PROMPT, BOUND_PROMPT = "read_report", "read_report_bound"
SYSTEM = "You label radiology reports. You answer with JSON only."
NONE = "none"
NOT_MENTIONED = "not mentioned"
MOST_FINDINGS = 40
_SENTENCE = re.compile(r"[^\s].*?(?:[.?!](?=\s)|(?=\n)|\Z)", re.DOTALL)
_LINE = re.compile(
    r"(?P<condition>.+?): (?:not mentioned|(?P<existence>present|absent), (?P<certainty>definite|uncertain),"
    r" sentence (?P<sentence>\d+), place (?P<place>.+), grade (?P<grade>.+))"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence of a report, by its characters."""

    start: int
    end: int


def split_sentences(text: str) -> list[Span]:
    """Return the sentences of a report, as the model is shown them; at least one."""
    spans = [Span(m.start(), m.start() + len(m.group().rstrip())) for m in _SENTENCE.finditer(text)]
    return [s for s in spans if s.end > s.start] or [Span(0, len(text))]


class Questions:
    """Questions about reports with one ontology.

    Args:
        ontology: Whose conditions, places and grades are asked for.
    """

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self._places = [p.name for p in ontology.places]
        self._grades = list(dict.fromkeys(g for s in ontology.scales for g in s.grades))
        self._of_scale = {s.name: frozenset(s.grades) for s in ontology.scales}
        self._by_text = {c.text.lower(): c.name for c in ontology.conditions}

    def write_messages(self, text: str, *, bound: bool) -> tuple[tuple[str, str], ...]:
        """Return the chat that asks about a report."""
        sentences = [" ".join(text[s.start : s.end].split()) for s in split_sentences(text)]
        asked = render(
            BOUND_PROMPT if bound else PROMPT,
            subject=self.ontology.subject.text,
            conditions=[
                {"name": c.name, "text": c.text, "others": [s for s in c.synonyms if s != c.text][:6]}
                for c in self.ontology.conditions
            ],
            sentences=sentences,
            places=self._places,
            grades=self._grades,
        )
        return (("user", asked),) if bound else (("system", SYSTEM), ("user", asked))

    def write_form(self, text: str, *, bound: bool) -> dict[str, Any]:
        """Return the JSON schema of an answer, or the expressions of a local model's lines."""
        numbers = [str(n + 1) for n in range(len(split_sentences(text)))]
        if bound:
            return {"regexes": [self._write_line(c.text, numbers) for c in self.ontology.conditions]}
        values = {
            "condition": [c.name for c in self.ontology.conditions],
            "existence": ["present", "absent"],
            "certainty": ["definite", "uncertain"],
            "place": [NONE, *self._places],
            "grade": [NONE, *self._grades],
            "sentence": numbers,
        }
        finding = {
            "type": "object",
            "properties": {k: {"type": "string", "enum": v} for k, v in values.items()},
            "required": list(values),
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {"findings": {"type": "array", "items": finding, "maxItems": MOST_FINDINGS}},
            "required": ["findings"],
            "additionalProperties": False,
        }

    def _write_line(self, name: str, numbers: Sequence[str]) -> str:
        def any_of(values: Sequence[str]) -> str:
            return "(" + "|".join(map(re.escape, values)) + ")"

        return (
            f"{re.escape(name)}: ({NOT_MENTIONED}|(present|absent), (definite|uncertain), "
            f"sentence {any_of(numbers)}, place {any_of([NONE, *self._places])}, "
            f"grade {any_of([NONE, *self._grades])})"
        )

    def read_answer(self, answer: str, text: str, counts: Counter[str]) -> tuple[ParsedFact, ...]:
        """Return the facts that an answer states of a report, in the report's order.

        A place or a grade that the condition can't have is left off a finding that is there; of a finding
        that is denied nothing may be left off, since the denial would say more, so that it is refused.

        Args:
            answer: JSON of the schema, or ``{"sentences": [...]}`` with a line for each condition.
            text: The report.
            counts: What could not be used, by reason.
        """
        said = json.loads(answer)
        findings = said["findings"] if "findings" in said else list(self._read_lines(said["sentences"]))
        spans = split_sentences(text)
        facts: dict[ParsedFact, None] = {}
        for finding in findings:
            fact = self._make_fact(finding, counts)
            if fact is not None:
                number = int(finding["sentence"]) - 1
                at = spans[min(number, len(spans) - 1)]
                certainty: Certainty = "definite" if finding["certainty"] == "definite" else "uncertain"
                facts[
                    ParsedFact(fact, at.start, at.end, None, number, (at.start, at.end), "now", certainty)
                ] = None
        return tuple(sorted(facts, key=lambda f: f.sentence))

    def _read_lines(self, lines: Sequence[str]) -> Any:
        for line in lines:
            found = _LINE.fullmatch(line)
            if found and found["existence"]:
                yield {**found.groupdict(), "condition": self._by_text[found["condition"].lower()]}

    def _make_fact(self, finding: dict[str, str], counts: Counter[str]) -> Fact | None:
        condition = self.ontology.condition_by_name[finding["condition"]]
        place = None if finding["place"] == NONE else finding["place"]
        grade = None if finding["grade"] == NONE else finding["grade"]
        existence: Existence = "present" if finding["existence"] == "present" else "absent"
        if finding["certainty"] == "uncertain":
            existence = "uncertain"
        kept_place = place if place in condition.places else None
        kept_grade = grade if grade in self._of_scale.get(condition.scale or "", ()) else None
        for what, given, kept in (("place", place, kept_place), ("grade", grade, kept_grade)):
            if given != kept:
                counts[f"{what} that the condition can't have"] += 1
                if existence == "absent":
                    counts["denials refused for such a place or grade"] += 1
                    return None
        return Fact(condition.name, existence, kept_place, kept_grade)
