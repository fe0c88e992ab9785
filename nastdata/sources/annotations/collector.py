"""Gathers what annotators say of studies, settles contradictions, and hands over facts or labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from nastdata.frames import FACTS_SCHEMA, labels_schema
from nastdata.ontology import Ontology
from nastdata.records import Fact
from nastdata.sources.base import InputFile, Loaded
from nastdata.sources.denials import find_conflict, is_plain
from nastdata.sources.studies import KEYS, reject_rows, report_facts, report_labels, sort_facts

NOTHING_USABLE = "no definite finding"
UNKNOWN_LABEL = "no label that is a condition of the ontology"


@dataclass(frozen=True, slots=True)
class StudyKeys:
    """The keys of one study (``frames.STUDY_COLUMNS`` without ``source``)."""

    patient: str
    study: str
    image_id: str
    image: str | None
    own_split: str | None = None
    view: str | None = None


@dataclass(frozen=True, slots=True)
class _Study:
    keys: StudyKeys
    units: int
    present: tuple[Fact, ...]
    absent: tuple[Fact, ...]
    doubtful: frozenset[str]
    unsettled: tuple[Fact, ...]
    """Uncertain facts: doubts, and what a loosely fitting label speaks of."""
    why_empty: str


@dataclass
class Collector:
    """What a corpus says, study by study. Every unit of input is accounted for."""

    source: str
    ontology: Ontology
    files: tuple[InputFile, ...] = ()
    view: str | None = None
    """Of all images of the corpus, where a study does not say it."""
    rejects: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(reason, key, text) of units that were refused."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> units that carry nothing usable and belong to no study."""
    counts: Counter[str] = field(default_factory=Counter)
    """What the report tells besides: findings that were not used, and why."""
    report: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What the user should know, a sentence each."""
    _studies: list[_Study] = field(default_factory=list)

    def add(
        self,
        keys: StudyKeys,
        present: Sequence[Fact],
        absent: Sequence[Fact] = (),
        doubtful: Iterable[str] = (),
        unsettled: Iterable[Fact] = (),
        *,
        touched: Iterable[str] = (),
        units: int = 1,
        why_empty: str = NOTHING_USABLE,
    ) -> None:
        """Add one study.

        Args:
            keys: Of the study.
            present: Facts.
            absent: Facts; those that another fact speaks against are dropped and counted.
            doubtful: Conditions of which nobody knows.
            unsettled: Uncertain facts, of which a place may be known.
            touched: Conditions that a loosely fitting label speaks of: neither stated nor denied.
            units: How many units of the input it stands for (rows, images).
            why_empty: Reason to report if nothing usable is left.
        """
        present = tuple(dict.fromkeys(present))
        stated = {f.condition for f in present}
        unsure = frozenset(c for c in doubtful if c not in stated)
        doubts = [Fact(c, "uncertain") for c in sorted({*unsure, *touched})]
        doubts = list(dict.fromkeys([*doubts, *unsettled]))
        others = [*present, *doubts]
        kept = []
        for fact in dict.fromkeys(absent):
            why = find_conflict(fact, others, self.ontology) if others else None
            if why:
                self.counts[why] += 1
            else:
                kept.append(fact)
        self._studies.append(_Study(keys, units, present, tuple(kept), unsure, tuple(doubts), why_empty))

    def as_facts(self) -> Loaded:
        """Return the facts as a fact frame."""
        rows = [
            (*self._name(s), f.condition, f.existence, f.location, f.severity, f.qualifier)
            for s in self._studies
            for f in (*s.present, *s.absent, *s.unsettled)
        ]
        frame = sort_facts(pl.DataFrame(rows, schema=FACTS_SCHEMA, orient="row"), self.ontology)
        return self._account(frame, [bool(s.present or s.absent) for s in self._studies], report_facts(frame))

    def as_labels(self) -> Loaded:
        """Return the facts as label vectors: 1 present, 0 wholly absent, -1 doubtful, null not known."""
        names = [c.name for c in self.ontology.conditions]
        rows, used = [], []
        for s in self._studies:
            labels = dict.fromkeys(s.doubtful, -1)
            labels |= {f.condition: 0 for f in s.absent if is_plain(f)}
            labels |= {f.condition: 1 for f in s.present}
            used.append(bool(labels))
            if labels:
                open_ = {f.condition for f in s.unsettled if f.qualifier is None} - labels.keys()
                labels |= dict.fromkeys(open_, -1)
                rows.append((*self._name(s), *(labels.get(n) for n in names)))
        frame = pl.DataFrame(rows, schema=labels_schema(self.ontology), orient="row")
        frame = frame.sort("patient_id", "study_id")
        return self._account(frame, used, report_labels(frame, self.ontology))

    def _name(self, study: _Study) -> tuple[str | None, ...]:
        k = study.keys
        by_name = {
            "source": self.source,
            "patient_id": k.patient,
            "study_id": k.study,
            "image_id": k.image_id,
            "image": k.image,
            "own_split": k.own_split,
            "view": k.view or self.view,
        }
        return tuple(by_name[c] for c in KEYS)

    def _account(self, frame: pl.DataFrame, used: list[bool], report: dict[str, object]) -> Loaded:
        left_out = Counter(self.left_out)
        out = 0
        for study, is_used in zip(self._studies, used, strict=True):
            if is_used:
                out += study.units
            else:
                left_out[study.why_empty] += study.units
        more: dict[str, object] = {"not_used": dict(sorted(self.counts.items()))} if self.counts else {}
        return Loaded(
            frame=frame,
            rejects=reject_rows(sorted(self.rejects, key=lambda r: (r[0], r[1], r[2] or "")), self.source),
            files=self.files,
            rows_in=out + len(self.rejects) + sum(left_out.values()),
            rows_out=out,
            left_out=dict(sorted(left_out.items())),
            report={**report, **more, **self.report},
            notes=tuple(self.notes),
        )
