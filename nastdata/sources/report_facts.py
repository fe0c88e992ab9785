"""From the reports of a study to its facts: what is said of now, and nothing that is denied as well.

    reader = ReportReader(ontology)
    facts = reader.read(["No pneumothorax. Small left effusion."], key="s1")
    reader.account()     # counts for the source's report
    reader.sample        # sentences with their readings, to look at

Every source that has reports reads them here, so that all of them decide alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import polars as pl

from nastdata.frames import FACTS_SCHEMA
from nastdata.ontology import Ontology
from nastdata.reading.api import find_excess, is_other_language, name_language
from nastdata.reading.layout import Layout
from nastdata.reading.parse import Reading
from nastdata.reading.register import load_register
from nastdata.reading.second_reader.questions import split_sentences
from nastdata.reading.second_reader.text_reader import TextReader
from nastdata.records import Fact, ParsedFact
from nastdata.seeded import draw_int
from nastdata.sources.base import InputFile, Loaded
from nastdata.sources.denials import narrow, says_something, settle, widen
from nastdata.sources.normal_findings import find_normal
from nastdata.sources.places import is_partial
from nastdata.sources.studies import KEYS, reject_rows, report_facts, sort_facts

IN_LANGUAGE = "reports not read, in "
"""Before the name of a language that is not read, in the account; the total is counted beside it."""
KEPT_TIMES = frozenset({"now", "new"})
"""A new finding is there now; what was earlier or has resolved is not."""
REMEMBERED = 20_000
"""Distinct texts whose readings are kept: reports of normal studies repeat."""


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """One sentence of a report with what was read from it, for people to look at."""

    key: str
    """The study."""
    text: str
    facts: tuple[str, ...]
    """In words: "Pleural Effusion present, left lung base, small (now)"."""
    unread: tuple[str, ...]
    """Parts that could not be read, with the reason."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one text says, before the texts of a study are held against one another."""

    facts: tuple[Fact, ...]
    """Present, absent and uncertain ones."""
    counts: tuple[tuple[str, int], ...]
    sentences: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]


class ReportReader:
    """Reads the reports of studies one after another, and counts what it could not use.

    Args:
        ontology: Whose findings are wanted.
        language: Of the texts; None: found out by the reader.
        texts: Who reads: rules, a language model or both; None: the rules.
        seed: Of the recipe; decides which sentences are sampled.
        sample_size: How many sentences to keep for people to look at.
        strength: Of the recipe; with "broad" a qualified denial counts as a plain one.
    """

    def __init__(
        self,
        ontology: Ontology,
        *,
        language: str | None = None,
        texts: TextReader | None = None,
        seed: int = 0,
        sample_size: int = 50,
        strength: Collection[str] = ("exact",),
    ) -> None:
        self._texts = texts or TextReader(ontology)
        self._ontology, self._language = ontology, language
        self._seed, self._sample_size, self._strength = seed, sample_size, strength
        self._known: dict[str, _Said] = {}
        self._ahead: dict[str, Reading] = {}
        """Texts that were read ahead and not used yet."""
        self._sample: dict[int, ReadSentence] = {}
        self.counts: Counter[str] = Counter()

    def read(self, texts: Iterable[str], key: str) -> list[Fact]:
        """Return the facts of one study, present and absent ones only if nothing speaks against them.

        Args:
            texts: The study's reports, or the sections of one.
            key: The study's id.

        Returns:
            Facts, the uncertain ones too; nothing if none is definite.
        """
        facts = settle(self.read_all(texts, key), self._ontology, self.counts)
        return facts if says_something(facts) else []

    def read_all(self, texts: Iterable[str], key: str) -> list[Fact]:
        """Return all that the texts of a study say, contradictions included."""
        said = [self._read_text(text, key) for text in texts if text.strip()]
        self.counts["reports"] += len(said)
        for one in said:
            self.counts.update(dict(one.counts))
        return widen(dict.fromkeys(f for s in said for f in s.facts), self._strength)

    def prepare(self, texts: Iterable[str]) -> None:
        """Read texts ahead, together: a language model is asked about many at a time."""
        todo = [
            t for t in dict.fromkeys(texts) if t.strip() and t not in self._known and t not in self._ahead
        ]
        self._ahead.update(zip(todo, self._texts.read(todo, language=self._language), strict=True))

    def peek(self, text: str) -> list[Fact]:
        """Return what one text says by itself, without counting it (``read`` counts)."""
        said = self._known.get(text)
        if said is None:
            said = read_facts(text, self._texts.read([text], language=self._language)[0], self._ontology)
        return [f for f in widen(said.facts, self._strength) if f.existence != "uncertain"]

    def account(self) -> dict[str, Any]:
        """Return counts for the source's report; shares are null where nothing was read."""
        naming = self.counts["sentences that name a finding"]
        unread = self.counts["sentences with a part that could not be read"]
        return {
            **{k: n for k, n in sorted(self.counts.items()) if n},
            "share of such sentences that could not be read": round(unread / naming, 4) if naming else None,
        }

    @property
    def sample(self) -> list[ReadSentence]:
        """Sentences that name a finding, picked by a hash of study and text: the same in every run."""
        return [self._sample[code] for code in sorted(self._sample)]

    def _read_text(self, text: str, key: str) -> _Said:
        said = self._known.get(text)
        if said is None:
            if text not in self._ahead:
                self.prepare([text])
            said = read_facts(text, self._ahead.pop(text), self._ontology)
            if len(self._known) < REMEMBERED:
                self._known[text] = said
        for number, (sentence, facts, unread) in enumerate(said.sentences):
            code = draw_int(self._seed, "read sentence", key, number, sentence)
            if len(self._sample) < self._sample_size:
                self._sample[code] = ReadSentence(key, sentence, facts, unread)
            elif code < max(self._sample):
                del self._sample[max(self._sample)]
                self._sample[code] = ReadSentence(key, sentence, facts, unread)
        return said


def load_reports(
    studies: pl.DataFrame,
    texts: str,
    reader: ReportReader,
    ontology: Ontology,
    *,
    files: tuple[InputFile, ...],
    rejects: pl.DataFrame | None = None,
    report: dict[str, object] | None = None,
    notes: tuple[str, ...] = (),
) -> Loaded:
    """Read one report a study into a fact frame; every study is accounted for.

    Args:
        studies: ``frames.STUDY_COLUMNS`` and the column of texts, one row a study.
        texts: Name of that column: strings, or lists of strings; null or blank is "no text".
        reader: To read with; it keeps the counts.
        ontology: The reader's.
        files: What was read.
        rejects: Rows that were refused before (``frames.REJECTS_SCHEMA``); they count as input.
        report: More for the source's report.
        notes: What the user should know.
    """
    rows: list[tuple[Any, ...]] = []
    left_out: Counter[str] = Counter()
    keys = studies.select(KEYS).rows()
    reader.prepare(t for text in studies[texts] for t in (text if isinstance(text, list) else [text]) if t)
    for names, text in zip(keys, studies[texts].to_list(), strict=True):
        parts = [t for t in (text if isinstance(text, list) else [text]) if t and t.strip()]
        if not parts:
            left_out["no report text"] += 1
            continue
        facts = reader.read(parts, names[KEYS.index("study_id")])
        if not facts:
            left_out["no definite finding in the report"] += 1
        rows += [(*names, f.condition, f.existence, f.location, f.severity, f.qualifier) for f in facts]
    frame = sort_facts(pl.DataFrame(rows, schema=FACTS_SCHEMA, orient="row"), ontology)
    refused = reject_rows([], "") if rejects is None else rejects
    return Loaded(
        frame=frame,
        rejects=refused,
        files=files,
        rows_in=len(studies) + len(refused),
        rows_out=len(studies) - sum(left_out.values()),
        left_out=dict(sorted(left_out.items())),
        report={**report_facts(frame), "reading": reader.account(), **(report or {})},
        notes=notes,
        sentences=list_sentences(reader, str(studies["source"][0]) if len(studies) else ""),
    )


def list_sentences(reader: ReportReader, source: str) -> pl.DataFrame:
    """Return the reader's sample as a table for people to look at."""
    rows = [(source, s.key, s.text, "; ".join(s.facts), "; ".join(s.unread)) for s in reader.sample]
    names = ("source", "study", "sentence", "read_as", "not_read")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def read_facts(text: str, reading: Reading, ontology: Ontology) -> _Said:
    """Turn the reading of one text into facts: what is there now, how it is denied, what is doubtful.

    A place that is said to be where most of a finding is ("predominantly on the left") is left out. What
    could not be read makes every finding that it names uncertain.
    """
    counts: Counter[str] = Counter()
    if (excess := find_excess(text)) is not None:
        return _Said((), ((f"texts that are {excess}", 1),), ())
    if is_other_language(reading):
        counts["reports in a language that is not read"] += 1
        if name := name_language(reading):
            counts[f"{IN_LANGUAGE}{name}"] += 1
        return _Said((), tuple(counts.items()), ())
    kept: list[ParsedFact] = []
    by_sentence: dict[tuple[int, int], list[str]] = {}
    spans = [(s.start, s.end) for s in split_sentences(text)]
    for parsed in reading.facts:
        fact, time = parsed.fact, parsed.time
        span = parsed.sentence_span if parsed.sentence_span[1] else _find_sentence(parsed.start, spans, text)
        by_sentence.setdefault(span, []).append(_describe(fact, time))
        if time not in KEPT_TIMES or (time == "new" and fact.existence == "absent"):
            # "no new effusion" leaves an old one open
            counts[f"findings not of now ({'no new' if time == 'new' else time})"] += 1
            continue
        if fact.existence == "uncertain" or parsed.certainty == "uncertain":
            counts["uncertain findings"] += 1
        place = ontology.place_by_name.get(fact.location or "")
        whole = place is None or (place.side == "both" and place.region is None)
        language = reading.language or "en"
        if not whole and fact.existence != "absent" and is_partial(text[slice(*span)], language):
            counts["places that hold most of a finding, not used"] += 1
            parsed = replace(parsed, fact=replace(fact, location=None))
        kept.append(parsed)
    unread_in: dict[tuple[int, int], list[str]] = {}
    for unread in reading.unread:
        span = _find_sentence(unread.start, [*by_sentence, *spans], text)
        unread_in.setdefault(span, []).append(f"{unread.text} ({unread.reason})")
    named = sorted({*by_sentence, *unread_in})
    counts["sentences that name a finding"] += len(named)
    counts["sentences with a part that could not be read"] += len(unread_in)
    sentences = tuple(
        (
            " ".join(text[a:b].split()),
            tuple(dict.fromkeys(by_sentence.get((a, b), ()))),
            tuple(unread_in.get((a, b), ())),
        )
        for a, b in named
    )
    facts = narrow(kept, text, ontology)
    facts += find_normal(_list_findings(text, spans), reading.language or "en", ontology)
    facts += [Fact(c, "uncertain") for u in reading.unread for c in find_named(u.text, ontology)]
    return _Said(
        tuple(dict.fromkeys(facts)),
        tuple(sorted(counts.items())),
        sentences,
    )


def _list_findings(text: str, spans: Iterable[tuple[int, int]]) -> list[str]:
    """Return the sentences that are not under a heading such as HISTORY or COMPARISON."""
    sections = _find_layout().find_sections(text)
    silent = [(s.start, s.end) for s in sections if s.role == "silent"]
    return [text[a:b] for a, b in spans if not any(start <= a < end for start, end in silent)]


@lru_cache(maxsize=1)
def _find_layout() -> Layout:
    return Layout(load_register().sections)


def find_named(text: str, ontology: Ontology) -> list[str]:
    """Return the conditions that a text names, whatever it says of them."""
    return [c for c, pattern in _name_patterns(ontology) if pattern.search(text)]


def _name_patterns(ontology: Ontology) -> list[tuple[str, re.Pattern[str]]]:
    found = _PATTERNS.get(id(ontology))
    if found is None or found[0] is not ontology:
        patterns = []
        for c in ontology.conditions:
            names = {c.text, *c.synonyms, *c.also_read}
            words = "|".join(sorted((re.escape(n) for n in names), key=len, reverse=True))
            patterns.append((c.name, re.compile(rf"\b(?:{words})s?\b", re.IGNORECASE)))
        _PATTERNS.clear()
        found = _PATTERNS.setdefault(id(ontology), (ontology, patterns))
    return found[1]


_PATTERNS: dict[int, tuple[Ontology, list[tuple[str, re.Pattern[str]]]]] = {}


def _find_sentence(at: int, spans: Iterable[tuple[int, int]], text: str) -> tuple[int, int]:
    """Return the sentence that a character is in."""
    return next(((a, b) for a, b in spans if a <= at < b), (0, len(text)))


def _describe(fact: Fact, time: str) -> str:
    parts = [f"{fact.condition} {fact.existence}", fact.location, fact.severity]
    denied = f" (not this {fact.denies})" if fact.denies else ""
    return ", ".join(p for p in parts if p) + denied + (f" ({time})" if time != "now" else "")
